"""What has been read from Telegram: posts, their versions, their counters, their media."""

from collections.abc import Iterator
from contextlib import ExitStack

import dagster as dg
import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.lake.io_manager import Frames, Upstream
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import LANDING, MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.partitions import TenantDay, tenant_day, tenant_days
from tgstudio_dagster.telegram.media import media_table
from tgstudio_dagster.telegram.merge import Merged, merge

GROUP = "ingest"
OWNERS = ["team:ingest"]
LEASE_WAIT = 600.0  # seconds; longer than a merge takes, so that a second run waits its turn
ONE_RUN = dg.BackfillPolicy.single_run()


def _out(description: str) -> dg.AssetOut:
    return dg.AssetOut(
        description=description, owners=OWNERS, group_name=GROUP, kinds={"telegram", "polars", "parquet"}
    )


@dg.multi_asset(
    name="merge_landings",
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    outs={
        "messages": _out(
            f"{MESSAGES.description}\n\nKey: channel_id, msg_id. Made by merging the day's landings into the partition: the "
            "newest observation wins. Stale when a landing waits for the day."
        ),
        "message_versions": _out(f"{MESSAGE_VERSIONS.description}\n\nKey: channel_id, msg_id, version."),
        "message_stats": _out(f"{MESSAGE_STATS.description}\n\nKey: channel_id, msg_id, observed_at."),
    },
)
def merge_landings(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], catalog: dg.ResourceParam[Catalog]
) -> Iterator[dg.Output[Frames]]:
    """Merge what has landed into the days' partitions, then drop it. One run at a time does so for a tenant."""
    keys = tenant_days(context)
    with ExitStack() as held:
        for tenant in sorted({key.tenant for key in keys}):
            held.enter_context(lease(catalog, f"merge/{tenant}", wait=LEASE_WAIT))
        yield from _merge(context, lake, keys)


def _merge(context: dg.AssetExecutionContext, lake: Lake, keys: list[TenantDay]) -> Iterator[dg.Output[Frames]]:
    landings = {key: lake.tenant(key.tenant).landings(key.day) for key in keys}
    merged: dict[TenantDay, Merged] = {}

    def messages() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key in keys:
            store = lake.tenant(key.tenant)
            merged[key] = merge(
                store.read_landings(landings[key]) if landings[key] else LANDING.empty(),
                store.read(MESSAGES, days=[key.day]),
                store.read(MESSAGE_VERSIONS, days=[key.day]),
                store.read(MESSAGE_STATS, days=[key.day]),
            )
            yield key, merged[key].messages

    yield dg.Output(Frames(messages()), "messages")
    yield dg.Output(Frames((key, merged[key].versions) for key in keys), "message_versions")
    yield dg.Output(Frames((key, merged[key].stats) for key in keys), "message_stats")
    # Each output above is stored before the next line runs, so a killed run leaves its landings for the next one.
    for key in keys:
        lake.tenant(key.tenant).drop_landings(landings[key])
    context.log.info("merged %d landings of %d days", sum(map(len, landings.values())), len(keys))


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars", "parquet"},
    description=f"{MEDIA.description}\n\nKey: channel_id, msg_id, index. Stale when the day's messages change.",
)
def media(context: dg.AssetExecutionContext, messages: Upstream) -> Frames:
    """Media of the days' posts."""
    return Frames((key, media_table(messages.day(key))) for key in tenant_days(context))
