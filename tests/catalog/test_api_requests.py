"""The history of requests: noted without waiting, paged newest first, removed by age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.api_requests import KEPT, History, Note, drop_requests, list_requests, write_notes
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import QueryError

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def tenants(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")
    make_tenant(catalog, "other")


def note(n: int = 0, tenant: str = "acme", **given: object) -> Note:
    plain = {"kind": "api", "name": f"GET /v1/{n}", "status": 200, "milliseconds": n, "at": NOON + timedelta(minutes=n)}
    return Note(**{"tenant": tenant, **plain, **given})  # type: ignore[arg-type]


def test_calls_are_paged_newest_first_and_new_ones_move_nothing(catalog: Catalog) -> None:
    write_notes(catalog, [note(n) for n in range(5)])
    page, cursor = list_requests(catalog, "acme", limit=2)
    assert [one.milliseconds for one in page] == [4, 3] and cursor is not None
    write_notes(catalog, [note(9)])
    page, cursor = list_requests(catalog, "acme", limit=2, cursor=cursor)
    assert [one.milliseconds for one in page] == [2, 1] and cursor is not None
    page, cursor = list_requests(catalog, "acme", limit=2, cursor=cursor)
    assert [one.milliseconds for one in page] == [0] and cursor is None


def test_calls_of_one_moment_come_each_once(catalog: Catalog) -> None:
    write_notes(catalog, [note(0, milliseconds=n) for n in range(4)])
    seen, cursor = [], None
    while True:
        page, cursor = list_requests(catalog, "acme", limit=1, cursor=cursor)
        seen += [one.milliseconds for one in page]
        if cursor is None:
            break
    assert sorted(seen) == [0, 1, 2, 3]


def test_a_tenant_sees_its_own_calls_of_the_kind_it_asks_for(catalog: Catalog) -> None:
    write_notes(catalog, [note(1), note(2, kind="mcp"), note(3, "other")])
    assert [one.kind for one in list_requests(catalog, "acme")[0]] == ["mcp", "api"]
    assert [one.kind for one in list_requests(catalog, "acme", kind="mcp")[0]] == ["mcp"]


@pytest.mark.parametrize("cursor", ["", "x", "2026-03-09T12:00:00~a", "2026-03-09T12:00:00+00:00~'; drop"])
def test_what_is_no_cursor_is_refused(catalog: Catalog, cursor: str) -> None:
    with pytest.raises(QueryError, match="cursor"):
        list_requests(catalog, "acme", cursor=cursor)


def test_old_calls_are_removed(catalog: Catalog) -> None:
    write_notes(catalog, [note(0), note(1, "other"), note(2)])
    assert drop_requests(catalog, before=NOON + timedelta(minutes=2)) == 2
    assert len(list_requests(catalog, "acme")[0]) == 1


def test_a_history_writes_what_was_added_before_it_ends(catalog: Catalog) -> None:
    history = History(catalog, every=0.01)
    for n in range(1_200):
        history.add(note(n, at=utc_now()))
    history.close()
    found, cursor = list_requests(catalog, "acme", limit=200)
    assert len(found) == 200 and cursor is not None
    assert drop_requests(catalog, before=utc_now() + timedelta(seconds=1)) == 1_200
    history.close()


def test_a_history_forgets_what_is_too_old(catalog: Catalog) -> None:
    write_notes(catalog, [note(0, at=utc_now() - KEPT - timedelta(days=1))])
    history = History(catalog, every=0.01)
    history.add(note(1, at=utc_now()))
    history.close()
    assert [one.milliseconds for one in list_requests(catalog, "acme")[0]] == [1]


def test_one_that_cannot_be_written_does_not_end_the_history(catalog: Catalog) -> None:
    history = History(catalog, every=0.01)
    history.add(note(1, "nobody", at=utc_now()))
    history.close()
    history.add(note(2, at=utc_now()))
    history.close()
    assert [one.milliseconds for one in list_requests(catalog, "acme")[0]] == [2]
