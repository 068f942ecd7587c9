"""What the posts are about: features, topics, the map, the rankings. Windows end with the partition's day."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import polars as pl

from assets.ingest import ONE_RUN
from tgstudio_dagster.lake.io_manager import Frames, Upstream
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import EMBEDDINGS, RANKINGS, TOPIC_MAP, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.partitions import TenantDay, tenant_day, tenant_days, trailing_window
from tgstudio_dagster.topics.cluster import Topics, find_topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.map import lay_out
from tgstudio_dagster.topics.rank import rank
from tgstudio_dagster.topics.window import as_of

GROUP = "understand"
OWNERS = ["team:understand"]
WINDOW = dg.AssetIn(partition_mapping=trailing_window)


@dg.asset(
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars", "scikitlearn"},
    ins={"messages": WINDOW},
    description=f"{EMBEDDINGS.description}\n\nKey: channel_id, msg_id. The window teaches which lines a channel repeats.",
)
def embeddings(context: dg.AssetExecutionContext, messages: Upstream) -> Frames:
    """Features of the days' posts."""
    return Frames((key, embed(messages.day(key), messages.window(key))) for key in tenant_days(context))


@dg.multi_asset(
    name="find_topics",
    partitions_def=tenant_day,
    backfill_policy=ONE_RUN,
    ins={"messages": WINDOW, "embeddings": WINDOW, "message_stats": WINDOW},
    outs={
        table.name: dg.AssetOut(
            description=f"{table.description}\n\nKey: {', '.join(table.key)}. Window: 7 days ending with the partition's day.",
            owners=OWNERS,
            group_name=GROUP,
            kinds={"polars", "scikitlearn"},
        )
        for table in (TOPICS, TOPIC_MESSAGES)
    },
)
def topics(
    context: dg.AssetExecutionContext, messages: Upstream, embeddings: Upstream, message_stats: Upstream
) -> Iterator[dg.Output[Frames]]:
    """Topics of the window, and which posts belong to them."""
    keys = tenant_days(context)
    found: dict[TenantDay, Topics] = {}

    def in_turn() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key in keys:
            window = messages.window(key)
            found[key] = find_topics(window, embeddings.window(key), as_of(key.day, window, message_stats.window(key)))
            yield key, found[key].topics

    yield dg.Output(Frames(in_turn()), "topics")
    yield dg.Output(Frames((key, found[key].topic_messages) for key in keys), "topic_messages")


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
    """The places of the window's posts on the map."""

    def in_turn() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key in tenant_days(context):
            # The day before is written by now, in this run or an earlier one: the run goes through its days in order.
            previous = lake.tenant(key.tenant).read(TOPIC_MAP, days=[key.day - timedelta(days=1)])
            anchor = None if previous.is_empty() else previous
            yield key, lay_out(embeddings.window(key), topic_messages.day(key), topics.day(key), anchor)

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
) -> Frames:
    """Scores, ranks and every term of the formula."""

    def in_turn() -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        for key in tenant_days(context):
            window, stats = messages.window(key), message_stats.window(key)
            now = as_of(key.day, window, stats)
            yield key, rank(window, stats, topics.day(key), topic_messages.day(key), now)

    return Frames(in_turn())
