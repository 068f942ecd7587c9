"""Queries for topics and rankings of a day, and for a topic's posts."""

from __future__ import annotations

from datetime import date
from typing import Literal

import polars as pl

from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.questions import ask
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.posts.feed import FEED_COLUMNS
from tgstudio_dagster.topics.window import window_days

RANKED = 500
"""How many of the leading posts or topics are kept in memory, once they are asked for."""


def top(
    lake: TenantLake, *, by: Literal["message", "topic"], window: Literal["24h", "7d"], day: date, limit: int
) -> pl.DataFrame:
    """The best ranked of a day's window; columns as in `sql/top_topics.sql` and `sql/top_messages.sql`."""
    depth = max(limit, RANKED)
    week = read_cache.versions(lake, MESSAGES)
    stands = [read_cache.versions(lake, table).get(day) for table in (RANKINGS, TOPICS)] + [
        week.get(d) for d in window_days(day)
    ]
    name = f"top/{by}/{window}/{day}/{depth}"
    return read_cache.frame(lake, name, repr(stands), lambda: _top(lake, by, window, day, depth)).head(limit)


def _top(lake: TenantLake, by: str, window: str, day: date, depth: int) -> pl.DataFrame:
    where = [pl.col("entity_kind") == by, pl.col("window") == window, pl.col("rank") <= depth]
    frames = {"rankings": lake.read(RANKINGS, days=[day], where=where)}
    if by == "topic":
        keys = frames["topics"] = lake.read(TOPICS, days=[day])
    else:
        keys = (
            frames["rankings"]
            .select(pl.col("entity_id").str.split_exact("/", 1).struct.rename_fields(["channel_id", "msg_id"]))
            .unnest("entity_id")
            .cast(pl.Int64)
        )
    # Of all posts of a week the few that lead: the rest is passed over while it is read.
    posts = [pl.col(name).is_in(keys[name].unique().to_list()) for name in ("channel_id", "msg_id")]
    frames["messages"] = lake.read(MESSAGES, days=window_days(day), columns=FEED_COLUMNS, where=posts)
    return ask(f"top_{by}s", frames, {"window": window, "limit": depth})


def top_of(
    rankings: pl.DataFrame,
    topics: pl.DataFrame,
    messages: pl.DataFrame,
    *,
    by: Literal["message", "topic"],
    window: Literal["24h", "7d"],
    limit: int,
) -> pl.DataFrame:
    """As `top`, of RANKINGS, TOPICS and MESSAGES that stand in no lake (`topics/rank_history.py`)."""
    frames = {"rankings": rankings, "topics": topics, "messages": messages.select(FEED_COLUMNS)}
    return ask(f"top_{by}s", frames, {"window": window, "limit": limit})


def topics(lake: TenantLake, *, day: date, limit: int) -> pl.DataFrame:
    """Topics of the window that ends with the day; columns as in `sql/topics.sql`."""
    return ask("topics", {"topics": lake.read(TOPICS, days=[day])}, {"limit": limit})


def topics_of(topics: pl.DataFrame, *, limit: int) -> pl.DataFrame:
    """As `topics`, of TOPICS that stand in no lake."""
    return ask("topics", {"topics": topics}, {"limit": limit})


def topic_posts(lake: TenantLake, *, topic_id: str, day: date) -> pl.DataFrame:
    """Posts of a topic, oldest first; columns as in `sql/topic_posts.sql`."""
    frames = {
        "topic_messages": lake.read(TOPIC_MESSAGES, days=[day], where=[pl.col("topic_id") == topic_id]),
        "messages": lake.read(MESSAGES, days=window_days(day), columns=FEED_COLUMNS),
    }
    return ask("topic_posts", frames, {"topic_id": topic_id})
