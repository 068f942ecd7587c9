"""Plans: what a tenant may use, by its plan and by the quotas that differ from it, and what it has used of that.

What the product's plans allow is `PLANS`, and nowhere else. A row of the table `plans` names a plan and holds only what an
operator has set otherwise; a plan of the operator's own has the free one's limits for what its row does not say. Whoever
spends asks here first. What something costs in money is not handled here.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tgstudio_dagster.capabilities import others
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Plan, Quota, QuotaUsage
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.core.errors import FieldError, NotFoundError, QuotaError, SettingsError
from tgstudio_dagster.core.principal import Principal

__all__ = [
    "PLANS",
    "Limits",
    "limit_by_tenant",
    "limits_of",
    "limits_within",
    "lock_tenant",
    "next_midnight",
    "refuse_over",
    "set_plan",
    "spend",
    "spent",
    "take",
    "take_within",
]

DEFAULT_PLAN = "free"


class Limits(BaseModel):
    """What a tenant may use. Days are UTC. Those that capabilities add are further attributes."""

    model_config = ConfigDict(extra="allow", frozen=True)

    refresh_minutes: int = Field(ge=1, description="From one reading of Telegram to the next.")
    channels: int = Field(ge=0, description="Subscriptions that have not ended.")
    accounts: int = Field(ge=0, description="Paired Telegram accounts.")
    media_bytes_per_day: int = Field(ge=0, description="Bytes of media downloaded a day.")
    orders_per_day: int = Field(ge=0, description="Orders a day.")
    images_per_day: int = Field(ge=0, description="Images drawn a day.")
    api_calls_per_day: int = Field(ge=0, description="Calls of the REST interface with a key a day.")
    mcp_calls_per_day: int = Field(ge=0, description="Calls of tools a day.")
    calls_per_minute: int = Field(ge=1, description="Calls a minute of one key, where the key says nothing less.")
    upload_bytes_per_day: int = Field(ge=0, description="Bytes of exports and dumps uploaded a day.")


_GIB = 2**30
PLANS: dict[str, Limits] = {
    "free": Limits(
        refresh_minutes=60,
        channels=50,
        accounts=1,
        media_bytes_per_day=_GIB,
        orders_per_day=20,
        images_per_day=20,
        api_calls_per_day=1_000,
        mcp_calls_per_day=500,
        calls_per_minute=60,
        upload_bytes_per_day=5 * _GIB,
    ),
    "pro": Limits(
        refresh_minutes=15,
        channels=500,
        accounts=5,
        media_bytes_per_day=20 * _GIB,
        orders_per_day=200,
        images_per_day=400,
        api_calls_per_day=50_000,
        mcp_calls_per_day=20_000,
        calls_per_minute=300,
        upload_bytes_per_day=50 * _GIB,
    ),
    "enterprise": Limits(
        refresh_minutes=5,
        channels=5_000,
        accounts=50,
        media_bytes_per_day=500 * _GIB,
        orders_per_day=2_000,
        images_per_day=4_000,
        api_calls_per_day=1_000_000,
        mcp_calls_per_day=500_000,
        calls_per_minute=1_200,
        upload_bytes_per_day=500 * _GIB,
    ),
}
"""What the product's own plans allow. A change here reaches every tenant that no row says otherwise of."""


def limits_of(catalog: Catalog, tenant: Principal | str) -> Limits:
    """The limits of the tenant's plan (`free` where it has none), with its own quotas in their place.

    Raises NotFoundError for an unknown tenant, SettingsError where the plan is missing or a row's limit is no number.
    """
    with catalog.tenant_session(tenant) as session:
        return limits_within(session, tenant)


def limits_within(session: Session, tenant: Principal | str) -> Limits:
    """As `limits_of`, in a transaction of the tenant that is open already."""
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    name = session.get_one(Tenant, slug).plan or DEFAULT_PLAN
    plan = session.get(Plan, name)
    if plan is None:
        raise FieldError("plan", f"tenant {slug!r} is on {name!r}, which the catalog's table `plans` lacks; add it.")
    quotas = {row.name: row.limit for row in session.scalars(select(Quota))}
    try:
        shipped = {**_added(), **PLANS.get(name, PLANS[DEFAULT_PLAN]).model_dump()}
        said = {**plan.limits, **quotas}
        return Limits.model_validate(shipped | {limit: said[limit] for limit in shipped.keys() & said.keys()})
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"Plan {name!r}, limit {first['loc'][0]}: {first['msg']}. Mend it in `plans`.") from error


