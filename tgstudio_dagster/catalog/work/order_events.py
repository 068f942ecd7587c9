"""What of orders goes to the outbox: how each ended, and topics that a rule has ordered."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.outbox.events import (
    OrderCancelled,
    OrderDone,
    OrderEvent,
    OrderFailed,
    TopicOverThreshold,
    record,
)
from tgstudio_dagster.catalog.work.models import Order


def record_end(session: Session, order: Order) -> None:
    """Record that the order has just become done, failed or cancelled; does nothing for one that goes on."""
    about = {
        "tenant": order.tenant,
        "order_id": order.id,
        "topic_id": order.topic_id,
        "day": order.day,
        "goal": order.goal,
        "platforms": list(order.platforms),
        "rule_id": order.rule_id,
    }
    event: OrderEvent
    match order.status:
        case "done":
            event = OrderDone.model_validate(about)
        case "failed":
            event = OrderFailed.model_validate(about | {"error": order.error})
        case "cancelled":
            event = OrderCancelled.model_validate(about)
        case _:
            return
    record(session, event)


def record_order(session: Session, order: Order) -> None:
    """Record what a new order says: that a topic has passed a rule's thresholds, where a rule has made it."""
    if order.rule_id is not None and order.topic_id is not None:
        record(
            session,
            TopicOverThreshold(
                tenant=order.tenant,
                topic_id=order.topic_id,
                day=order.day,
                rule_id=order.rule_id,
                order_id=order.id,
            ),
        )
