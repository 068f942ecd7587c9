"""Tables of limits and costs: plans, quotas, what was used of them, and calls of models.

One class is one table; no query belongs here.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, KEY_LENGTH, SLUG_LENGTH, Base, TenantOwned, one_of
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.ids import new_id


class Plan(Base):
    """What a tenant gets: limits by name, for example {"channels": 50, "orders_per_day": 20}."""

    __tablename__ = "plans"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Quota(TenantOwned, Base):
    """A limit of one tenant that differs from its plan's; in the unit of the plan's limit of that name."""

    __tablename__ = "quotas"

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    limit: Mapped[int] = mapped_column(BigInteger)


class QuotaUsage(TenantOwned, Base):
    """What a tenant used of a limit on a day (UTC), in the unit of the limit of that name."""

    __tablename__ = "quota_usage"

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger, default=0)


class AiClaim(TenantOwned, Base):
    """A call of a model, claimed before it is made and settled after it; keyed by the hash of all that it is asked.

    `state`: `asked` while `holder` makes it (believed until `held_until`), `done` with `answer` where answers of its kind
    are kept, `failed` with `error`, or `unknown` where the caller ended between asking and noting the answer: it may have
    been paid. `attempt` counts from 1 and is the fencing token of who makes it. `reserved_micro_usd` is what the call may
    cost, null where the model's price is unknown. `wish` is the order's, when the call was last made for it.
    """

    __tablename__ = "ai_claims"
    __table_args__ = (
        CheckConstraint(one_of("state", "asked", "done", "failed", "unknown"), name="state"),
        Index(None, "tenant", "state"),
        Index(None, "tenant", "order_id"),
    )

    tenant: Mapped[str] = mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(100))
    order_id: Mapped[str | None] = mapped_column(String(KEY_LENGTH), ForeignKey("orders.id"))
    wish: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(10))
    attempt: Mapped[int] = mapped_column(default=1)
    holder: Mapped[str | None] = mapped_column(String(300))
    holder_started: Mapped[float | None] = mapped_column(Float(53))
    held_until: Mapped[datetime | None]
    reserved_micro_usd: Mapped[int | None] = mapped_column(BigInteger)
    request_id: Mapped[str | None] = mapped_column(String(200))
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class AiUsage(TenantOwned, Base):
    """What one call of a model used, whether it answered or failed; `cached` where an earlier call's answer was used.

    `cost_micro_usd` is null where the model's price is unknown; `estimated` where the server counted no tokens and the
    product did. `provider` is `offline` for what costs nothing by nature.
    """

    __tablename__ = "ai_usage"
    __table_args__ = (Index(None, "tenant", "created_at"), Index(None, "tenant", "order_id"))

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    call_hash: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[str | None] = mapped_column(String(KEY_LENGTH), ForeignKey("orders.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(100))
    request_id: Mapped[str | None] = mapped_column(String(200))
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    images: Mapped[int] = mapped_column(default=0)
    cost_micro_usd: Mapped[int | None] = mapped_column(BigInteger)
    estimated: Mapped[bool] = mapped_column(default=False)
    cached: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
