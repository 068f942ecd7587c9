"""Which days of a run were never read from Telegram: a pure decision over how far back each subscription has been read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from tgstudio_dagster.catalog.follows.standings import Unfilled
from tgstudio_dagster.core.days import DayRange


def decide(days: Iterable[date], *, there: Collection[date], unfilled: Iterable[Unfilled]) -> DayRange | None:
    """From the first to the last day that some subscription reaches back to and nothing is `there` of; None: no such day."""
    depths = [(one.since, one.filled_from) for one in unfilled]
    missing = [
        day
        for day in days
        if day not in there and any((since is None or since <= day) and day < filled for since, filled in depths)
    ]
    return DayRange(min(missing), max(missing)) if missing else None
