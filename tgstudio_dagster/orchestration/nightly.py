"""What happens each night by itself: the days that changed are checked, old runs and events are let go of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import list_tenants
from tgstudio_dagster.core.days import DayRange, as_ranges, by_adjacent_months
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.topics import RANKINGS
from tgstudio_dagster.orchestration.jobs import check
from tgstudio_dagster.orchestration.retention import clean_up_nightly
from tgstudio_dagster.orchestration.tags import days_tags

LOOK_BACK = timedelta(hours=25)
"""Longer than a day: what is written while last night's checks run is looked at tonight."""


def changed_days(modified: Mapping[date, float], since: datetime) -> list[tuple[DayRange, ...]]:
    """The days whose object was replaced since the moment, in groups that are one run each."""
    return by_adjacent_months(as_ranges(day for day, at in modified.items() if at >= since.timestamp()))


@dg.schedule(
    job=check,
    cron_schedule="20 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Checks the days of each tenant that changed since the night before.",
)
def check_nightly(
    context: dg.ScheduleEvaluationContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> list[dg.RunRequest]:
    """One run for each tenant with such days, or several where months without any lie between them."""
    night = context.scheduled_execution_time.astimezone(UTC)
    return [
        dg.RunRequest(
            run_key=f"{tenant.slug}:{night:%Y-%m-%d}:{ranges[0].first}",
            tags=days_tags(tenant.slug, ranges) | {"dagster/priority": "-10"},
        )
        for tenant in list_tenants(catalog)
        for ranges in changed_days(lake.tenant(tenant.slug).modified(RANKINGS), night - LOOK_BACK)
    ]


SCHEDULES = [check_nightly, clean_up_nightly]
