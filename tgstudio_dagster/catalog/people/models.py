"""Tables of people: tenants, users, keys, sessions, what programs asked, and the audit log.

One class is one table; no query belongs here. Times are UTC, ids are ULIDs unless said otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, SLUG_LENGTH, Base, TenantOwned, one_of
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.ids import new_id


class Request(TenantOwned, Base):
    """A call of the REST interface or of a tool: what was asked with which key, and how it ended. No secret, no text."""

    __tablename__ = "requests"
    __table_args__ = (CheckConstraint(one_of("kind", "api", "mcp"), name="kind"), Index(None, "tenant", "at"))

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    kind: Mapped[str] = mapped_column(String(5))
    name: Mapped[str] = mapped_column(String(200))
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    api_key_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("api_keys.id"))
    user_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    status: Mapped[int]
    milliseconds: Mapped[int]
    results: Mapped[int | None]


class KeptAnswer(TenantOwned, Base):
    """What a POST with an idempotency key answered, so that the same key is never carried out twice.

    `status` is null while the first one is at work; `request_hash` tells a repeat from another request.
    """

    __tablename__ = "kept_answers"

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


# Trimming both ends of every letter allowed leaves nothing of a good slug; unlike patterns it is the same in both databases.
_SLUG = "length(slug) > 0 and trim(slug, 'abcdefghijklmnopqrstuvwxyz0123456789') = ''"


class Tenant(Base):
    """A customer or team. Never deleted for good: the slug names its folders in the lake and is never used again."""

    __tablename__ = "tenants"
    __table_args__ = (CheckConstraint(_SLUG, name="slug"),)

    slug: Mapped[str] = mapped_column(String(SLUG_LENGTH), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    plan: Mapped[str | None] = mapped_column(String(40), ForeignKey("plans.name"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]


class User(Base):
    """A person who may log in: by Telegram, or (an operator of this machine) by `login` and a local password.

    `username` is Telegram's. `account_hash` tells whether the local account was changed since (services/local_accounts.py).
    `language` is what the person reads the studio in; null: their browser's.
    """

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    telegram_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    username: Mapped[str | None] = mapped_column(String(64))
    login: Mapped[str | None] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    account_hash: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(5))
    is_operator: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    disabled_at: Mapped[datetime | None]


class Membership(TenantOwned, Base):
    """What a user may do in a tenant."""

    __tablename__ = "memberships"
    __table_args__ = (CheckConstraint(one_of("role", "owner", "editor", "viewer"), name="role"),)

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class TenantSettingsRow(TenantOwned, Base):
    """What a tenant has set: a TenantSettings (tenant_settings.py) as JSON."""

    __tablename__ = "settings"

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    value: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class ApiKey(TenantOwned, Base):
    """A key for the REST interface and for language models' tools. Only its hash is stored; `prefix` tells keys apart.

    `role` is the most it may do, never more than its user may; `scopes` are what it is for. Null `ips`, `user_agents` and
    `tools` mean no restriction; null `rate_per_minute` the plan's. `parent_id` is the key that created it and ends it with
    itself.
    """

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint(one_of("role", "owner", "editor", "viewer"), name="role"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    scopes: Mapped[list[str]]
    rate_per_minute: Mapped[int | None]
    ips: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    user_agents: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    tools: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    user_id: Mapped[str] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    parent_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("api_keys.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class LoginSession(Base):
    """A browser that is logged in, by the hash of the session id its cookie names; `tenant` is where it works now.

    It ends at `expires_at` when it is not used, and at `ends_at` however it is used.
    """

    __tablename__ = "login_sessions"

    sid_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"), index=True)
    tenant: Mapped[str | None] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"))
    way: Mapped[str] = mapped_column(String(10))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class UsedLogin(Base):
    """A login proof that was used once and must not be accepted again before it expires."""

    __tablename__ = "used_logins"

    proof_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Base):
    """Who did what, when; without a tenant where it concerns the whole machine. Rows are only ever added."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "tenant", "at"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    tenant: Mapped[str | None] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"))
    user_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str | None] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
