"""Which days a topic window holds, and which moment is its "now". Pure: no clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

WINDOW_DAYS = 7


def window_days(day: date) -> list[date]:
    """The 7 UTC days that end with `day`, oldest first."""
    return [day - timedelta(days=back) for back in reversed(range(WINDOW_DAYS))]


def as_of(day: date, messages: pl.DataFrame, stats: pl.DataFrame) -> datetime:
    """The window's "now": its newest observation, but never later than the end of `day` (UTC).

    `messages` and `stats` are the window's MESSAGES and MESSAGE_STATS. A post is observed at its date at the earliest,
    so a wrong `observed_at` cannot make posts newer than "now". With nothing observed it is the end of the day. A day
    that is refreshed later keeps its "now", so its topics and rankings do not fade by being computed again.
    """
    end = datetime.combine(day, time.max, tzinfo=UTC)
    times = [
        moment
        for moment in (messages["observed_at"].max(), messages["date"].max(), stats["observed_at"].max())
        if isinstance(moment, datetime)
    ]
    return min([max(times), end]) if times else end
