"""What is read of the lake: posts, topics, rankings, and a question in one's own SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Literal

import polars as pl

from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.sandbox_process import run_sql
from tgstudio_dagster.lake.tables.topics import RANKINGS
from tgstudio_dagster.posts.feed import FeedQuery, newest_posts
from tgstudio_dagster.topics import questions

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio

Window = Literal["24h", "7d"]
SQL_ROWS = 1_000
SQL_SECONDS = 10.0


def feed(
    studio: Studio,
    *,
    first: date | None = None,
    last: date | None = None,
    channels: Sequence[str] = (),
    langs: Sequence[str] = (),
    types: Sequence[str] = (),
    words: Sequence[str] = (),
    limit: int = 50,
) -> pl.DataFrame:
    """Posts, newest first, with `posts.feed.FEED_COLUMNS`."""
    return newest_posts(studio.lake, FeedQuery(channels, langs, types, words, first=first, last=last), limit=limit)


def newest_day(studio: Studio) -> date:
    """The newest day that has rankings."""
    days = read_cache.versions(studio.lake, RANKINGS)
    if not days:
        raise NotFoundError(
            f"tenant {studio.tenant.slug}: nothing is materialized yet. Import something, then run "
            f"`tgstudio materialize --tenant {studio.tenant.slug}`."
        )
    return max(days)


def top(
    studio: Studio, *, by: Literal["message", "topic"], window: Window, day: date | None, limit: int
) -> pl.DataFrame:
    """The best ranked posts or topics with every term of the formula; columns as in `sql/top_*.sql`."""
    return questions.top(studio.lake, by=by, window=window, day=day or studio.newest_day(), limit=limit)


def topics(studio: Studio, *, day: date | None, limit: int) -> pl.DataFrame:
    """Topics of the window that ends with the day, largest first; columns as in `sql/topics.sql`."""
    return questions.topics(studio.lake, day=day or studio.newest_day(), limit=limit)


def topic_posts(studio: Studio, topic_id: str, *, day: date | None) -> pl.DataFrame:
    """The posts of one topic, oldest first; columns as in `sql/topic_posts.sql`."""
    found = questions.topic_posts(studio.lake, topic_id=topic_id, day=day or studio.newest_day())
    if found.is_empty():
        raise NotFoundError(f"topic {topic_id}: not among the topics of that day. `tgstudio topics` lists them.")
    return found


def sql(studio: Studio, text: str, *, rows: int = SQL_ROWS, seconds: float = SQL_SECONDS) -> pl.DataFrame:
    """The result of one read-only statement on the tenant's views, run in a process of its own.

    At most `rows` rows, within `seconds` and a limit of memory. Raises QueryError, which says what was refused or failed.
    """
    return run_sql(studio.lake, text, rows=rows, seconds=seconds)
