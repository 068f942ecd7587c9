"""An order waits, runs and ends, within its tenant."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.orders import Order, create_order, get_order, list_orders, mark_order, pending_orders
from tgstudio_dagster.catalog.principals import Principal
from tgstudio_dagster.catalog.tenants import delete_tenant
from tgstudio_dagster.errors import ConflictError, NewsroomError, NotFoundError

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)


def _order(catalog: Catalog, principal: Principal, **given: Any) -> Order:
    wanted: dict[str, Any] = {
        "topic_id": "t-0123456789ab",
        "day": date(2026, 3, 15),
        "platforms": ["tg", "x"],
        "language": "ru",
        "tone": "neutral",
        "now": NOW,
    }
    return create_order(catalog, principal, **{**wanted, **given})


def test_a_new_order_is_queued_and_reads_back_as_it_was_given(catalog: Catalog) -> None:
    order = _order(catalog, make_tenant(catalog), platforms=["tg", "vk", "tg"])
    assert re.fullmatch(r"demo-[0-9a-z]{26}", order.id)
    read = get_order(catalog, "demo", order.id)
    assert (read.topic_id, read.day, read.platforms) == ("t-0123456789ab", date(2026, 3, 15), ["tg", "vk"])
    assert (read.language, read.tone, read.status, read.run_id, read.error) == ("ru", "neutral", "queued", None, None)
    assert (read.created_at, read.created_at.tzinfo) == (NOW, UTC)


@pytest.mark.parametrize(
    ("field", "value"), [("platforms", ["tg", "myspace"]), ("platforms", []), ("language", "xx"), ("tone", "angry")]
)
def test_an_order_that_cannot_be_fulfilled_names_its_field(catalog: Catalog, field: str, value: Any) -> None:
    principal = make_tenant(catalog)
    with pytest.raises(NewsroomError, match=field):
        _order(catalog, principal, **{field: value})
    assert list_orders(catalog, principal) == []


def test_a_viewer_does_not_order(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(ConflictError, match="role"):
        _order(catalog, Principal("demo", None, "viewer"))


def test_orders_wait_in_turn_over_all_tenants_until_marked(catalog: Catalog) -> None:
    second = _order(catalog, make_tenant(catalog, "a"), now=NOW + timedelta(seconds=1))
    first = _order(catalog, make_tenant(catalog, "b"))
    assert [order.id for order in pending_orders(catalog)] == [first.id, second.id]
    mark_order(catalog, first.id, "running", run_id="r1")
    assert [order.id for order in pending_orders(catalog)] == [second.id]
    delete_tenant(catalog, "a")
    assert pending_orders(catalog) == []


def test_an_order_that_failed_can_be_done_later(catalog: Catalog) -> None:
    order = _order(catalog, make_tenant(catalog))
    assert mark_order(catalog, order.id, "failed", run_id="r1", error="no text").error == "no text"
    mark_order(catalog, order.id, "done")
    read = get_order(catalog, "demo", order.id)
    assert (read.status, read.run_id, read.error) == ("done", "r1", None)


def test_orders_are_listed_newest_first_by_status_and_topic(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    old = _order(catalog, principal, topic_id="t-1")
    new = _order(catalog, principal, topic_id="t-2", now=NOW + timedelta(hours=1))
    mark_order(catalog, old.id, "done")
    assert [order.id for order in list_orders(catalog, principal)] == [new.id, old.id]
    assert [order.id for order in list_orders(catalog, principal, status="done")] == [old.id]
    assert [order.id for order in list_orders(catalog, principal, topic_id="t-2")] == [new.id]


@pytest.mark.parametrize("order_id", ["demo-nosuch", "nosuch", "", "other-01h"])
def test_an_unknown_order_is_named(catalog: Catalog, order_id: str) -> None:
    make_tenant(catalog)
    with pytest.raises(NotFoundError):
        mark_order(catalog, order_id, "done")
    with pytest.raises(NotFoundError, match="order"):
        get_order(catalog, "demo", order_id)
