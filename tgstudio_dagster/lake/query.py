"""The product's own questions, asked of a tenant's lake: each runs one file of `sql/` with DuckDB.

The partitions a question needs are named here (never a glob of the root), the question itself stands in its file.
What users ask in their own words goes through `sandbox.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl

from tgstudio_dagster.errors import QueryError
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
FEED_COLUMNS = (
    "channel_id msg_id channel channel_title date edit_date deleted_at version lang type text hashtags links "
    "forwarded_from album views forwards reactions comments attachments url"
).split()


def feed(
    lake: TenantLake,
    *,
    first: date | None = None,
    last: date | None = None,
    channels: Sequence[str] = (),
    langs: Sequence[str] = (),
    types: Sequence[str] = (),
    words: Sequence[str] = (),
    limit: int = 50,
) -> pl.DataFrame:
    """Posts of the days, newest first; columns as in `sql/feed.sql`.

    Days are read from the newest backwards and only until the limit is reached.
    """
    parameters = {
        "channels": [channel.removeprefix("@").lower() for channel in channels],
        "langs": list(langs),
        "types": list(types),
        "words": [word.lower() for word in words],
    }
    found: list[pl.DataFrame] = []
    left = limit
    for days in _backwards(lake, first, last):
        part = ask(
            "feed", {"messages": lake.read(MESSAGES, days=days, columns=FEED_COLUMNS)}, parameters | {"limit": left}
        )
        found.append(part)
        left -= part.height
        if left <= 0:
            break
    return pl.concat(found) if found else MESSAGES.empty().select(FEED_COLUMNS)


def top(
    lake: TenantLake, *, by: Literal["message", "topic"], window: Literal["24h", "7d"], day: date, limit: int
) -> pl.DataFrame:
    """The best ranked of a day's window; columns as in `sql/top_topics.sql` and `sql/top_messages.sql`."""
    frames = {
        "rankings": lake.read(RANKINGS, days=[day]),
        "messages": lake.read(MESSAGES, days=window_days(day)),
    }
    if by == "topic":
        frames["topics"] = lake.read(TOPICS, days=[day])
    return ask(f"top_{by}s", frames, {"window": window, "limit": limit})


def topics(lake: TenantLake, *, day: date, limit: int) -> pl.DataFrame:
    """Topics of the window that ends with the day; columns as in `sql/topics.sql`."""
    return ask("topics", {"topics": lake.read(TOPICS, days=[day])}, {"limit": limit})


def topic_posts(lake: TenantLake, *, topic_id: str, day: date) -> pl.DataFrame:
    """Posts of a topic, oldest first; columns as in `sql/topic_posts.sql`."""
    frames = {
        "topic_messages": lake.read(TOPIC_MESSAGES, days=[day]),
        "messages": lake.read(MESSAGES, days=window_days(day)),
    }
    return ask("topic_posts", frames, {"topic_id": topic_id})


def packages(lake: TenantLake, *, orders: Sequence[str] | None) -> pl.DataFrame:
    """Packages of the orders, or of all; columns as in `sql/packages.sql`."""
    wanted = lake.orders(CONTENT_PACKAGES) if orders is None else orders
    frames = {}
    for table in (CONTENT_PACKAGES, EDITOR_RESULTS):
        parts = [lake.read(table, order=order).with_columns(pl.lit(order).alias("order_id")) for order in wanted]
        frames[table.name] = pl.concat(parts) if parts else table.empty().with_columns(pl.lit("").alias("order_id"))
    return ask("packages", frames, {})


def ask(question: str, frames: Mapping[str, pl.DataFrame], parameters: Mapping[str, Any]) -> pl.DataFrame:
    """Run `sql/<question>.sql` over the frames as views. Raises QueryError with DuckDB's first line."""
    with duckdb.connect(":memory:", config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, frame in frames.items():
            connection.register(name, frame)
        try:
            result = pl.from_arrow(connection.sql(_text(question), params=dict(parameters)).to_arrow_table())
        except duckdb.Error as error:
            raise QueryError(f"sql/{question}.sql: {str(error).splitlines()[0]}") from error
    assert isinstance(result, pl.DataFrame)
    return result


@cache
def _text(question: str) -> str:
    return (SQL / f"{question}.sql").read_text(encoding="utf-8")


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
