"""The product's own questions, asked of a tenant's lake: each runs one file of `sql/` with DuckDB.

The partitions a question needs are named here (never a glob of the root), the question itself stands in its file.
What users ask in their own words goes through `sandbox.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb
import polars as pl

from tgstudio_dagster.errors import QueryError
from tgstudio_dagster.lake import engine, hot
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables import (
    CONTENT_PACKAGES,
    EDITOR_RESULTS,
    MESSAGES,
    RANKINGS,
    TOPIC_MESSAGES,
    TOPICS,
)
from tgstudio_dagster.topics.window import window_days

SQL = Path(__file__).resolve().parents[2] / "sql"
# What the questions read of a post: fewer columns, less to decode.
FEED_COLUMNS = (
    *("channel_id", "msg_id", "channel", "channel_title", "date", "edit_date", "deleted_at", "version", "lang", "type"),
    *("text", "hashtags", "links", "forwarded_from", "album", "views", "forwards", "reactions", "comments"),
    *("attachments", "url"),
)


RANKED = 500
"""How many of the leading posts or topics are kept in memory, once they are asked for."""


class Place(NamedTuple):
    """A post's place in the feed, which is by date, channel and message, newest first."""

    date: datetime
    channel_id: int = 0
    msg_id: int = 0


def feed(
    lake: TenantLake,
    *,
    first: date | None = None,
    last: date | None = None,
    channels: Sequence[str] = (),
    langs: Sequence[str] = (),
    types: Sequence[str] = (),
    words: Sequence[str] = (),
    before: Place | None = None,
    limit: int = 50,
) -> pl.DataFrame:
    """Posts of the days (default: all), newest first; columns as in `sql/feed.sql`.

    `channels` are usernames (with or without @) or ids; every word must stand in the text; service messages come only
    if asked for by type, comments never. `before` is the last place of the page before. Days are read from the newest
    backwards and only until the limit is reached.
    """
    parameters: dict[str, Any] = {
        "channels": [channel.removeprefix("@").lower() for channel in channels],
        "langs": list(langs),
        "types": list(types),
        "words": [word.lower() for word in words],
        "before_date": before and before.date,
        "before_channel": before and before.channel_id,
        "before_id": before and before.msg_id,
    }
    if before is not None:
        last = min(last or before.date.date(), before.date.date())
    where = _can_be_on_the_page(**parameters)
    columns = (*FEED_COLUMNS, "comment_on")
    posts = MESSAGES.empty().select(columns)
    for days in _backwards(lake, first, last):
        posts = pl.concat([posts, lake.read(MESSAGES, days=days, columns=columns, where=where)])
        if posts.height >= limit:
            page = ask("feed", {"messages": posts}, parameters | {"limit": limit})
            if page.height == limit:
                return page
    if posts.is_empty():
        return posts.select(FEED_COLUMNS)
    return ask("feed", {"messages": posts}, parameters | {"limit": limit})


def top(
    lake: TenantLake, *, by: Literal["message", "topic"], window: Literal["24h", "7d"], day: date, limit: int
) -> pl.DataFrame:
    """The best ranked of a day's window; columns as in `sql/top_topics.sql` and `sql/top_messages.sql`."""
    depth = max(limit, RANKED)
    week = hot.versions(lake, MESSAGES)
    stands = [hot.versions(lake, table).get(day) for table in (RANKINGS, TOPICS)] + [
        week.get(d) for d in window_days(day)
    ]
    name = f"top/{by}/{window}/{day}/{depth}"
    return hot.frame(lake, name, repr(stands), lambda: _top(lake, by, window, day, depth)).head(limit)


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
    """As `top`, of RANKINGS, TOPICS and MESSAGES that stand in no lake (`topics/travel.py`)."""
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


def packages(lake: TenantLake, *, orders: Sequence[str] | None) -> pl.DataFrame:
    """Packages of the orders, or of all; columns as in `sql/packages.sql`."""
    frames = {}
    for table in (CONTENT_PACKAGES, EDITOR_RESULTS):
        named: Sequence[str | None] = [None] if orders is None else orders
        parts = [lake.read(table, order=order, with_partition=True).drop("tenant") for order in named]
        empty = table.empty().with_columns(pl.lit(None, pl.String).alias("order_id"))
        frames[table.name] = pl.concat([empty, *parts])
    return ask("packages", frames, {})


def ask(question: str, frames: Mapping[str, pl.DataFrame], parameters: Mapping[str, Any]) -> pl.DataFrame:
    """Run `sql/<question>.sql` over the frames as views. Raises QueryError with what DuckDB says."""
    with engine.cursor() as connection:
        for name, frame in frames.items():
            engine.give_frame(connection, name, frame)
        try:
            return engine.fetch(connection, _text(question), parameters)
        except duckdb.Error as error:
            raise QueryError(f"sql/{question}.sql: {str(error).splitlines()[0]}") from error


@cache
def _text(question: str) -> str:
    return (SQL / f"{question}.sql").read_text(encoding="utf-8")


def _can_be_on_the_page(
    channels: list[str],
    langs: list[str],
    types: list[str],
    words: list[str],
    before_date: datetime | None,
    before_channel: int | None,
    before_id: int | None,
) -> list[pl.Expr]:
    """The conditions of `sql/feed.sql`, by which most posts are passed over while they are read."""
    where = [pl.col("type").is_in(types) if types else pl.col("type") != "service", pl.col("comment_on").is_null()]
    if channels:
        ids = [int(channel) for channel in channels if channel.isdecimal()]
        where.append(pl.col("channel").str.to_lowercase().is_in(channels) | pl.col("channel_id").is_in(ids))
    if langs:
        where.append(pl.col("lang").is_in(langs))
    if before_date is not None:
        same_time = pl.col("date") == before_date
        same_channel = same_time & (pl.col("channel_id") == before_channel)
        where.append(
            (pl.col("date") < before_date)
            | (same_time & (pl.col("channel_id") < before_channel))
            | (same_channel & (pl.col("msg_id") < before_id))
        )
    # A pattern without case takes a thirtieth of the time of lowering every text.
    where += [pl.col("text").str.contains("(?i)" + pl.escape_regex(word)) for word in words]
    return where


def _backwards(lake: TenantLake, first: date | None, last: date | None) -> Iterator[list[date]]:
    """The days that have messages, newest first, in steps that double: most feeds end with the first one."""
    days = [
        day
        for day in reversed(lake.days(MESSAGES))
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    step, start = 1, 0
    while start < len(days):
        yield days[start : start + step]
        start, step = start + step, step * 2
