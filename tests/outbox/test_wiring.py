"""What happens in the studio is written down where it happens, in the same transaction, and once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.builders import make_tenant
from tests.catalog.rows import make_account
from tgstudio_dagster.catalog.accounts.accounts import mark_account
from tgstudio_dagster.catalog.accounts.waits import AccountWaits
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.events import EVENT_TYPES
from tgstudio_dagster.catalog.outbox.models import OutboxEvent
from tgstudio_dagster.catalog.work.imports import begin_import, checkpoint, finish_import
from tgstudio_dagster.catalog.work.orders import (
    Order,
    begin_order,
    cancel_order,
    create_order,
    requeue_order,
    settle_order,
)
from tgstudio_dagster.catalog.work.rules import TopicRule, put_rule
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.principal import Principal

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)
OPERATOR = Principal("demo", None, "operator")


@pytest.fixture(autouse=True)
def demo(catalog: Catalog) -> None:
    make_tenant(catalog)


def events(catalog: Catalog) -> list[tuple[str, dict[str, Any]]]:
    """What was written down, oldest first; each is valid by its type."""
    with catalog.tenant_session("demo") as session:
        rows = session.scalars(select(OutboxEvent).order_by(OutboxEvent.n)).all()
    for row in rows:
        EVENT_TYPES[row.kind].model_validate({"tenant": row.tenant, **row.data})
    return [(row.kind, row.data) for row in rows]


def order(catalog: Catalog, **given: Any) -> Order:
    about: dict[str, Any] = {
        "topic_id": "t-1", "day": date(2026, 3, 15), "platforms": ["tg"], "language": "ru", "tone": "neutral", "now": NOW,
    }  # fmt: skip
    return create_order(catalog, OPERATOR, **{**about, **given})


def test_an_order_that_is_fulfilled_is_told_once(catalog: Catalog) -> None:
    made = order(catalog)
    begin_order(catalog, made.id, "r1")
    assert events(catalog) == []
    for _ in range(2):
        settle_order(catalog, made.id, "r1", "done")
    ((kind, data),) = events(catalog)
    assert (kind, data["order_id"], data["topic_id"], data["platforms"]) == ("order.done", made.id, "t-1", ["tg"])
    settle_order(catalog, made.id, None, "done")
    assert len(events(catalog)) == 1


def test_an_order_that_fails_says_why_and_one_that_is_done_again_is_told_again(catalog: Catalog) -> None:
    made = order(catalog)
    begin_order(catalog, made.id, "r1")
    settle_order(catalog, made.id, "r1", "failed", error="disk full")
    requeue_order(catalog, OPERATOR, made.id, goal="packages", images=0, now=NOW)
    begin_order(catalog, made.id, "r2")
    settle_order(catalog, made.id, "r2", "done")
    assert [(kind, data.get("error")) for kind, data in events(catalog)] == [
        ("order.failed", "disk full"),
        ("order.done", None),
    ]


def test_a_cancelled_order_is_told_when_it_has_ended(catalog: Catalog) -> None:
    waiting, running = order(catalog), order(catalog)
    cancel_order(catalog, OPERATOR, waiting.id, now=NOW)
    cancel_order(catalog, OPERATOR, waiting.id, now=NOW)
    begin_order(catalog, running.id, "r1")
    cancel_order(catalog, OPERATOR, running.id, now=NOW)
    assert [data["order_id"] for _, data in events(catalog)] == [waiting.id]
    settle_order(catalog, running.id, "r1", "failed", error="stopped")
    assert [(kind, data["order_id"]) for kind, data in events(catalog)] == [
        ("order.cancelled", waiting.id),
        ("order.cancelled", running.id),
    ]


def test_a_topic_that_a_rule_orders_is_over_its_threshold(catalog: Catalog) -> None:
    order(catalog)
    rule = put_rule(catalog, OPERATOR, "Top", TopicRule(max_rank=1), now=NOW)
    made = order(catalog, topic_id="t-2", rule_id=rule.id)
    assert events(catalog) == [
        (
            "topic.over_threshold",
            {"topic_id": "t-2", "day": "2026-03-15", "rule_id": rule.id, "order_id": made.id},
        )
    ]


def test_a_long_flood_is_told_and_a_short_one_or_a_pace_is_not(catalog: Catalog) -> None:
    account = make_account(catalog)
    waits = AccountWaits(catalog, "demo", account.id)
    waits.hold("messages.getHistory", NOW + timedelta(seconds=5), 5)
    waits.hold("messages.getHistory", NOW + timedelta(hours=1), None)
    waits.hold("messages.getHistory", NOW + timedelta(hours=2), 7200)
    ((kind, data),) = events(catalog)
    assert (kind, data["account_id"], data["method"], data["seconds"]) == (
        "account.flood_wait",
        account.id,
        "messages.getHistory",
        7200,
    )
    with pytest.raises(NotFoundError):
        AccountWaits(catalog, "demo", "nosuch").hold("m", NOW + timedelta(hours=2), 7200)
    assert len(events(catalog)) == 1


def test_an_account_that_is_lost_is_told_once(catalog: Catalog) -> None:
    account = make_account(catalog)
    for _ in range(2):
        mark_account(catalog, "demo", account.id, "expired", "used in two places")
    mark_account(catalog, "demo", account.id, "active")
    mark_account(catalog, "demo", account.id, "banned", "by Telegram")
    assert [(data["status"], data["reason"]) for _, data in events(catalog)] == [
        ("expired", "used in two places"),
        ("banned", "by Telegram"),
    ]


def test_an_import_is_told_when_it_has_come_to_its_end(catalog: Catalog) -> None:
    begun = begin_import(catalog, "demo", path="dump", source_hash="h", kind="telethon_dump")
    finish_import(catalog, begun.id, error="disk full")
    begin_import(catalog, "demo", path="dump", source_hash="h", kind="telethon_dump")
    checkpoint(catalog, begun.id, position=9, state="{}", read=9, landed=7, filtered=1, rejected=1, rejects=[])
    finish_import(catalog, begun.id)
    finish_import(catalog, begun.id)
    ((kind, data),) = events(catalog)
    assert kind == "import.done"
    assert data == {
        "import_id": begun.id, "kind": "telethon_dump", "read": 9, "landed": 7, "filtered": 1, "rejected": 1,
    }  # fmt: skip
