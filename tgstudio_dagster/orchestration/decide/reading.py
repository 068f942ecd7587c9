"""When a tenant is due to be read from Telegram: a pure decision over what its last reading left in the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tgstudio_dagster.core.days import DayRange

OBSERVED_DAYS = 3
"""Days of a reading run: today and the two before it, which hold the 48 hours that are observed again."""

APART = timedelta(seconds=30)
"""From the start of a reading to one that was asked for since: a busy channel that is listened to asks all the time."""


@dataclass(frozen=True)
class Reading:
    """What is known of a tenant's reading. `every` is its plan's cadence.

    `wanted`: there is an account and something for it to read. `started_at` is when the last reading began, `asked_at`
    when someone last asked for one (a live hint, a new request), `waits_until` when a flood wait lets it go on.
    """

    tenant: str
    wanted: bool
    every: timedelta
    started_at: datetime | None = None
    asked_at: datetime | None = None
    waits_until: datetime | None = None


@dataclass(frozen=True)
class Read:
    """A reading run to start. `version` names the reading it follows, so that a run that never began can be repeated."""

    tenant: str
    days: DayRange
    version: str
    attempt: int

    @property
    def run_key(self) -> str:
        """Unique per reading and attempt."""
        return f"{self.tenant}:read:{self.version}:{self.attempt}"


def due_at(reading: Reading, now: datetime) -> datetime | None:
    """When the tenant is to be read next; None where there is nothing to read.

    Its plan's cadence after the last start; at once (but APART) when someone has asked since; never before a flood wait
    is over, and at once when it is.
    """
    if not reading.wanted:
        return None
    if reading.waits_until is not None and (reading.started_at is None or reading.waits_until > reading.started_at):
        return reading.waits_until
    if reading.started_at is None:
        return now
    if reading.asked_at is not None and reading.asked_at > reading.started_at:
        return min(reading.started_at + APART, reading.started_at + reading.every)
    return reading.started_at + reading.every


def decide(
    readings: Sequence[Reading], *, busy: set[str], failed_attempts: dict[str, int], now: datetime
) -> list[Read]:
    """The reading runs to start now: one for each tenant that is due and has no run, the longest overdue first.

    A run that failed before it began to read is tried again with a growing pause: 1, 2, 4 … times the cadence.
    """
    found = []
    for reading in readings:
        due = due_at(reading, now)
        if due is None or due > now or reading.tenant in busy:
            continue
        version = reading.started_at.isoformat() if reading.started_at else "first"
        attempt = failed_attempts.get(f"{reading.tenant}:{version}", 0)
        if attempt and now < due + reading.every * (2 ** min(attempt - 1, 6)):
            continue
        found.append((due, Read(reading.tenant, reading_days(now.date()), version, attempt)))
    return [read for _, read in sorted(found, key=lambda pair: (pair[0], pair[1].tenant))]


def reading_days(today: date) -> DayRange:
    """The range of a reading run."""
    return DayRange(today - timedelta(days=OBSERVED_DAYS - 1), today)
