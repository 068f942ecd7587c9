"""The catalog's tables of Telegram: accounts and their pairing, channels, subscriptions, how far was read, what was sent.

People stand in models.py, orders and plans in models_work.py. One class is one table; no query belongs here. Times are
UTC, ids are ULIDs unless said otherwise. A row refers to an account together with its tenant, so that no row can ever
name the account of another tenant.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, SLUG_LENGTH, Base, TenantOwned, new_id, one_of, utc_now


def _account() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "account_id"], ["tg_accounts.tenant", "tg_accounts.id"])


def _channel() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "channel_id"], ["channels.tenant", "channels.channel_id"])


class TgAccount(TenantOwned, Base):
    """A paired Telegram account. Its session is stored as the vault's cipher only (vault.py); none once it is removed.

    `expired` means that the session was revoked or used in two places: the account must be paired again.
    """

    __tablename__ = "tg_accounts"
    __table_args__ = (
        UniqueConstraint("tenant", "telegram_id"),
        UniqueConstraint("tenant", "id"),
        CheckConstraint(one_of("status", "active", "expired", "banned", "removed"), name="status"),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    telegram_id: Mapped[int | None] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(200))
    username: Mapped[str | None] = mapped_column(String(64))
    session_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(10), default="active")
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    paired_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))


class AccountWait(TenantOwned, Base):
    """When a method of an account may be called again: the end of a flood wait (it has `flood_seconds`) or of a pace."""

    __tablename__ = "account_waits"
    __table_args__ = (_account(),)

    account_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    method: Mapped[str] = mapped_column(String(100), primary_key=True)
    not_before: Mapped[datetime]
    flood_seconds: Mapped[int | None]
    noted_at: Mapped[datetime] = mapped_column(default=utc_now)


class Pairing(TenantOwned, Base):
    """An attempt to pair an account. No phone number, code or password is ever stored; `url` is what the QR code shows."""

    __tablename__ = "pairings"
    __table_args__ = (
        _account(),
        CheckConstraint(one_of("way", "qr", "phone"), name="way"),
        CheckConstraint(
            one_of(
                "status",
                "PENDING",
                "CODE_NEEDED",
                "PASSWORD_NEEDED",
                "CONFIRM_NEEDED",
                "AUTHORIZED",
                "FAILED",
                "EXPIRED",
            ),
            name="status",
        ),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    way: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(20), default="PENDING")
    url: Mapped[str | None] = mapped_column(Text)
    url_expires_at: Mapped[datetime | None]
    deadline: Mapped[datetime]
    attempts_left: Mapped[int]
    telegram_id: Mapped[int | None] = mapped_column(BigInteger)
    name: Mapped[str | None] = mapped_column(String(200))
    error: Mapped[str | None] = mapped_column(Text)
    account_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


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
        _account(),
        _channel(),
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
    """A wish to follow what `reference` names: not a subscription until an account has found it. Null account: any."""

    __tablename__ = "subscription_requests"
    __table_args__ = (
        _account(),
        _channel(),
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
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class AccountChannelState(TenantOwned, Base):
    """How far an account has read a channel: the newest message id, and the id ranges [from, to] still missing.

    `access_hash` is this account's key to the channel; another account's is worthless to it.
    """

    __tablename__ = "account_channel_state"
    __table_args__ = (_account(), _channel(), Index(None, "tenant", "channel_id"))

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
    __table_args__ = (_channel(),)

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


class Send(TenantOwned, Base):
    """A message that a tenant posts, once per key: `random_id` follows from the key, so Telegram refuses a second one."""

    __tablename__ = "sends"
    __table_args__ = (_account(), CheckConstraint(one_of("status", "sending", "sent", "failed"), name="status"))

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    chat: Mapped[str] = mapped_column(String(200))
    text_hash: Mapped[str] = mapped_column(String(64))
    random_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10), default="sending")
    msg_id: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
