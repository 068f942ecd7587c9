"""The whole machine, for its operator: every tenant, what failed and waits there, and the runs at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tgstudio_dagster.catalog.accounts.waits import Wait, list_waits
from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView, list_subscriptions
from tgstudio_dagster.catalog.people.models import AuditEntry
from tgstudio_dagster.catalog.people.refusals import list_refusals
from tgstudio_dagster.catalog.people.tenants import Tenant, list_members, list_tenants, tenant_settings
from tgstudio_dagster.catalog.work.orders import Order, list_orders
from tgstudio_dagster.core.errors import RunsError
from tgstudio_dagster.services.runs import Run
from tgstudio_dagster.services.scope import Service, does

__all__ = ["Machine", "TenantOverview"]


@dataclass(frozen=True)
class TenantOverview:
    """One tenant as its operator sees it. `failed` are its orders that failed."""

    tenant: Tenant
    zone: ZoneInfo
    members: int
    subscriptions: tuple[SubscriptionView, ...]
    waits: tuple[Wait, ...]
    failed: tuple[Order, ...]


class Machine(Service):
    """Everything of this machine."""

    @does("machine.tenants")
    def tenants(self, now: datetime | None = None) -> list[TenantOverview]:
        """All tenants, by slug."""
        at, catalog = now or self.scope.clock(), self.scope.catalog
        return [
            TenantOverview(
                tenant=tenant,
                zone=tenant_settings(catalog, tenant.slug).zone,
                members=len(list_members(catalog, tenant.slug)),
                subscriptions=tuple(list_subscriptions(catalog, tenant.slug)),
                waits=tuple(list_waits(catalog, tenant.slug, now=at)),
                failed=tuple(list_orders(catalog, tenant.slug, status="failed")),
            )
            for tenant in list_tenants(catalog)
        ]

    @does("machine.refusals")
    def refusals(self, limit: int = 200) -> list[AuditEntry]:
        """Who was not let in lately, newest first."""
        return list_refusals(self.scope.catalog, limit)

    @does("machine.runs")
    def runs(self, limit: int = 50) -> list[Run]:
        """The newest runs of all tenants. Raises RunsError where Dagster's web server does not answer."""
        if self.scope.runs is None:
            raise RunsError("Dagster is not asked here; `tgstudio up` starts its web server and the studio beside it.")
        return self.scope.runs.runs(tags={}, limit=limit)
