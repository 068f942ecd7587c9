"""What can happen that others are told of, as typed events, and the one function that writes them down: `record`.

An event's fields are what a webhook's receiver reads: a field may be added, but to rename or remove one makes a new
`version` of its type. How events reach anybody is the dispatcher's work (tgstudio_dagster/outbox).
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date, datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.base import ID_LENGTH
from tgstudio_dagster.catalog.outbox.models import MACHINE, OutboxEvent
from tgstudio_dagster.core.ids import new_id

__all__ = ["EVENT_TYPES", "Event", "event_id", "record"]

EVENT_TYPES: dict[str, type[Event]] = {}
"""Every type of event by its name, those of capabilities too."""


class Event(BaseModel):
    """Something that happened; `tenant` None: to the whole machine. A subclass names its `type`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: ClassVar[str]
    version: ClassVar[int] = 1

    tenant: str | None = Field(exclude=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "type" in cls.__dict__:
            EVENT_TYPES[cls.type] = cls


class OrderEvent(Event):
    """What an order's events have in common."""

    order_id: str
    topic_id: str | None = Field(description="The topic that was worked up; null for chosen messages.")
    day: date
    goal: str
    platforms: list[str]
    rule_id: str | None = Field(description="The rule that made the order, if one did.")


class OrderDone(OrderEvent):
    """An order was fulfilled."""

    type = "order.done"


class OrderFailed(OrderEvent):
    """An order could not be fulfilled."""

    type = "order.failed"
    error: str | None


class OrderCancelled(OrderEvent):
    """An order was stopped by its user."""

    type = "order.cancelled"


class StaleSource(BaseModel):
    """A cited post whose cited text no longer stands."""

    model_config = ConfigDict(frozen=True)

    channel_id: int
    msg_id: int
    version: int = Field(description="The version that is cited.")
    reason: Literal["edited", "deleted", "missing"]


class PackageStale(Event):
    """Posts that an order's packages cite were edited or deleted since."""

    type = "package.stale"
    order_id: str
    platforms: list[str]
    sources: list[StaleSource]


class TopicOverThreshold(Event):
    """A topic passed the thresholds of a rule, which has ordered it."""

    type = "topic.over_threshold"
    topic_id: str
    day: date
    rule_id: str
    order_id: str


class FloodWait(Event):
    """Telegram asked an account to wait for a minute or longer."""

    type = "account.flood_wait"
    account_id: str
    method: str
    seconds: int
    until: datetime


class AccountLost(Event):
    """An account's session has ended (`expired`: pair it again) or Telegram has banned it."""

    type = "account.lost"
    account_id: str
    status: Literal["expired", "banned"]
    reason: str | None


class RunFailed(Event):
    """A run failed; told of the 1st, 2nd, 4th, 8th … failure of a series, whose `number` it is."""

    type = "run.failed"
    job: str
    run_id: str
    error: str
    failed_at: datetime
    number: int


class ImportDone(Event):
    """A file was imported to its end."""

    type = "import.done"
    import_id: str
    kind: str
    read: int
    landed: int
    filtered: int
    rejected: int


class WebhookTest(Event):
    """Sent when somebody asks for a test of a webhook."""

    type = "webhook.test"
    message: str = "It works."


def record(session: Session, event: Event, *, id: str | None = None, recipient: str | None = None) -> str:
    """Write the event down in the open transaction: it is told of if that commits. Returns its id.

    An event with an `id` that was recorded before is not recorded again (`event_id` makes one of what it is about).
    `recipient` names the one subscriber that it is for.
    """
    if id is not None and session.scalar(select(OutboxEvent.n).where(OutboxEvent.id == id)) is not None:
        return id
    row = OutboxEvent(
        id=id or new_id(),
        stream=MACHINE if event.tenant is None else event.tenant,
        tenant=event.tenant,
        kind=event.type,
        version=event.version,
        data=event.model_dump(mode="json"),
        recipient=recipient,
    )
    session.add(row)
    return row.id


def event_id(*about: object) -> str:
    """The id of the event that is about this, the same each time: what is seen twice is told once."""
    digest = hashlib.sha256("\0".join(map(str, about)).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:ID_LENGTH]