def limit_by_tenant(session: Session, name: str) -> dict[str, int]:
    """A limit of every tenant on a plan that there is, as `limits_of` has it: for who looks at all tenants at once."""
    plans = {
        plan.name: {**PLANS.get(plan.name, PLANS[DEFAULT_PLAN]).model_dump(), **plan.limits}[name]
        for plan in session.scalars(select(Plan))
    }
    own = dict(session.execute(select(Quota.tenant, Quota.limit).where(Quota.name == name)).all())
    tenants = session.execute(select(Tenant.slug, Tenant.plan)).all()
    limits = {slug: own.get(slug, plans.get(plan or DEFAULT_PLAN)) for slug, plan in tenants}
    return {slug: limit for slug, limit in limits.items() if limit is not None}


def _added() -> dict[str, int]:
    """The limits that capabilities add, as they are where no plan says anything."""
    return {name: limit for capability in others() for name, limit in capability.limits.items()}


def lock_tenant(session: Session, tenant: Principal | str) -> None:
    """Let no other transaction do what also takes this lock until this one ends: what is counted stays true.

    SQLite lets one transaction write at a time anyway.
    """
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    # key_share: rows that merely name the tenant may still be added meanwhile.
    session.execute(select(Tenant.slug).where(Tenant.slug == slug).with_for_update(key_share=True))


def set_plan(catalog: Catalog, tenant: str, name: str) -> None:
    """Put the tenant on a plan. Raises NotFoundError, naming the plans, for an unknown one, or for an unknown tenant."""
    with catalog.tenant_session(tenant, writing=True) as session:
        if session.get(Plan, name) is None:
            known = ", ".join(session.scalars(select(Plan.name).order_by(Plan.name)))
            raise NotFoundError(f"there is no {name!r}; choose from {known}.", field="plan")
        session.get_one(Tenant, tenant).plan = name


def take(catalog: Catalog, tenant: Principal | str, name: str, day: date, amount: int = 1) -> int:
    """Use `amount` of a limit of the day, if so much is left; returns the day's total.

    Raises QuotaError until the next day (UTC) where it is not, and nothing is used.
    """
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    with catalog.tenant_session(slug, writing=True) as session:
        return take_within(session, slug, name, day, amount)


def take_within(session: Session, tenant: str, name: str, day: date, amount: int = 1) -> int:
    """As `take`, in a writing transaction of the tenant that is open already."""
    lock_tenant(session, tenant)
    used = session.get(QuotaUsage, (tenant, day, name)) or QuotaUsage(tenant=tenant, day=day, name=name, amount=0)
    _refuse_over(session, tenant, name, day, used.amount, amount)
    session.add(used)
    used.amount += amount
    return used.amount


def refuse_over(catalog: Catalog, tenant: Principal | str, name: str, day: date, amount: int) -> None:
    """Raise QuotaError as `take` would, and use nothing: before work is begun that is counted while it goes on."""
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    with catalog.tenant_session(slug) as session:
        used = session.get(QuotaUsage, (slug, day, name))
        _refuse_over(session, slug, name, day, used.amount if used else 0, amount)


def _refuse_over(session: Session, tenant: str, name: str, day: date, used: int, amount: int) -> None:
    limit: int = getattr(limits_within(session, tenant), name)
    if used + amount > limit:
        until = datetime.combine(day + timedelta(days=1), time(), UTC)
        raise QuotaError(name, until, f"{name}: {used} of {limit} are used today; wait until {until:%H:%M} UTC.").coded(
            "quota.day", quota=name, used=used, limit=limit
        )


def next_midnight(now: datetime) -> datetime:
    """When the limits of a day begin anew (UTC)."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def spend(catalog: Catalog, tenant: str, name: str, day: date, amount: int) -> int:
    """Note that `amount` more (at least 0) of a limit was used on the day; returns the day's total."""
    if amount < 0:
        raise ValueError(f"amount: {amount} is negative; what was used is never given back")
    with catalog.tenant_session(tenant, writing=True) as session:
        lock_tenant(session, tenant)
        row = session.get(QuotaUsage, (tenant, day, name))
        if row is None:
            row = QuotaUsage(tenant=tenant, day=day, name=name, amount=0)
            session.add(row)
        row.amount += amount
        return row.amount


def spent(catalog: Catalog, tenant: Principal | str, name: str, day: date) -> int:
    """How much of a limit the tenant has used on the day."""
    query = select(QuotaUsage.amount).where(QuotaUsage.name == name, QuotaUsage.day == day)
    with catalog.tenant_session(tenant) as session:
        return session.scalar(query) or 0
