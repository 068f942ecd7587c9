"""Runs over days that were never read ask the reader for them, and end with what there is.

Only runs that a person has asked for: a sensor's run is over what has landed, and asks for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.standings import standings
from tgstudio_dagster.catalog.follows.wishes import wish_read
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.orchestration.decide import unread
from tgstudio_dagster.orchestration.run_days import TenantDay, days_by_tenant
from tgstudio_dagster.orchestration.tags import VERSION_TAG


def wish_unread(context: dg.AssetExecutionContext, lake: Lake, catalog: Catalog, keys: Sequence[TenantDay]) -> None:
    """Ask the reader for the run's days that were never read, and say so in the run's log."""
    if VERSION_TAG in context.run.tags:
        return
    for tenant, days in days_by_tenant(keys).items():
        store = lake.tenant(tenant)
        there = {*store.days(MESSAGES), *store.landing_days()}
        for standing in standings(catalog, earliest=date.fromisoformat(settings().first_day), only=tenant):
            missing = unread.decide(days, there=there, unfilled=standing.unfilled)
            if missing is not None:
                wish_read(catalog, tenant, missing, now=datetime.now(UTC))
                context.log.info("the reader was asked for %s … %s of tenant %s", missing.first, missing.last, tenant)
