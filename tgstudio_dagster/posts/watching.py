"""What is new to a watch: posts that were first seen since its cursor, of the newest days.

A cursor has a mark for each of the newest days that have posts: the last post of the day's partition that was handed out,
by when it was first seen. A partition is replaced as a whole, so no post slips in before a mark while a run writes the
days one after another; what is backfilled into older days is history, not news.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple

import polars as pl

from tgstudio_dagster.core.cursor import base36, from_microseconds, microseconds, refused
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGE_VERSIONS
from tgstudio_dagster.posts.feed import posts_of
from tgstudio_dagster.posts.fit import PostFilter, fits

DAYS = 8
"""The newest days with posts that are looked at: a week, and the one that has just begun."""
_KEY = ("channel_id", "msg_id")
_MEND = "leave it out to ask from where the watch stands"
_LATEST = 2**57


class Mark(NamedTuple):
    """A post's place among those of its day, by when it was first seen (microseconds since 1970)."""

    seen: int
    channel_id: int
    msg_id: int


Marks = dict[date, Mark]


@dataclass(frozen=True)
class News:
    """Posts as rows of the feed (`posts.feed.FeedPage`) with `seen_at`, in the order they were first seen.

    `cursors` has for each post the cursor of what comes after it; `cursor` goes on after all that was looked at, and
    `more` says whether that leaves posts out.
    """

    rows: pl.DataFrame
    cursors: tuple[str, ...]
    cursor: str
    more: bool


def news(lake: TenantLake, query: PostFilter, *, since: str, limit: int = 50) -> News:
    """Posts first seen after the cursor `since` that fit, at most `limit`. Raises QueryError for what is no cursor."""
    marks = parse_marks(since)
    fresh = {day: part for day, part in _first_seen(lake, _days(lake), marks).items() if part.height}
    current = {day: mark for day, mark in marks.items() if day in _days(lake)}
    if not fresh:
        return News(_no_news(lake), (), write_marks(current), False)
    keys = pl.concat(fresh.values())
    posts = posts_of(lake, keys.select(_KEY), list(fresh))
    ordered = posts.filter(fits(query)).join(keys, on=_KEY, how="inner").sort("seen_at", *_KEY)
    page, marking, cursors = ordered.head(limit), dict(current), []
    for row in page.select("seen_at", *_KEY, "date").iter_rows():
        seen_at, channel_id, msg_id, posted = row
        marking[posted.date()] = Mark(microseconds(seen_at), channel_id, msg_id)
        cursors.append(write_marks(marking))
    if ordered.height > limit:
        return News(page, tuple(cursors), cursors[-1], True)
    everything = current | {day: _last(part) for day, part in fresh.items()}
    return News(page, tuple(cursors), write_marks(everything), False)


def newest(lake: TenantLake) -> str:
    """The cursor after everything that is there now."""
    first_seen = _first_seen(lake, _days(lake), {})
    return write_marks({day: _last(part) for day, part in first_seen.items() if part.height})


def forward(old: str, new: str) -> str:
    """The later of two cursors, day by day: a cursor never goes back. Raises QueryError for what is no cursor."""
    before, after = parse_marks(old), parse_marks(new)
    # Days that the newer one no longer names have fallen out of the newest.
    first = min(after, default=date.min)
    recent = {day: mark for day, mark in before.items() if day >= first}
    return write_marks({day: max(recent.get(day, mark), mark) for day, mark in (recent | after).items()})


def parse_marks(cursor: str) -> Marks:
    """The marks of a cursor. Raises QueryError where it is none."""
    marks: Marks = {}
    try:
        for part in filter(None, cursor.split("~")):
            day, *mark = part.split(".")
            moment, channel_id, msg_id = (int(number, 36) for number in mark)
            marks[date.fromisoformat(day)] = Mark(moment, channel_id, msg_id)
            if not (0 <= moment < _LATEST and max(channel_id, msg_id) < 2**62):
                raise ValueError("out of range")
    except ValueError as error:
        raise refused("none of a watch", _MEND) from error
    if len(marks) > 2 * DAYS:
        raise QueryError(f"it names too many days; {_MEND}.", field="cursor")
    return marks


def write_marks(marks: Marks) -> str:
    """A cursor: `day.seen.channel.msg~…`, numbers to the base of 36; of the newest days only."""
    newest_days = sorted(marks)[-DAYS:]
    return "~".join(f"{day}.{'.'.join(map(base36, marks[day]))}" for day in newest_days)


def _days(lake: TenantLake) -> list[date]:
    return sorted(read_cache.versions(lake, MESSAGE_VERSIONS))[-DAYS:]


def _first_seen(lake: TenantLake, days: Sequence[date], marks: Marks) -> dict[date, pl.DataFrame]:
    """By day, the posts after its mark with `seen_at`, in order."""
    versions = read_cache.versions(lake, MESSAGE_VERSIONS)
    parts = {}
    for day in days:
        if day not in versions:
            continue
        posts = read_cache.frame(lake, f"first_seen/{day}", str(versions[day]), partial(_read, lake, day))
        parts[day] = posts if day not in marks else posts.filter(_after(marks[day]))
    return parts


def _read(lake: TenantLake, day: date) -> pl.DataFrame:
    first = [pl.col("version") == 1]
    return lake.read(MESSAGE_VERSIONS, days=[day], columns=[*_KEY, "seen_at"], where=first).sort("seen_at", *_KEY)


def _after(mark: Mark) -> pl.Expr:
    moment = pl.lit(from_microseconds(mark.seen), pl.Datetime("us", "UTC"))
    same = pl.col("seen_at") == moment
    same_channel = same & (pl.col("channel_id") == mark.channel_id)
    return (
        (pl.col("seen_at") > moment)
        | (same & (pl.col("channel_id") > mark.channel_id))
        | (same_channel & (pl.col("msg_id") > mark.msg_id))
    )


def _last(part: pl.DataFrame) -> Mark:
    channel_id, msg_id, seen_at = part.select(*_KEY, "seen_at").row(-1)
    return Mark(microseconds(seen_at), channel_id, msg_id)


def _no_news(lake: TenantLake) -> pl.DataFrame:
    nothing = pl.DataFrame(schema={"channel_id": pl.Int64, "msg_id": pl.Int64})
    return posts_of(lake, nothing, []).with_columns(seen_at=pl.lit(None, pl.Datetime("us", "UTC")))
