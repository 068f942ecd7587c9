"""Tables of limits and costs: plans, quotas, what was used of them, and calls of models.

One class is one table; no query belongs here.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, KEY_LENGTH, SLUG_LENGTH, Base, TenantOwned
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


class AiUsage(TenantOwned, Base):
    """A paid model call, keyed by the hash of its inputs so that a retry finds its result and never pays twice."""

    __tablename__ = "ai_usage"
    __table_args__ = (UniqueConstraint("tenant", "call_hash"), Index(None, "tenant", "created_at"))

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    call_hash: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[str | None] = mapped_column(String(KEY_LENGTH), ForeignKey("orders.id"))
    kind: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(100))
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    images: Mapped[int] = mapped_column(default=0)
    cost_micro_usd: Mapped[int] = mapped_column(BigInteger, default=0)
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
