"""What the posts are about: features, topics, the map, the rankings. Windows end with the partition's day."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import dagster as dg
import polars as pl

from assets.ingest import ONE_RUN
from tgstudio_dagster.ai.ledger import Ledger
from tgstudio_dagster.ai.metered import MeteredEncoder
from tgstudio_dagster.ai.offline.encoder import OfflineEncoder
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES
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
from tgstudio_dagster.orchestration.io_manager import Frames, Upstream
from tgstudio_dagster.orchestration.partitions import TenantDay, tenant_day, tenant_days, trailing_window
from tgstudio_dagster.search.build import index_day
from tgstudio_dagster.topics.as_of import Known
from tgstudio_dagster.topics.blend import Dense
from tgstudio_dagster.topics.cached_encoder import Remembered
from tgstudio_dagster.topics.cluster import Topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.footers import count_lines
from tgstudio_dagster.topics.frequencies import count_features
from tgstudio_dagster.topics.hourly import standing_topics
from tgstudio_dagster.topics.learnt import learnt_lines, learnt_words, topics_before
from tgstudio_dagster.topics.map import lay_out, moved
from tgstudio_dagster.topics.rank import rank
from tgstudio_dagster.topics.sentence import Encoder
from tgstudio_dagster.topics.window import as_of, window_days

GROUP = "understand"
LACKING = (
    "%s: %d posts of the window have no vector of %s and are compared by words alone; "
    "materialize embeddings of their days again"
)
OWNERS = ["team:understand"]
LINES = dg.AssetDep("channel_lines", partition_mapping=trailing_window)
WINDOW = dg.AssetIn(partition_mapping=trailing_window)


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars"},
    description=f"{CHANNEL_LINES.description}\n\nKey: channel_id, line.",
)
def channel_lines(context: dg.AssetExecutionContext, messages: Upstream) -> Frames:
    """Lines of the days' posts, counted."""
    return Frames((key, count_lines(messages.day(key))) for key in tenant_days(context))


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars", "scikitlearn"},
    deps=[LINES],
    description=f"{EMBEDDINGS.description}\n\nKey: channel_id, msg_id. The days before teach which lines a channel repeats.",
)
def embeddings(
    context: dg.AssetExecutionContext,
    messages: Upstream,
    lake: dg.ResourceParam[Lake],
    encoder: dg.ResourceParam[Encoder | None],
    catalog: dg.ResourceParam[Catalog],
) -> Frames:
    """Features of the days' posts; the log says how far the sentence model is, where one is set."""

    def of_day(key: TenantDay) -> Encoder | None:
        def said(done: int, total: int) -> None:
            context.log.info("%s: %d of %d new texts have vectors", key.day, done, total)

        if encoder is None:
            return None
        metered = MeteredEncoder(OfflineEncoder(encoder), Ledger(catalog, key.tenant))
        return Remembered(metered, lake.vectors, key.day, said)

    return Frames(
        (key, embed(messages.day(key), repeated=learnt_lines(lake.tenant(key.tenant), key.day), encoder=of_day(key)))
        for key in tenant_days(context)
    )


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars"},
    description=f"{FEATURE_COUNTS.description}\n\nKey: lang.",
)
def feature_counts(context: dg.AssetExecutionContext, messages: Upstream, embeddings: Upstream) -> Frames:
    """Features of the days' posts, counted."""
    return Frames(
        (key, count_features(messages.day(key), embeddings.day(key)).drop("day")) for key in tenant_days(context)
    )


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars"},
    description=f"{SEARCH_INDEX.description}\n\nKey: channel_id, msg_id. Of the day's own messages and dense vectors alone.",
)
def search_index(context: dg.AssetExecutionContext, messages: Upstream, embeddings: Upstream) -> Frames:
    """What the days' posts are found by."""
    return Frames((key, index_day(messages.day(key), embeddings.day(key))) for key in tenant_days(context))


