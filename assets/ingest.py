"""What has been read from Telegram: posts, their versions, their counters, their media."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import note_media_backlog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import LANDING, MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.orchestration.io_manager import Frames, Upstream
from tgstudio_dagster.orchestration.partitions import TenantDay, tenant_day, tenant_days
from tgstudio_dagster.posts.attachments import waiting
from tgstudio_dagster.posts.merge import Merged, merge
from tgstudio_dagster.telegram.files.downloads import MediaTables, media_tables
from tgstudio_dagster.telegram.reading.pull import Telegram
from tgstudio_dagster.telegram.reading.read_report import ReadReport

GROUP = "ingest"
OWNERS = ["team:ingest"]
LEASE_WAIT = 600.0  # seconds; longer than a merge takes, so that a second run waits its turn
ONE_RUN = dg.BackfillPolicy.single_run()


def _out(description: str) -> dg.AssetOut:
    return dg.AssetOut(
        description=description,
        owners=OWNERS,
        group_name=GROUP,
        kinds={"telegram", "polars", "parquet"},
        is_required=False,
    )


@dg.multi_asset(
    name="merge_landings",
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    outs={
        "messages": _out(
            f"{MESSAGES.description}\n\nKey: channel_id, msg_id. Telegram is read for the tenant first: what is new, what is "
            "missing of the days. Then the days' landings are merged into the partition: the newest observation wins. "
            "Stale when a landing waits for the day. Where Telegram asks to wait and nothing has landed, the run ends here, "
            "skipped."
        ),
        "message_versions": _out(f"{MESSAGE_VERSIONS.description}\n\nKey: channel_id, msg_id, version."),
        "message_stats": _out(f"{MESSAGE_STATS.description}\n\nKey: channel_id, msg_id, observed_at."),
    },
)
def merge_landings(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    telegram: dg.ResourceParam[Telegram],
) -> Iterator[dg.Output[Frames]]:
    """Read Telegram, merge what has landed into the days' partitions, then drop it. One run at a time for a tenant."""
    keys = tenant_days(context)
    reports = {
        tenant: telegram.read(catalog, lake.tenant(tenant), DayRange(min(days), max(days)), context.log.info)
        for tenant, days in _by_tenant(keys).items()
    }
    with ExitStack() as held:
        for tenant in reports:
            held.enter_context(lease(catalog, f"merge/{tenant}", wait=LEASE_WAIT))
        landings = {key: lake.tenant(key.tenant).landings(key.day) for key in keys}
        waits = [report.waits_until for report in reports.values() if report is not None and report.waits_until]
        if waits and not any(landings.values()):
            context.log.info("skipped: Telegram asks to wait until %s UTC", f"{min(waits):%Y-%m-%d %H:%M:%S}")
            return
        yield from _merge(context, lake, landings, _told(reports))


def _by_tenant(keys: list[TenantDay]) -> dict[str, list[date]]:
    days: dict[str, list[date]] = defaultdict(list)
    for key in keys:
        days[key.tenant].append(key.day)
    return dict(days)


def _told(reports: dict[str, ReadReport | None]) -> dict[str, Any]:
    """What reading Telegram did, as metadata: counts, waits, errors by channel."""
    read = [report for report in reports.values() if report is not None]
    if not read:
        return {}
    errors = {str(one.channel_id): one.error for report in read for one in report.channels.values() if one.error}
    waits = {wait.method: f"{wait.until:%Y-%m-%d %H:%M:%S} UTC" for report in read for wait in report.waits}
    return {
        "read": sum(report.total("landed") for report in read),
        "observed_again": sum(report.total("observed") for report in read),
        "deleted": sum(report.total("deleted") for report in read),
        "comments": sum(report.total("comments") for report in read),
        "more_to_read": any(report.more for report in read),
        "waits": dg.MetadataValue.json(waits),
        "errors": dg.MetadataValue.json(errors),
    }


def _merge(
    context: dg.AssetExecutionContext, lake: Lake, landings: dict[TenantDay, list[Any]], told: dict[str, Any]
) -> Iterator[dg.Output[Frames]]:
    merged: dict[TenantDay, Merged] = {}

    def messages() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key, landed in landings.items():
            store = lake.tenant(key.tenant)
            merged[key] = merge(
                store.read_landings(landed) if landed else LANDING.empty(),
                store.read(MESSAGES, days=[key.day]),
                store.read(MESSAGE_VERSIONS, days=[key.day]),
                store.read(MESSAGE_STATS, days=[key.day]),
            )
            yield key, merged[key].messages

    yield dg.Output(Frames(messages()), "messages", metadata=told)
    yield dg.Output(Frames((key, merged[key].versions) for key in landings), "message_versions")
    yield dg.Output(Frames((key, merged[key].stats) for key in landings), "message_stats")
    # Each output above is stored before the next line runs, so a killed run leaves its landings for the next one.
    for key, merged_ones in landings.items():
        lake.tenant(key.tenant).drop_landings(merged_ones)
    context.log.info("merged %d landings of %d days", sum(map(len, landings.values())), len(landings))


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"telegram", "polars", "parquet"},
    description=f"{MEDIA.description}\n\nKey: channel_id, msg_id, index. Files that Telegram still holds are fetched, within "
    "the tenant's filters and its plan. Stale when the day's messages change.",
    op_tags={"dagster/priority": "-10"},  # files may take minutes: rankings first
)
def media(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    telegram: dg.ResourceParam[Telegram],
    messages: Upstream,
) -> dg.Output[Frames]:
    """Media of the days' posts: what is stored, what was left out, what waits, each with its reason."""
    made = {
        tenant: _media(lake, catalog, telegram, tenant, days, messages)
        for tenant, days in _by_tenant(tenant_days(context)).items()
    }
    statuses: dict[str, int] = defaultdict(int)
    for tables in made.values():
        for error in tables.downloads.errors:
            context.log.warning("media: %s", error)
        for status, count in tables.statuses.items():
            statuses[status] += count
    frames = Frames(
        (TenantDay(tenant, day), made[tenant].tables[day]) for tenant in made for day in made[tenant].tables
    )
    metadata: dict[str, Any] = {
        "downloaded_bytes": sum(tables.downloads.bytes for tables in made.values()),
        "statuses": dg.MetadataValue.json(dict(statuses)),
    }
    return dg.Output(frames, metadata=metadata)


def _media(
    lake: Lake, catalog: Catalog, telegram: Telegram, tenant: str, days: list[date], messages: Upstream
) -> MediaTables:
    store = lake.tenant(tenant)
    made = media_tables(
        {day: messages.day(TenantDay(tenant, day)) for day in sorted(days)},
        {day: store.read(MEDIA, days=[day]) for day in days},
        filters=tenant_settings(catalog, tenant).filters,
        fetch=lambda items: telegram.fetch(catalog, store, items),
    )
    left = {day: waiting(table, telegram.now(), made.downloads.waits_until) for day, table in made.tables.items()}
    note_media_backlog(catalog, tenant, left)
    return made
