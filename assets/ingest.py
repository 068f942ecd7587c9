"""What has been read from Telegram: posts, their versions, their counters, their media."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.orchestration.day_writer import write_days
from tgstudio_dagster.orchestration.media_months import MediaMonths
from tgstudio_dagster.orchestration.run_days import RunDays, days_by_tenant
from tgstudio_dagster.orchestration.specs import ONE_RUN, month_specs
from tgstudio_dagster.posts.merging import merge_day
from tgstudio_dagster.telegram.reading.pull import Telegram
from tgstudio_dagster.telegram.reading.read_report import ReadReport

GROUP = "ingest"
OWNER = "team:ingest"
KINDS = {"telegram", "polars", "parquet"}
LEASE_WAIT = 600.0  # seconds; longer than a merge takes, so that a second run waits its turn
MERGED = (MESSAGES, MESSAGE_VERSIONS, MESSAGE_STATS)


@dg.multi_asset(
    name="merge_landings",
    backfill_policy=ONE_RUN,
    specs=month_specs(
        MERGED,
        group=GROUP,
        owner=OWNER,
        kinds=KINDS,
        skippable=True,
        fresh=True,
        notes="Telegram is read for the tenant first: what is new, what is missing of the days. Then each day's landings are "
        "merged into its object: the newest observation wins. Stale when a landing waits for a day. Where Telegram asks to "
        "wait and nothing has landed, the run ends here, skipped.",
    ),
)
def merge_landings(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    telegram: dg.ResourceParam[Telegram],
    run_days: RunDays,
) -> Iterator[dg.MaterializeResult[None]]:
    """Read Telegram, merge what has landed into the days' objects, then drop it. One run at a time for a tenant."""
    keys = run_days.of(context, lake)
    by_tenant = days_by_tenant(keys)
    reports = {
        tenant: telegram.read(catalog, lake.tenant(tenant), DayRange(min(days), max(days)), context.log.info)
        for tenant, days in by_tenant.items()
    }
    with ExitStack() as held:
        for tenant in reports:
            held.enter_context(lease(catalog, f"merge/{tenant}", wait=LEASE_WAIT))
        landed = any(day in days for tenant, days in by_tenant.items() for day in lake.tenant(tenant).landing_days())
        waits = [report.waits_until for report in reports.values() if report is not None and report.waits_until]
        if waits and not landed:
            context.log.info("skipped: Telegram asks to wait until %s UTC", f"{min(waits):%Y-%m-%d %H:%M:%S}")
            return
        yield from write_days(context, lake, keys, MERGED, _merge, metadata=lambda: _described(reports))


def _merge(lake: TenantLake, day: date) -> Iterator[pl.DataFrame]:
    merged, landings = merge_day(lake, day)
    yield merged.messages
    yield merged.versions
    yield merged.stats
    # Each frame above is stored before the next line runs, so a killed run leaves its landings for the next one.
    lake.drop_landings(landings)


def _described(reports: dict[str, ReadReport | None]) -> dict[str, Any]:
    """What reading Telegram did, as metadata: counts, waits, errors by channel."""
    read = [report for report in reports.values() if report is not None]
    if not read:
        return {}
    channels = [channel for report in read for channel in report.channels.values()]
    waits = {wait.method: f"{wait.until:%Y-%m-%d %H:%M:%S} UTC" for report in read for wait in report.waits}
    return {
        "read": sum(report.total("landed") for report in read),
        "observed_again": sum(report.total("observed") for report in read),
        "deleted": sum(report.total("deleted") for report in read),
        "comments": sum(report.total("comments") for report in read),
        "more_to_read": any(report.more for report in read),
        "waits": dg.MetadataValue.json(waits),
        "errors": dg.MetadataValue.json({str(one.channel_id): one.error for one in channels if one.error}),
    }


@dg.multi_asset(
    name="media",
    backfill_policy=ONE_RUN,
    specs=month_specs(
        (MEDIA,),
        group=GROUP,
        owner=OWNER,
        kinds=KINDS,
        deps=["messages"],
        notes="Files that Telegram still holds are fetched, within the tenant's filters and its plan. Stale when the day's "
        "messages change.",
    ),
    op_tags={"dagster/priority": "-10"},  # files may take minutes: rankings first
)
def media(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    telegram: dg.ResourceParam[Telegram],
    run_days: RunDays,
) -> Iterator[dg.MaterializeResult[None]]:
    """Media of the days' posts: what is stored, what was left out, what waits, each with its reason."""
    keys = run_days.of(context, lake)[::-1]  # the newest first, as files are
    months = MediaMonths(catalog, telegram, keys)
    yield from write_days(
        context,
        lake,
        keys,
        (MEDIA,),
        months.make,
        metadata=lambda: {
            "downloaded_bytes": months.bytes,
            "statuses": dg.MetadataValue.json(dict(sorted(months.statuses.items()))),
        },
    )
    for error in months.errors:
        context.log.warning("media: %s", error)
