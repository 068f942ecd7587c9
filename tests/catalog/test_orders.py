"""An order waits, runs and ends, within its tenant."""

from __future__ import annotations

import re
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.builders import make_tenant, put_order
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import spent
from tgstudio_dagster.catalog.people.tenants import delete_tenant
from tgstudio_dagster.catalog.work.orders import (
    MAX_MESSAGES,
    Order,
    begin_order,
    cancel_order,
    create_order,
    get_order,
    list_orders,
    orders_to_stop,
    pending_orders,
    requeue_order,
    settle_order,
)
from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NewsroomError, NotFoundError, QuotaError
from tgstudio_dagster.core.principal import Principal

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
    viewer = Principal("demo", None, "viewer")
    with pytest.raises(ForbiddenError, match="role"):
        _order(catalog, viewer)
    order = _order(catalog, Principal("demo", None, "editor"))
    for forbidden in (
        lambda: cancel_order(catalog, viewer, order.id, now=NOW),
        lambda: requeue_order(catalog, viewer, order.id, goal="packages", images=0, now=NOW),
    ):
        with pytest.raises(ForbiddenError, match="role"):
            forbidden()


def test_orders_wait_in_turn_over_all_tenants_until_marked(catalog: Catalog) -> None:
    second = _order(catalog, make_tenant(catalog, "a"), now=NOW + timedelta(seconds=1))
    first = _order(catalog, make_tenant(catalog, "b"))
    assert [order.id for order in pending_orders(catalog)] == [first.id, second.id]
    put_order(catalog, first.id, "running", run_id="r1")
    assert [order.id for order in pending_orders(catalog)] == [second.id]
    delete_tenant(catalog, "a")
    assert pending_orders(catalog) == []


def test_an_order_that_failed_can_be_done_later(catalog: Catalog) -> None:
    order = _order(catalog, make_tenant(catalog))
    assert put_order(catalog, order.id, "failed", run_id="r1", error="no text").error == "no text"
    put_order(catalog, order.id, "done")
    read = get_order(catalog, "demo", order.id)
    assert (read.status, read.run_id, read.error) == ("done", "r1", None)


