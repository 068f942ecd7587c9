"""Tables of what is followed: channels, subscriptions and requests for them, how far each was read.

One class is one table; no query belongs here. A row refers to an account together with its tenant, so that no row can
name the account of another tenant.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, SLUG_LENGTH, Base, TenantOwned, account_key, channel_key, one_of
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.ids import new_id


class Channel(TenantOwned, Base):
    """A channel as this tenant has seen it. Kept by tenant: one tenant's import must not rename another's channel."""

    __tablename__ = "channels"

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    channel_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    username: Mapped[str | None] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(40))
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)


class Subscription(TenantOwned, Base):
    """A channel that a tenant follows, and the account that reads it. `since` is the depth of history; null: all of it.

    `lost` means that the account does not see the channel any more, `ended` that the tenant no longer wants it.
    `filled_from` is the watermark of history: that day and all later ones are wholly read; null: none is yet.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        account_key(),
        channel_key(),
        CheckConstraint(one_of("status", "active", "paused", "lost", "ended"), name="status"),
        CheckConstraint(one_of("visibility", "public", "private"), name="visibility"),
    )

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    channel_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    reference: Mapped[str] = mapped_column(String(200))
    visibility: Mapped[str] = mapped_column(String(10))
    members: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(10), default="active")
    error: Mapped[str | None] = mapped_column(Text)
    since: Mapped[date | None]
    comments: Mapped[bool] = mapped_column(default=False)
    filled_from: Mapped[date | None]
    checked_at: Mapped[datetime | None]
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class SubscriptionRequest(TenantOwned, Base):
    """A wish to follow what `reference` names: not a subscription until an account has found it. Null account: any.

    `join_asked_at` is when the admins of its channel were asked to let the account in, and have not answered yet.
    """

    __tablename__ = "subscription_requests"
    __table_args__ = (
        account_key(),
        channel_key(),
        CheckConstraint(one_of("status", "queued", "done", "failed"), name="status"),
        Index(None, "tenant", "status"),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    account_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    reference: Mapped[str] = mapped_column(String(200))
    since: Mapped[date | None]
    comments: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(String(10), default="queued")
    error: Mapped[str | None] = mapped_column(Text)
    not_before: Mapped[datetime | None]
    join_asked_at: Mapped[datetime | None]
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class AccountChannelState(TenantOwned, Base):
    """How far an account has read a channel: the newest message id, and the id ranges [from, to] still missing.

    `access_hash` is the key of the account's session to the channel; another account's, or a former session's, is refused.
    """

    __tablename__ = "account_channel_state"
    __table_args__ = (account_key(), channel_key(), Index(None, "tenant", "channel_id"))

    account_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    channel_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    access_hash: Mapped[int | None] = mapped_column(BigInteger)
    last_msg_id: Mapped[int] = mapped_column(BigInteger, default=0)
    gaps: Mapped[list[Any]] = mapped_column(default=list)
    read_at: Mapped[datetime | None]
    error: Mapped[str | None]


class TenantRead(TenantOwned, Base):
    """When the tenant was last read from Telegram, and when it may or must be read again."""

    __tablename__ = "tenant_reads"

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    started_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    woken_at: Mapped[datetime | None]
    waits_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)

    @property
    def woken(self) -> bool:
        """Whether something has happened since the last reading began: the tenant is due at once."""
        return self.woken_at is not None and (self.started_at is None or self.woken_at > self.started_at)


class HeardPost(TenantOwned, Base):
    """A post that a listener heard was edited or deleted, until it has been observed again."""

    __tablename__ = "heard_posts"
    __table_args__ = (channel_key(),)

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    channel_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    msg_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    heard_at: Mapped[datetime]


class MediaBacklog(TenantOwned, Base):
    """A day some of whose posts' files wait to be fetched: how many, and when it may be tried again."""

    __tablename__ = "media_backlog"

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    files: Mapped[int]
    not_before: Mapped[datetime]


class ReadWish(TenantOwned, Base):
    """Somebody waits for the tenant to be read: what is new, or what is missing of the days from `first` to `last` too.

    `posts` is how many have landed for it so far.
    """

    __tablename__ = "read_wishes"
    __table_args__ = (
        CheckConstraint(one_of("status", "queued", "running", "done", "failed"), name="status"),
        Index(None, "status"),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    first: Mapped[date | None]
    last: Mapped[date | None]
    status: Mapped[str] = mapped_column(String(10), default="queued")
    posts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ended_at: Mapped[datetime | None]
