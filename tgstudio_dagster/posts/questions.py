"""The feed as a table: posts of a tenant's lake that fit a question, newest first, asked with `sql/feed.sql`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import polars as pl

from tgstudio_dagster.lake.questions import ask
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES

# What the questions read of a post: fewer columns, less to decode.
FEED_COLUMNS = (
    *("channel_id", "msg_id", "channel", "channel_title", "date", "edit_date", "deleted_at", "version", "lang", "type"),
    *("text", "hashtags", "links", "forwarded_from", "album", "views", "forwards", "reactions", "comments"),
    *("attachments", "url"),
)


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
