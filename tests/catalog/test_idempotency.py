"""Kept answers: a request is carried out once per key, whatever comes at once; other requests and old keys are told apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.idempotency import (
    AT_WORK,
    KEPT,
    IdempotentAnswer,
    begin_answer,
    drop_answer,
    drop_expired,
    finish_answer,
    hash_of,
)
from tgstudio_dagster.core.errors import ConflictError, SettingsError

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
KEY, ASKED = hash_of("me", "key"), hash_of("POST", "/v1/orders", b"{}")
DONE = IdempotentAnswer(201, '{"id": 1}')


@pytest.fixture(autouse=True)
def tenants(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")
    make_tenant(catalog, "other")


def test_the_same_request_is_answered_as_before(catalog: Catalog) -> None:
    assert begin_answer(catalog, "acme", KEY, ASKED, now=NOW) is None
    finish_answer(catalog, "acme", KEY, DONE)
    assert begin_answer(catalog, "acme", KEY, ASKED, now=NOW + KEPT - timedelta(seconds=1)) == DONE


def test_another_request_with_the_key_is_refused(catalog: Catalog) -> None:
    begin_answer(catalog, "acme", KEY, ASKED, now=NOW)
    with pytest.raises(SettingsError, match="Idempotency-Key"):
        begin_answer(catalog, "acme", KEY, hash_of("else"), now=NOW)


def test_while_the_first_is_at_work_a_repeat_has_to_wait(catalog: Catalog) -> None:
    begin_answer(catalog, "acme", KEY, ASKED, now=NOW)
    with pytest.raises(ConflictError, match="at work"):
        begin_answer(catalog, "acme", KEY, ASKED, now=NOW + AT_WORK)
    assert begin_answer(catalog, "acme", KEY, ASKED, now=NOW + AT_WORK + timedelta(seconds=1)) is None


def test_what_came_to_nothing_may_be_sent_again(catalog: Catalog) -> None:
    begin_answer(catalog, "acme", KEY, ASKED, now=NOW)
    drop_answer(catalog, "acme", KEY)
    assert begin_answer(catalog, "acme", KEY, hash_of("else"), now=NOW) is None


def test_a_key_may_be_used_anew_after_a_day(catalog: Catalog) -> None:
    begin_answer(catalog, "acme", KEY, ASKED, now=NOW)
    finish_answer(catalog, "acme", KEY, DONE)
    assert begin_answer(catalog, "acme", KEY, hash_of("else"), now=NOW + KEPT) is None
    with pytest.raises(ConflictError):
        begin_answer(catalog, "acme", KEY, hash_of("else"), now=NOW + KEPT)


def test_tenants_keys_are_their_own(catalog: Catalog) -> None:
    begin_answer(catalog, "acme", KEY, ASKED, now=NOW)
    assert begin_answer(catalog, "other", KEY, ASKED, now=NOW) is None


def test_of_many_at_once_one_is_carried_out(catalog: Catalog) -> None:
    def begin(_: int) -> str:
        try:
            return "done" if begin_answer(catalog, "acme", KEY, ASKED, now=NOW) is None else "kept"
        except ConflictError:
            return "waits"

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(begin, range(8))) == ["done", *["waits"] * 7]


def test_old_answers_are_removed(catalog: Catalog) -> None:
    begin_answer(catalog, "acme", KEY, ASKED, now=NOW)
    begin_answer(catalog, "other", KEY, ASKED, now=NOW + timedelta(hours=1))
    assert drop_expired(catalog, now=NOW + KEPT) == 1
    assert drop_expired(catalog, now=NOW + KEPT) == 0


def test_where_one_part_ends_and_the_next_begins_counts() -> None:
    assert hash_of("ab", "c") != hash_of("a", "bc")
    assert hash_of("a", b"b") == hash_of(b"a", "b")
