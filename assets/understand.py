"""What the posts are about: features, topics, the map, the rankings. Windows end with the day that is made.

Within a run each step goes through its days in order, so that a day finds the one before it written.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tgstudio_dagster.ai.ledger import Ledger
from tgstudio_dagster.ai.metered import MeteredEncoder
from tgstudio_dagster.ai.offline.encoder import OfflineEncoder
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.core.settings import web_settings
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.lake.tables.topics import (
    EMBEDDINGS,
    FEATURE_COUNTS,
    RANKINGS,
    TOPIC_CHANGES,
    TOPIC_MAP,
    TOPIC_MESSAGES,
    TOPICS,
)
from tgstudio_dagster.orchestration.day_writer import write_days
from tgstudio_dagster.orchestration.run_days import RunDays, days_by_tenant
from tgstudio_dagster.orchestration.specs import ONE_RUN, month_specs, window
from tgstudio_dagster.search.build import index_day
from tgstudio_dagster.topics.footers import count_lines
from tgstudio_dagster.topics.of_day import embeddings_of, feature_counts_of, map_of, rankings_of, topics_of
from tgstudio_dagster.topics.sentence import Encoder

GROUP = "understand"
OWNER = "team:understand"
Results = Iterator[dg.MaterializeResult[None]]


def _specs(*tables: Table, kinds: str = "", **given: Any) -> list[dg.AssetSpec]:
    return month_specs(tables, group=GROUP, owner=OWNER, kinds={"polars", *kinds.split()}, **given)


@dg.multi_asset(name="channel_lines", backfill_policy=ONE_RUN, specs=_specs(CHANNEL_LINES, deps=["messages"]))
def channel_lines(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], run_days: RunDays) -> Results:
    """Lines of the days' posts, counted."""
    yield from write_days(
        context,
        lake,
        run_days.of(context, lake),
        (CHANNEL_LINES,),
        lambda store, day: (count_lines(store.read(MESSAGES, days=[day])),),
    )


@dg.multi_asset(
    name="embeddings",
    backfill_policy=ONE_RUN,
    specs=_specs(
        EMBEDDINGS,
        kinds="scikitlearn",
        deps=["messages", *window(CHANNEL_LINES)],
        notes="The days before teach which lines a channel repeats.",
    ),
)
def embeddings(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    encoder: dg.ResourceParam[Encoder | None],
    catalog: dg.ResourceParam[Catalog],
    run_days: RunDays,
) -> Results:
    """Features of the days' posts; the log says how far the sentence model is, where one is set."""

    def metered(store: TenantLake) -> Encoder | None:
        return None if encoder is None else MeteredEncoder(OfflineEncoder(encoder), Ledger(catalog, store.tenant))

    yield from write_days(
        context,
        lake,
        run_days.of(context, lake),
        (EMBEDDINGS,),
        lambda store, day: (embeddings_of(store, day, metered(store), lake.vectors, context.log.debug),),
    )


@dg.multi_asset(
    name="feature_counts", backfill_policy=ONE_RUN, specs=_specs(FEATURE_COUNTS, deps=["messages", "embeddings"])
)
def feature_counts(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], run_days: RunDays) -> Results:
    """Features of the days' posts, counted."""
    yield from write_days(
        context,
        lake,
        run_days.of(context, lake),
        (FEATURE_COUNTS,),
        lambda store, day: (feature_counts_of(store, day),),
    )


@dg.multi_asset(
    name="search_index",
    backfill_policy=ONE_RUN,
    specs=_specs(
        SEARCH_INDEX, deps=["messages", "embeddings"], notes="Of the day's own messages and dense vectors alone."
    ),
)
def search_index(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], run_days: RunDays) -> Results:
    """What the days' posts are found by."""
    yield from write_days(
        context,
        lake,
        run_days.of(context, lake),
        (SEARCH_INDEX,),
        lambda store, day: (index_day(store.read(MESSAGES, days=[day]), store.read(EMBEDDINGS, days=[day])),),
    )


@dg.multi_asset(
    name="find_topics",
    backfill_policy=ONE_RUN,
    specs=_specs(
        TOPICS,
        TOPIC_MESSAGES,
        TOPIC_CHANGES,
        kinds="scikitlearn",
        deps=window(MESSAGES, MESSAGE_VERSIONS, MESSAGE_STATS, EMBEDDINGS, CHANNEL_LINES, FEATURE_COUNTS),
        notes="Window: the 7 days that end with the day.",
    ),
)
def topics(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], run_days: RunDays) -> Results:
    """Topics of the window, which posts belong to them, and which of the topics before split or merged."""

    def make(store: TenantLake, day: date) -> Iterator[pl.DataFrame]:
        found = topics_of(store, day, context.log.debug, context.log.warning)
        yield found.topics
        yield found.topic_messages
        yield TOPIC_CHANGES.conform(found.changes)

    yield from write_days(context, lake, run_days.of(context, lake), (TOPICS, TOPIC_MESSAGES, TOPIC_CHANGES), make)


@dg.multi_asset(
    name="topic_map",
    backfill_policy=ONE_RUN,
    specs=_specs(
        TOPIC_MAP,
        kinds="umap",
        deps=["topics", "topic_messages", *window(EMBEDDINGS)],
        notes="Anchored on the previous day's layout where there is one.",
        links={"map": dg.MetadataValue.url(f"{web_settings().origin}/map")},
    ),
)
def topic_map(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], run_days: RunDays) -> Results:
    """The places of the window's posts on the map; the log says how far they moved since the day before."""
    yield from write_days(
        context,
        lake,
        run_days.of(context, lake),
        (TOPIC_MAP,),
        lambda store, day: (map_of(store, day, context.log.debug),),
    )


@dg.multi_asset(
    name="rankings",
    backfill_policy=ONE_RUN,
    specs=_specs(
        RANKINGS,
        deps=["topics", "topic_messages", *window(MESSAGES, MESSAGE_STATS)],
        notes="Now is the newest observation in the window.",
        fresh=True,
    ),
)
def rankings(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    run_days: RunDays,
) -> Results:
    """Scores, ranks and every term of the formula, with the tenant's weights."""
    keys = run_days.of(context, lake)
    weights = {tenant: tenant_settings(catalog, tenant).ranking for tenant in days_by_tenant(keys)}
    yield from write_days(
        context,
        lake,
        keys,
        (RANKINGS,),
        lambda store, day: (rankings_of(store, day, weights[store.tenant]),),
    )
