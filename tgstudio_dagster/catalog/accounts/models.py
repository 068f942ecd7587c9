"""Tables of Telegram accounts: their sealed sessions, pairings, waits, and what they have sent.

One class is one table; no query belongs here. A row refers to an account together with its tenant, so that no row can
name the account of another tenant.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, SLUG_LENGTH, Base, TenantOwned, account_key, one_of
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.ids import new_id


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
    __table_args__ = (account_key(),)

    account_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    method: Mapped[str] = mapped_column(String(100), primary_key=True)
    not_before: Mapped[datetime]
    flood_seconds: Mapped[int | None]
    noted_at: Mapped[datetime] = mapped_column(default=utc_now)


class Pairing(TenantOwned, Base):
    """An attempt to pair an account. No phone number, code or password is ever stored; `url` is what the QR code shows."""

    __tablename__ = "pairings"
    __table_args__ = (
        account_key(),
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


class Send(TenantOwned, Base):
    """A message that a tenant posts, once per key: `random_id` follows from the key, so Telegram refuses a second one."""

    __tablename__ = "sends"
    __table_args__ = (account_key(), CheckConstraint(one_of("status", "sending", "sent", "failed"), name="status"))

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