def test_orders_are_listed_newest_first_by_status_and_topic(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    old = _order(catalog, principal, topic_id="t-1")
    new = _order(catalog, principal, topic_id="t-2", now=NOW + timedelta(hours=1))
    put_order(catalog, old.id, "done")
    assert [order.id for order in list_orders(catalog, principal)] == [new.id, old.id]
    assert [order.id for order in list_orders(catalog, principal, status="done")] == [old.id]
    assert [order.id for order in list_orders(catalog, principal, topic_id="t-2")] == [new.id]


@pytest.mark.parametrize("order_id", ["demo-nosuch", "nosuch", "", "other-01h"])
def test_an_unknown_order_is_named(catalog: Catalog, order_id: str) -> None:
    make_tenant(catalog)
    with pytest.raises(NotFoundError):
        begin_order(catalog, order_id, "r1")
    with pytest.raises(NotFoundError, match="order"):
        get_order(catalog, "demo", order_id)


def test_an_order_names_either_a_topic_or_messages(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    order = _order(catalog, principal, topic_id=None, messages=[(1, 2), (1, 2), (3, 4)])
    assert (order.topic_id, get_order(catalog, "demo", order.id).messages) == (None, [[1, 2], [3, 4]])
    too_many = [(1, n) for n in range(MAX_MESSAGES + 1)]
    for wrong in (
        {"messages": [(1, 2)]},
        {"topic_id": None},
        *({"topic_id": None, "messages": m} for m in ([], too_many)),
    ):
        with pytest.raises(NewsroomError, match="messages"):
            _order(catalog, principal, **wrong)


def _limit(catalog: Catalog, **limits: int) -> None:
    with catalog.tenant_session("demo", writing=True) as session:
        session.add_all([Quota(tenant="demo", name=name, limit=limit) for name, limit in limits.items()])


def test_the_day_s_orders_and_images_are_counted_when_the_row_is_written(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    _limit(catalog, orders_per_day=2, images_per_day=3)
    _order(catalog, principal, images=2)
    with pytest.raises(QuotaError, match="images_per_day") as refused:
        _order(catalog, principal, images=2)
    assert (refused.value.name, refused.value.until) == ("images_per_day", datetime(2026, 3, 16, tzinfo=UTC))
    _order(catalog, principal, images=1)
    with pytest.raises(QuotaError, match="orders_per_day"):
        _order(catalog, principal)
    assert len(list_orders(catalog, principal)) == spent(catalog, "demo", "orders_per_day", NOW.date()) == 2
    _order(catalog, principal, now=NOW + timedelta(days=1), images=3)


def test_orders_placed_at_once_never_pass_the_limit(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    _limit(catalog, orders_per_day=3)
    refused: list[QuotaError] = []

    def ask() -> None:
        try:
            _order(catalog, principal)
        except QuotaError as error:
            refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(list_orders(catalog, principal)), len(refused)) == (3, 5)


def test_one_that_waits_is_cancelled_at_once_and_one_that_runs_is_told(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    waiting, running, done = (_order(catalog, principal) for _ in range(3))
    begin_order(catalog, running.id, "r1")
    put_order(catalog, done.id, "done")
    assert cancel_order(catalog, principal, waiting.id, now=NOW).status == "cancelled"
    assert cancel_order(catalog, principal, waiting.id, now=NOW).status == "cancelled"
    told = cancel_order(catalog, principal, running.id, now=NOW)
    assert (told.status, told.cancel_at) == ("running", NOW)
    with pytest.raises(ConflictError, match="is done"):
        cancel_order(catalog, principal, done.id, now=NOW)
    with pytest.raises(ConflictError, match="cancelled"):
        begin_order(catalog, waiting.id, "r2")
    with pytest.raises(ConflictError, match="cancelled"):
        begin_order(catalog, running.id, "r1")
    assert pending_orders(catalog) == []
    assert {order.id for order in orders_to_stop(catalog, NOW)} == {waiting.id, running.id}
    assert {order.id for order in orders_to_stop(catalog, NOW + timedelta(hours=1))} == {running.id}
    assert settle_order(catalog, running.id, "r1", "failed", error="stopped").status == "cancelled"


def test_a_run_s_end_is_said_of_the_wish_that_it_answered_only(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    order = _order(catalog, principal, goal="text")
    begin_order(catalog, order.id, "r1")
    assert settle_order(catalog, order.id, "another", "failed", error="?").status == "running"
    assert settle_order(catalog, order.id, "r1", "done").status == "done"
    again = requeue_order(catalog, principal, order.id, goal="packages", images=0, now=NOW + timedelta(hours=1))
    # The first run's end may be told twice: by the command that ran it, and by the sensor.
    assert settle_order(catalog, order.id, "r1", "done").status == "queued"
    asked = again.updated_at.isoformat()
    never_begun = settle_order(catalog, order.id, "r2", "failed", asked_at=asked, error="no code server")
    assert (never_begun.status, never_begun.error) == ("failed", "no code server")


def test_a_goal_is_raised_never_lowered_and_not_while_it_runs(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    order = _order(catalog, principal, goal="images")
    begin_order(catalog, order.id, "r1")
    with pytest.raises(ConflictError, match="is running"):
        requeue_order(catalog, principal, order.id, goal="packages", images=0, now=NOW)
    settle_order(catalog, order.id, "r1", "done")
    assert requeue_order(catalog, principal, order.id, goal="text", images=0, now=NOW).status == "done"
    put_order(catalog, order.id, "failed", error="disk full")
    again = requeue_order(catalog, principal, order.id, goal="text", images=0, now=NOW)
    assert (again.status, again.goal, again.error, again.run_id) == ("queued", "images", None, None)
    with pytest.raises(NewsroomError, match="goal"):
        requeue_order(catalog, principal, order.id, goal="film", images=0, now=NOW)  # type: ignore[arg-type]


def test_another_tenant_neither_stops_nor_raises_an_order(catalog: Catalog) -> None:
    order = _order(catalog, make_tenant(catalog))
    other = make_tenant(catalog, "other")
    with pytest.raises(NotFoundError):
        cancel_order(catalog, other, order.id, now=NOW)
    with pytest.raises(NotFoundError):
        requeue_order(catalog, other, order.id, goal="packages", images=0, now=NOW)
