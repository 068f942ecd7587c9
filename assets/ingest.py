"""What has been read from Telegram: posts, their versions, their counters, their media."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.lake.store import Lake, Landing
from tgstudio_dagster.lake.tables.posts import LANDING, MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.orchestration.io_manager import Frames, Upstream
from tgstudio_dagster.orchestration.partitions import TenantDay, tenant_day, tenant_days
from tgstudio_dagster.posts.attachments import note_files, wanted, with_fetched
from tgstudio_dagster.posts.merge import Merged, merge

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
            f"{MESSAGES.description}\n\nKey: channel_id, msg_id. The days' landings are merged into the partition: "
            "the newest observation wins. Stale when a landing waits for the day."
        ),
        "message_versions": _out(f"{MESSAGE_VERSIONS.description}\n\nKey: channel_id, msg_id, version."),
        "message_stats": _out(f"{MESSAGE_STATS.description}\n\nKey: channel_id, msg_id, observed_at."),
    },
)
def merge_landings(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], catalog: dg.ResourceParam[Catalog]
) -> Iterator[dg.Output[Frames]]:
    """Merge what has landed into the days' partitions, then drop it. One run at a time for a tenant."""
    keys = tenant_days(context)
    with ExitStack() as held:
        for tenant in sorted({key.tenant for key in keys}):
            held.enter_context(lease(catalog, f"merge/{tenant}", wait=LEASE_WAIT))
        yield from _merge(context, lake, {key: lake.tenant(key.tenant).landings(key.day) for key in keys})


def _merge(
    context: dg.AssetExecutionContext, lake: Lake, landings: dict[TenantDay, list[Landing]]
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

    yield dg.Output(Frames(messages()), "messages")
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
    description=f"{MEDIA.description}\n\nKey: channel_id, msg_id, index. Files that Telegram still holds are noted for the "
    "reader, which fetches them within the tenant's filters and its plan. Stale when the day's messages change, or news of "
    "files waits.",
)
def media(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    messages: Upstream,
) -> Iterator[dg.Output[Frames]]:
    """Media of the days' posts: what is stored, what was left out, what waits, each with its reason."""
    statuses: Counter[str] = Counter()
    fetched = {key: lake.tenant(key.tenant).fetched.read(key.day) for key in tenant_days(context)}

    def tables() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key, news in fetched.items():
            before = lake.tenant(key.tenant).read(MEDIA, days=[key.day])
            plan = wanted(messages.day(key), before, tenant_settings(catalog, key.tenant).filters)
            table = with_fetched(plan, news.rows)
            statuses.update(status.partition(":")[0] for status in table["status"])
            note_files(catalog, key.tenant, key.day, table, datetime.now(UTC))
            yield key, table

    yield dg.Output(Frames(tables()))
    # What the table tells now is told once: a killed run leaves the news for the next one.
    for key, news in fetched.items():
        lake.tenant(key.tenant).fetched.drop(key.day, news.names)
    context.log.info("files: %s", dict(statuses))
