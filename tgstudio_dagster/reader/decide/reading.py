"""When a tenant is due to be read from Telegram: a pure decision over what its last reading left in the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from tgstudio_dagster.catalog.follows.standings import Standing
from tgstudio_dagster.core.days import DayRange

OBSERVED_DAYS = 3
"""Days whose gaps a reading fills: today and the two before it, which hold the 48 hours that are observed again."""

APART = timedelta(seconds=30)
"""From the start of a reading to one that was asked for since."""


def due_at(standing: Standing, now: datetime) -> datetime | None:
    """When the tenant is to be read next; None where there is nothing to read.

    Its plan's cadence after the last start; at once (but APART) when someone has asked since; never before a flood wait
    is over, and at once when it is.
    """
    requested = [moment for moment in standing.requested if moment <= now]
    if standing.every is None or not (standing.listening or requested):
        return None
    started, waits = standing.started_at, standing.waits_until
    if waits is not None and (started is None or waits > started):
        return waits
    if started is None:
        return now
    asked = max([*requested, *([standing.woken_at] if standing.woken_at else [])], default=None)
    if asked is not None and asked > started:
        return min(started + APART, started + standing.every)
    return started + standing.every


def decide(standings: Sequence[Standing], *, busy: set[str], now: datetime) -> list[str]:
    """The tenants to read now: those that are due and are not being read, the longest overdue first."""
    due = [
        (at, standing.tenant)
        for standing in standings
        if standing.tenant not in busy and (at := due_at(standing, now)) is not None and at <= now
    ]
    return [tenant for _, tenant in sorted(due)]


def reading_days(today: date) -> DayRange:
    """The days whose gaps a reading fills."""
    return DayRange(today - timedelta(days=OBSERVED_DAYS - 1), today)
