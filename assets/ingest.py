"""What has been read from Telegram: posts, their versions, their counters, their media. Reading is the reader's."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime

import dagster as dg
import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import LANDING, MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.orchestration.day_writer import write_days
from tgstudio_dagster.orchestration.partitions import tenant_month
from tgstudio_dagster.orchestration.run_days import RunDays, days_by_tenant
from tgstudio_dagster.orchestration.specs import ONE_RUN, month_specs
from tgstudio_dagster.orchestration.wishing import wish_unread
from tgstudio_dagster.posts.attachments import note_files, wanted, with_fetched
from tgstudio_dagster.posts.merging import merge_day

GROUP = "ingest"
OWNER = "team:ingest"
KINDS = {"telegram", "polars", "parquet"}
LEASE_WAIT = 600.0  # seconds; longer than a merge takes, so that a second run waits its turn
MERGED = (MESSAGES, MESSAGE_VERSIONS, MESSAGE_STATS)

landings = dg.AssetSpec(
    "landings",
    description=f"{LANDING.description}\n\nMade outside of Dagster by the reader, which tells here what landed, waits and "
    "errors (`tgstudio_dagster/reader/`); imports land too.",
    group_name="telegram",
    owners=[OWNER],
    kinds=KINDS,
    partitions_def=tenant_month,
)


@dg.multi_asset(
    name="merge_landings",
    backfill_policy=ONE_RUN,
    specs=month_specs(
        MERGED,
        group=GROUP,
        owner=OWNER,
        kinds=KINDS,
        deps=["landings"],
        fresh=True,
        notes="Each day's landings are merged into its object: the newest observation wins. Stale when a landing waits for a "
        "day. For days that were never read the reader is asked; what it lands starts the next run.",
    ),
)
def merge_landings(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    run_days: RunDays,
) -> Iterator[dg.MaterializeResult[None]]:
    """Merge what has landed into the days' objects, then drop it. One run at a time for a tenant."""
    keys = run_days.of(context, lake)
    wish_unread(context, lake, catalog, keys)
    with ExitStack() as held:
        for tenant in days_by_tenant(keys):
            held.enter_context(lease(catalog, f"merge/{tenant}", wait=LEASE_WAIT))
        yield from write_days(context, lake, keys, MERGED, _merge)


def _merge(lake: TenantLake, day: date) -> Iterator[pl.DataFrame]:
    merged, landings = merge_day(lake, day)
    yield merged.messages
    yield merged.versions
    yield merged.stats
    # Each frame above is stored before the next line runs, so a killed run leaves its landings for the next one.
    lake.drop_landings(landings)


@dg.multi_asset(
    name="media",
    backfill_policy=ONE_RUN,
    specs=month_specs(
        (MEDIA,),
        group=GROUP,
        owner=OWNER,
        kinds=KINDS,
        deps=["messages"],
        notes="Files that Telegram still holds are noted for the reader, which fetches them within the tenant's filters and its "
        "plan. Stale when the day's messages change, or news of files waits.",
    ),
    op_tags={"dagster/priority": "-10"},  # files may take minutes: rankings first
)
def media(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    run_days: RunDays,
) -> Iterator[dg.MaterializeResult[None]]:
    """Media of the days' posts: what is stored, what was left out, what waits, each with its reason."""
    statuses: Counter[str] = Counter()

    def make(store: TenantLake, day: date) -> Iterator[pl.DataFrame]:
        filters, news = tenant_settings(catalog, store.tenant).filters, store.fetched.read(day)
        plan = wanted(store.read(MESSAGES, days=[day]), store.read(MEDIA, days=[day]), filters)
        table = with_fetched(plan, news.rows)
        statuses.update(status.partition(":")[0] for status in table["status"])
        yield table
        # The table is stored by now, so a killed run leaves the news for the next one.
        note_files(catalog, store.tenant, day, table, datetime.now(UTC))
        store.fetched.drop(day, news.names)

    keys = run_days.of(context, lake)
    yield from write_days(
        context,
        lake,
        keys,
        (MEDIA,),
        make,
        metadata=lambda: {"statuses": dg.MetadataValue.json(dict(sorted(statuses.items())))},
    )
