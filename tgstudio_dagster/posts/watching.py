"""What is new to a watch: posts that were first seen since its cursor, of the newest days.

A cursor has a mark for each of the newest days that have posts: the last post of the day's partition that was told,
by when it was first seen. A partition is replaced as a whole, so no post slips in before a mark while a run writes the
days one after another; what is backfilled into older days is history, not news.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple

import polars as pl

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGE_VERSIONS
from tgstudio_dagster.posts.feed import posts_of

DAYS = 8
"""The newest days with posts that are looked at: a week, and the one that has just begun."""
_KEY = ("channel_id", "msg_id")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_LATEST = 2**57


class Mark(NamedTuple):
    """A post's place among those of its day, by when it was first seen (microseconds since 1970)."""

    seen: int
    channel_id: int
    msg_id: int


Marks = dict[date, Mark]


@dataclass(frozen=True)
class News:
    """Posts as rows of the feed (`lake.feed.FeedPage`) with `seen_at`, in the order they were first seen.

    `cursors` has for each post the cursor of what comes after it; `cursor` goes on after all that was looked at, and
    `more` says whether that leaves posts out.
    """

    rows: pl.DataFrame
    cursors: tuple[str, ...]
    cursor: str
    more: bool


def news(
    lake: TenantLake,
    *,
    since: str,
    words: Sequence[str] = (),
    any_words: Sequence[str] = (),
    channels: Sequence[str] = (),
    langs: Sequence[str] = (),
    types: Sequence[str] = (),
    limit: int = 50,
) -> News:
    """Posts first seen after the cursor `since` that fit, at most `limit`. Raises QueryError for what is no cursor."""
    marks = parse_marks(since)
    fresh = {day: part for day, part in _first_seen(lake, _days(lake), marks).items() if part.height}
    told = {day: mark for day, mark in marks.items() if day in _days(lake)}
    if not fresh:
        return News(_no_news(lake), (), write_marks(told), False)
    keys = pl.concat(fresh.values())
    posts = posts_of(lake, keys.select(_KEY), list(fresh))
    fitting = posts.filter(_fits(words, any_words, channels, langs, types)).join(keys, on=_KEY, how="inner")
    ordered = fitting.sort("seen_at", *_KEY)
    page, marking, cursors = ordered.head(limit), dict(told), []
    for row in page.select("seen_at", *_KEY, "date").iter_rows():
        seen_at, channel_id, msg_id, posted = row
        marking[posted.date()] = Mark((seen_at - _EPOCH) // _US, channel_id, msg_id)
        cursors.append(write_marks(marking))
    if ordered.height > limit:
        return News(page, tuple(cursors), cursors[-1], True)
    everything = told | {day: _last(part) for day, part in fresh.items()}
    return News(page, tuple(cursors), write_marks(everything), False)


def newest(lake: TenantLake) -> str:
    """The cursor after everything that is there now."""
    seen = _first_seen(lake, _days(lake), {})
    return write_marks({day: _last(part) for day, part in seen.items() if part.height})


def forward(old: str, new: str) -> str:
    """The later of two cursors, day by day: a cursor never goes back. Raises QueryError for what is no cursor."""
    before, after = parse_marks(old), parse_marks(new)
    # Days that the newer one no longer names have fallen out of the newest.
    first = min(after, default=date.min)
    kept = {day: mark for day, mark in before.items() if day >= first}
    return write_marks({day: max(kept.get(day, mark), mark) for day, mark in (kept | after).items()})


def parse_marks(cursor: str) -> Marks:
    """The marks of a cursor. Raises QueryError where it is none."""
    marks: Marks = {}
    try:
        for part in filter(None, cursor.split("~")):
            day, *mark = part.split(".")
            seen, channel_id, msg_id = (int(one, 36) for one in mark)
            marks[date.fromisoformat(day)] = Mark(seen, channel_id, msg_id)
            if not (0 <= seen < _LATEST and max(channel_id, msg_id) < 2**62):
                raise ValueError("out of range")
    except ValueError as error:
        raise QueryError(
            "it is none of a watch; leave it out to ask from where the watch stands.", field="cursor"
        ) from error
    if len(marks) > 2 * DAYS:
        raise QueryError("it names too many days; leave it out to ask from where the watch stands.", field="cursor")
    return marks


def write_marks(marks: Marks) -> str:
    """A cursor: `day.seen.channel.msg~…`, numbers to the base of 36; of the newest days only."""
    newest_days = sorted(marks)[-DAYS:]
    return "~".join(f"{day}.{'.'.join(map(_base36, marks[day]))}" for day in newest_days)


def _days(lake: TenantLake) -> list[date]:
    return sorted(read_cache.versions(lake, MESSAGE_VERSIONS))[-DAYS:]


def _first_seen(lake: TenantLake, days: Sequence[date], marks: Marks) -> dict[date, pl.DataFrame]:
    """By day, the posts after its mark with `seen_at`, in order."""
    known = read_cache.versions(lake, MESSAGE_VERSIONS)
    found = {}
    for day in days:
        if day not in known:
            continue
        posts = read_cache.frame(lake, f"first_seen/{day}", str(known[day]), partial(_read, lake, day))
        found[day] = posts if day not in marks else posts.filter(_after(marks[day]))
    return found


def _read(lake: TenantLake, day: date) -> pl.DataFrame:
    first = [pl.col("version") == 1]
    return lake.read(MESSAGE_VERSIONS, days=[day], columns=[*_KEY, "seen_at"], where=first).sort("seen_at", *_KEY)


def _after(mark: Mark) -> pl.Expr:
    seen = pl.lit(_EPOCH + mark.seen * _US, pl.Datetime("us", "UTC"))
    same = pl.col("seen_at") == seen
    same_channel = same & (pl.col("channel_id") == mark.channel_id)
    return (
        (pl.col("seen_at") > seen)
        | (same & (pl.col("channel_id") > mark.channel_id))
        | (same_channel & (pl.col("msg_id") > mark.msg_id))
    )


def _last(part: pl.DataFrame) -> Mark:
    channel_id, msg_id, seen_at = part.select(*_KEY, "seen_at").row(-1)
    return Mark((seen_at - _EPOCH) // _US, channel_id, msg_id)


def _fits(
    words: Sequence[str], any_words: Sequence[str], channels: Sequence[str], langs: Sequence[str], types: Sequence[str]
) -> pl.Expr:
    fits = pl.col("type").is_in(list(types)) if types else pl.col("type") != "service"
    if channels:
        names = [channel.removeprefix("@").lower() for channel in channels]
        fits &= pl.col("channel").str.to_lowercase().is_in(names) | pl.col("channel_id").cast(pl.String).is_in(names)
    if langs:
        fits &= pl.col("lang").is_in(list(langs))
    for word in words:
        fits &= pl.col("text").str.contains("(?i)" + pl.escape_regex(word))
    if any_words:
        fits &= pl.col("text").str.contains("(?i)" + "|".join(pl.escape_regex(word) for word in any_words))
    return fits.fill_null(False)


def _no_news(lake: TenantLake) -> pl.DataFrame:
    nothing = pl.DataFrame(schema={"channel_id": pl.Int64, "msg_id": pl.Int64})
    return posts_of(lake, nothing, []).with_columns(seen_at=pl.lit(None, pl.Datetime("us", "UTC")))


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if not number:
            return digits
