"""Which capabilities a tenant has: what its plan says, with its own limits in place of that; else the capability's default.

A switch is a limit named `capability.<name>`, 1 or 0: in a plan's limits, or as a tenant's own quota.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tgstudio_dagster.capabilities import capabilities
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Plan, Quota
from tgstudio_dagster.catalog.money.plans import DEFAULT_PLAN
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.principal import Principal

__all__ = ["NEWSROOM", "switch", "switch_of_plan", "switched_off", "tenants_with"]

NEWSROOM = "newsroom"


def switched_off(catalog: Catalog, tenant: Principal | str) -> frozenset[str]:
    """The capabilities that the tenant does not have. Raises NotFoundError for an unknown tenant."""
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    with catalog.tenant_session(slug) as session:
        plan = session.get(Plan, session.get_one(Tenant, slug).plan or DEFAULT_PLAN)
        limits = dict(plan.limits) if plan is not None else {}
        limits |= {row.name: row.limit for row in session.scalars(select(Quota))}
    return frozenset(name for name in capabilities() if not _has(name, limits))


def tenants_with(catalog: Catalog, capability: str) -> frozenset[str]:
    """The tenants that are not deleted and have the capability: whom a sensor looks at."""
    with catalog.reading() as session:
        plans = {plan.name: plan.limits for plan in session.scalars(select(Plan))}
        own = _own(session, capability)
        tenants = session.execute(select(Tenant.slug, Tenant.plan).where(Tenant.deleted_at.is_(None))).all()
    return frozenset(
        slug
        for slug, plan in tenants
        if _has(
            capability,
            {**plans.get(plan or DEFAULT_PLAN, {}), **({_limit(capability): own[slug]} if slug in own else {})},
        )
    )


def switch(catalog: Catalog, principal: Principal, capability: str, on: bool | None) -> None:
    """Give the tenant the capability, or take it; None: as its plan says. Raises NotFoundError for an unknown one."""
    _known(capability)
    with catalog.tenant_session(principal, writing=True) as session:
        key = (principal.tenant, _limit(capability))
        row = session.get(Quota, key)
        if on is not None:
            session.merge(Quota(tenant=principal.tenant, name=_limit(capability), limit=int(on)))
        elif row is not None:
            session.delete(row)
        audit(session, principal, "capability.switch", capability, {"on": on})


def switch_of_plan(catalog: Catalog, plan: str, capability: str, on: bool | None) -> None:
    """Have the plan say that its tenants have the capability, or do not; None: say nothing. Raises NotFoundError."""
    _known(capability)
    with catalog.session() as session:
        row = session.get(Plan, plan, with_for_update=True)
        if row is None:
            known = ", ".join(session.scalars(select(Plan.name).order_by(Plan.name)))
            raise NotFoundError(f"there is no {plan!r}; choose from {known}.", field="plan")
        limits = {name: limit for name, limit in row.limits.items() if name != _limit(capability)}
        row.limits = limits if on is None else limits | {_limit(capability): int(on)}


def _own(session: Session, capability: str) -> dict[str, int]:
    query = select(Quota.tenant, Quota.limit).where(Quota.name == _limit(capability))
    return dict(session.execute(query).tuples().all())


def _has(capability: str, limits: Mapping[str, Any]) -> bool:
    return bool(limits.get(_limit(capability), capabilities()[capability].default))


def _limit(capability: str) -> str:
    return f"capability.{capability}"


def _known(capability: str) -> None:
    if capability not in capabilities():
        raise NotFoundError(f"there is no {capability!r}; choose from {', '.join(capabilities())}.", field="capability")