@dg.multi_asset(
    name="find_topics",
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    ins={"messages": WINDOW, "message_versions": WINDOW, "message_stats": WINDOW, "embeddings": WINDOW},
    deps=[LINES, dg.AssetDep("feature_counts", partition_mapping=trailing_window)],
    outs={
        table.name: dg.AssetOut(
            description=f"{table.description}\n\nKey: {', '.join(table.key)}. Window: 7 days ending with the partition's day.",
            owners=OWNERS,
            group_name=GROUP,
            kinds={"polars", "scikitlearn"},
        )
        for table in (TOPICS, TOPIC_MESSAGES, TOPIC_CHANGES)
    },
)
def topics(
    context: dg.AssetExecutionContext,
    messages: Upstream,
    message_versions: Upstream,
    message_stats: Upstream,
    embeddings: Upstream,
    lake: dg.ResourceParam[Lake],
) -> Iterator[dg.Output[Frames]]:
    """Topics of the window, which posts belong to them, and which of the topics before split or merged."""
    keys = tenant_days(context)
    found: dict[TenantDay, Topics] = {}

    def in_turn() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key in keys:
            known = Known(messages.window(key), message_versions.window(key), message_stats.window(key))
            days = [embeddings.day(TenantDay(key.tenant, day)) for day in window_days(key.day)]
            dense = Dense.read(days, known.messages)
            if dense is not None and dense.lacking:
                context.log.warning(LACKING, key.day, dense.lacking, dense.model)
            standing = standing_topics(
                key.day,
                known,
                embeddings.window(key),
                as_of(key.day, known.messages, known.stats),
                repeated=learnt_lines(lake.tenant(key.tenant), key.day),
                background=learnt_words(lake.tenant(key.tenant), key.day),
                previous=_previous(lake, key, found),
                dense=dense,
                kept=lake.tenant(key.tenant).kept,
            )
            clustered = f"{standing.clustered_at:%Y-%m-%d %H:%M}"
            context.log.info("%s: clustered as of %s, %d posts attached", key.day, clustered, standing.attached)
            found[key] = standing.topics
            yield key, found[key].topics

    yield dg.Output(Frames(in_turn()), "topics")
    yield dg.Output(Frames((key, found[key].topic_messages) for key in keys), "topic_messages")
    yield dg.Output(Frames((key, TOPIC_CHANGES.conform(found[key].changes)) for key in keys), "topic_changes")


def _previous(lake: Lake, key: TenantDay, found: Mapping[TenantDay, Topics]) -> Topics | None:
    """Whose ids stay: the topics of the day before. Never the day's own earlier ones: a re-run gives the same bytes."""
    before = TenantDay(key.tenant, key.day - timedelta(days=1))
    if before in found:
        return found[before]
    return topics_before(lake.tenant(key.tenant), key.day)


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars", "umap"},
    ins={"embeddings": WINDOW},
    description=f"{TOPIC_MAP.description}\n\nKey: channel_id, msg_id. Anchored on the previous day's layout where there is one.",
)
def topic_map(
    context: dg.AssetExecutionContext,
    embeddings: Upstream,
    topics: Upstream,
    topic_messages: Upstream,
    lake: dg.ResourceParam[Lake],
) -> Frames:
    """The places of the window's posts on the map; the log says how far they moved since the day before."""

    def in_turn() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key in tenant_days(context):
            # The day before is written by now, in this run or an earlier one: the run goes through its days in order.
            previous = lake.tenant(key.tenant).read(TOPIC_MAP, days=[key.day - timedelta(days=1)])
            anchor = None if previous.is_empty() else previous
            laid_out = lay_out(embeddings.window(key), topic_messages.day(key), topics.day(key), anchor)
            way = None if anchor is None else moved(laid_out, anchor)
            if way is not None:
                context.log.info("%s: shared posts moved by %.3f of the map's radius", key.day, way)
            yield key, laid_out

    return Frames(in_turn())


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars"},
    ins={"messages": WINDOW, "message_stats": WINDOW},
    description=f"{RANKINGS.description}\n\nKey: entity_kind, entity_id, window. Now is the newest observation in the window.",
)
def rankings(
    context: dg.AssetExecutionContext,
    messages: Upstream,
    message_stats: Upstream,
    topics: Upstream,
    topic_messages: Upstream,
    catalog: dg.ResourceParam[Catalog],
) -> Frames:
    """Scores, ranks and every term of the formula, with the tenant's weights."""
    keys = tenant_days(context)
    weights = {tenant: tenant_settings(catalog, tenant).ranking for tenant in {key.tenant for key in keys}}

    def in_turn() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key in keys:
            window, stats = messages.window(key), message_stats.window(key)
            now = as_of(key.day, window, stats)
            yield key, rank(window, stats, topics.day(key), topic_messages.day(key), now, weights[key.tenant])

    return Frames(in_turn())
