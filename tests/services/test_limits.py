"""Calls of a minute are counted for one process or, by Redis, for several; none goes uncounted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from tests.servers.redis import RedisServer
from tgstudio_dagster.core.errors import LimiterError, QuotaError, SettingsError
from tgstudio_dagster.services.limits import Limiter


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


def limiters(url: str | None) -> list[Limiter]:
    """Those of two processes, or twice the one of a process."""
    if url is None:
        return [Limiter()] * 2
    return [Limiter(SecretStr(url)) for _ in range(2)]


@pytest.mark.parametrize("shared", [False, True])
def test_the_one_too_many_waits_until_the_first_is_a_minute_ago(redis: RedisServer, shared: bool) -> None:
    one, other = limiters(redis.url if shared else None)
    began = datetime.now(UTC)
    for limiter in (one, other, one):
        limiter.take("calls_per_minute", "key-1", 3)
    with pytest.raises(QuotaError, match="calls_per_minute: 3 in 1 min are allowed") as refused:
        other.take("calls_per_minute", "key-1", 3)
    assert timedelta(seconds=58) < refused.value.until - began < timedelta(seconds=63)
    other.take("calls_per_minute", "key-2", 3)
    other.take("sign_in", "key-1", 3)


def test_what_cannot_be_counted_is_refused_and_tells_no_password() -> None:
    server = RedisServer()
    limiter = Limiter(SecretStr(server.url))
    limiter.take("sign_in", "127.0.0.1", 5)
    server.stop()
    with pytest.raises(LimiterError, match="TGSTUDIO_WEB_REDIS_URL") as refused:
        limiter.take("sign_in", "127.0.0.1", 5)
    assert server.url not in str(refused.value) and refused.value.__suppress_context__


def test_an_address_that_is_none_of_redis_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="TGSTUDIO_WEB_REDIS_URL") as refused:
        Limiter(SecretStr("rediss-is-not://user:secret@host"))
    assert "secret" not in str(refused.value)
