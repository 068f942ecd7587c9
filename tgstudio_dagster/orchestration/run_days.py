"""Which days a run works on: those its config or its tag names, else every day there is of its months."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple, Protocol

import dagster as dg
from pydantic import Field

from tgstudio_dagster.core.days import month_days, month_of, parse_ranges
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.orchestration.partitions import TenantMonth, tenant_months
from tgstudio_dagster.orchestration.tags import DAYS_TAG


class TenantDay(NamedTuple):
    """One day of one tenant: an object of each table."""

    tenant: str
    day: date


class RunContext(Protocol):
    """What is asked of the context of an asset or a check."""

    @property
    def partition_keys(self) -> Iterable[str]: ...

    @property
    def run(self) -> dg.DagsterRun: ...


class RunDays(dg.ConfigurableResource[None]):
    """The days of a run: named here in the launchpad, by sensors and commands in the run's tag."""

    days: str = Field(
        default="",
        description=f"2026-03-01..2026-03-07, several with commas between. Default: the run's tag `{DAYS_TAG}`, else every "
        "day of the months, from the tenant's first to today.",
    )

    def of(self, context: RunContext, lake: Lake) -> list[TenantDay]:
        """The run's days by tenant, oldest first; raises SettingsError where they are not written as they should be."""
        named, keys = self.days or context.run.tags.get(DAYS_TAG, ""), tenant_months(context)
        if not named:
            return [TenantDay(key.tenant, day) for key in keys for day in _existing(lake.tenant(key.tenant), key.month)]
        days = sorted({day for found in parse_ranges(named) for day in found})
        months = set(keys)
        return [
            TenantDay(tenant, day)
            for tenant in sorted({key.tenant for key in keys})
            for day in days
            if TenantMonth(tenant, month_of(day)) in months
        ]


def days_by_tenant(keys: Sequence[TenantDay]) -> dict[str, list[date]]:
    """The days of each tenant."""
    days: dict[str, list[date]] = defaultdict(list)
    for key in keys:
        days[key.tenant].append(key.day)
    return dict(days)


def _existing(store: TenantLake, month: date) -> list[date]:
    """The month's days from the tenant's first to today; all of them up to today where the month lies before its first."""
    past = [day for day in month_days(month) if day <= datetime.now(UTC).date()]
    first = min([*store.days(MESSAGES)[:1], *store.landing_days()[:1]], default=None)
    return [day for day in past if first is None or day >= first] or past
