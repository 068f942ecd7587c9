"""What a tenant used over a range of days: calls of paid models, and what was counted against its limits.

Limits and spending themselves are in plans.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select

from tgstudio_dagster.catalog.accounts.models import TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import Subscription
from tgstudio_dagster.catalog.money.models import AiUsage, QuotaUsage
from tgstudio_dagster.catalog.money.plans import DEFAULT_PLAN
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.core.principal import Principal

__all__ = ["OFFLINE", "ModelUse", "held", "model_uses", "plan_of", "quota_uses"]


OFFLINE = "offline"
"""The provider of models that cost nothing by nature."""


@dataclass(frozen=True)
class ModelUse:
    """One paid call of a model on a day (UTC). Where the model's price is unknown it is not `priced` and counts 0."""

    day: date
    model: str
    input_tokens: int
    output_tokens: int
    images: int
    cost_micro_usd: int
    priced: bool = True


def model_uses(catalog: Catalog, tenant: Principal | str, first: date, last: date) -> list[ModelUse]:
    """The tenant's paid calls of the days, one by one, oldest first; not those of offline models, nor answers kept."""
    start = datetime.combine(first, time(), UTC)
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    query = (
        select(
            AiUsage.created_at,
            AiUsage.model,
            AiUsage.input_tokens,
            AiUsage.output_tokens,
            AiUsage.images,
            AiUsage.cost_micro_usd,
        )
        .where(AiUsage.created_at >= start, AiUsage.created_at < end)
        .where(AiUsage.provider != OFFLINE, AiUsage.cached.is_(False))
        .order_by(AiUsage.created_at, AiUsage.id)
    )
    with catalog.tenant_session(tenant) as session:
        return [
            ModelUse(at.date(), model, read, written, images, cost or 0, cost is not None)
            for at, model, read, written, images, cost in session.execute(query)
        ]


def quota_uses(
    catalog: Catalog, tenant: Principal | str, first: date, last: date, names: Sequence[str]
) -> dict[tuple[date, str], int]:
    """What was used of the limits on each of the days, by day and name; what is not there was not used."""
    query = select(QuotaUsage.day, QuotaUsage.name, QuotaUsage.amount).where(
        QuotaUsage.day >= first, QuotaUsage.day <= last, QuotaUsage.name.in_(names)
    )
    with catalog.tenant_session(tenant) as session:
        return {(day, name): amount for day, name, amount in session.execute(query)}


def held(catalog: Catalog, tenant: Principal | str) -> dict[str, int]:
    """What the tenant holds of the limits that are not of a day: channels and accounts."""
    channels = select(func.count()).select_from(Subscription).where(Subscription.status != "ended")
    accounts = select(func.count()).select_from(TgAccount).where(TgAccount.status != "removed")
    with catalog.tenant_session(tenant) as session:
        return {"channels": session.scalar(channels) or 0, "accounts": session.scalar(accounts) or 0}


def plan_of(catalog: Catalog, tenant: Principal | str) -> str:
    """The name of the tenant's plan."""
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    with catalog.tenant_session(tenant) as session:
        return session.get_one(Tenant, slug).plan or DEFAULT_PLAN
