"""Tables of the outbox: what happened, how far each subscriber has been told of it, and tenants' webhooks.

One class is one table; no query belongs here. A stream is what is told in order: a tenant's events, or (named "") those of
the whole machine.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, SLUG_LENGTH, Base, TenantOwned, one_of
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.ids import new_id

SUBSCRIBER_LENGTH = 60
MACHINE = ""
"""The stream of events that are no tenant's."""


class OutboxEvent(TenantOwned, Base):
    """Something that happened, written in the transaction that made it happen.

    `seq` is its place in its stream; the dispatcher gives it once the row is committed, so that no later commit can slip
    in before a place that was passed. One with a `recipient` is for that subscriber alone, and out of order.
    """

    __tablename__ = "outbox_events"
    __table_args__ = (UniqueConstraint("stream", "seq"), Index(None, "seq"), Index(None, "at"))

    n: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Mapped[str] = mapped_column(String(ID_LENGTH), unique=True, default=new_id)
    stream: Mapped[str] = mapped_column(String(SLUG_LENGTH))
    tenant: Mapped[str | None] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"))  # type: ignore[assignment]
    seq: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(60))
    version: Mapped[int] = mapped_column(default=1)
    data: Mapped[dict[str, Any]]
    recipient: Mapped[str | None] = mapped_column(String(SUBSCRIBER_LENGTH))
    at: Mapped[datetime] = mapped_column(default=utc_now)


class OutboxStream(Base):
    """The last place that was given in a stream."""

    __tablename__ = "outbox_streams"

    name: Mapped[str] = mapped_column(String(SLUG_LENGTH), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)


class OutboxSubscriber(TenantOwned, Base):
    """How far a subscriber has been told of a stream. `tenant` is null for one of the machine's.

    `kinds` are the events it wants, all where empty. It waits until `blocked_until` for the next try of the event after
    `position`; `failures` counts the events that were given up one after another.
    """

    __tablename__ = "outbox_subscribers"

    name: Mapped[str] = mapped_column(String(SUBSCRIBER_LENGTH), primary_key=True)
    stream: Mapped[str] = mapped_column(String(SLUG_LENGTH), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"))  # type: ignore[assignment]
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    kinds: Mapped[list[str]] = mapped_column(default=list)
    enabled: Mapped[bool] = mapped_column(default=True)
    blocked_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)


class OutboxDelivery(TenantOwned, Base):
    """How telling one subscriber of one event goes. One that is `manual` was asked for by a person: out of order, one try.

    `failed` means given up after the last try. No text of an answer is kept: it might be that of an inner address.
    """

    __tablename__ = "outbox_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "subscriber"),
        CheckConstraint(one_of("status", "waiting", "delivered", "failed"), name="status"),
        Index(None, "subscriber", "id"),
        Index(None, "status", "manual"),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    event_id: Mapped[str] = mapped_column(String(ID_LENGTH), ForeignKey("outbox_events.id"))
    subscriber: Mapped[str] = mapped_column(String(SUBSCRIBER_LENGTH))
    tenant: Mapped[str | None] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"))  # type: ignore[assignment]
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    manual: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    response_status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    next_try_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class WebhookRow(TenantOwned, Base):
    """An address that a tenant has events posted to. Its secret is stored as the vault's cipher only (vault.py).

    What it is told of and how far stands in the row of OutboxSubscriber that is named `webhook/<id>`.
    """

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(Text)
    secret_cipher: Mapped[bytes] = mapped_column(LargeBinary)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
