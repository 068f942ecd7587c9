"""Fixtures of the pages' tests: the app over a small home, or over one with the sample."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit import config

from tests.builders import FIRST
from tests.search.lakes import materialized
from tests.streamlit_app.reader import Readers
from tests.web.conftest import bare_home, sample_home, sample_source  # noqa: F401 - fixtures
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.core.settings import Settings, WebSettings, settings, telegram_settings, web_settings
from tgstudio_dagster.services.platform import Platform, use

config.set_option("runner.magicEnabled", False)  # as streamlit_app/.streamlit/config.toml, which tests do not read
_CACHES = (settings, telegram_settings, web_settings)


@pytest.fixture
def readers(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:  # noqa: F811
    """Readers of a home with two tenants, `acme` and `other`, that have nothing."""
    yield from _over(bare_home, monkeypatch)


@pytest.fixture
def sample_readers(sample_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:  # noqa: F811
    """Readers of a home with the sample as the tenant `demo`, beside the empty `acme` and `other`."""
    yield from _over(sample_home, monkeypatch)


def fill(readers: Readers, tenant: str, *rows: dict[str, Any]) -> None:
    """Posts (as tests/builders.py fills them), searchable, and their channels among the tenant's."""
    lake = readers.platform.lake.tenant(tenant)
    materialized(lake, *rows)
    ids = {row.get("channel_id", 1001) for row in rows}
    seen = [ChannelSeen(one, f"channel{one}", f"Channel {one}", "channel") for one in sorted(ids)]
    remember_channels(readers.platform.catalog, tenant, seen)


def minutes(count: int, **given: Any) -> list[dict[str, Any]]:
    """So many posts, a minute apart."""
    return [{"msg_id": n + 1, "date": FIRST + timedelta(minutes=n), **given} for n in range(count)]


def _over(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    monkeypatch.setenv("TGSTUDIO_HOME", str(home))
    for name in ("TELEGRAM_API_ID", "TELEGRAM_API_HASH", "SESSION_KEY_1"):
        monkeypatch.delenv(name, raising=False)
    for cache in _CACHES:
        cache.cache_clear()
    st.cache_data.clear()
    platform = Platform.open(Settings(home=home), WebSettings())
    use(platform)
    yield Readers(platform)
    use(None)
    platform.close()
    for cache in _CACHES:
        cache.cache_clear()
