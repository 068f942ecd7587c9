"""Which days of history to read next: a pure decision over how far back each subscription has been read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tgstudio_dagster.catalog.follows.standings import Standing, Unfilled
from tgstudio_dagster.core.days import DayRange

SLICE_DAYS = 31
"""Days of one reading: the newest are there soon, and a flood wait or a kill costs little."""
LONGEST_PAUSE = timedelta(hours=6)


@dataclass(frozen=True)
class Slice:
    """The newest unread days of a tenant. `version` changes whenever some of it was read, or was told to wait."""

    tenant: str
    days: DayRange
    version: str


@dataclass(frozen=True)
class Attempts:
    """Readings that changed nothing, by `tenant:version`: how many, and when the last one ended."""

    count: int
    last: datetime


def decide(
    standings: Sequence[Standing],
    *,
    earliest: date,
    busy: set[str],
    attempts: Mapping[str, Attempts],
    now: datetime,
) -> list[Slice]:
    """One slice for each tenant with unread history and no reading: up to SLICE_DAYS, the newest first.

    One that changed nothing is repeated after 1, 2, 4 … minutes, at most LONGEST_PAUSE: networks come back. A tenant that
    waits for a flood waits with its history too.
    """
    slices = []
    for standing in standings:
        waits = standing.waits_until
        if standing.tenant in busy or not standing.unfilled or (waits is not None and waits > now):
            continue
        newest = max(one.filled_from for one in standing.unfilled)
        last = newest - timedelta(days=1)
        deepest = min(max(one.since or earliest, earliest) for one in standing.unfilled)
        first = max(last - timedelta(days=SLICE_DAYS - 1), deepest)
        version = _version(standing.unfilled, waits)
        tried = attempts.get(f"{standing.tenant}:{version}")
        if tried is None or now >= tried.last + min(timedelta(minutes=2 ** min(tried.count - 1, 12)), LONGEST_PAUSE):
            slices.append(Slice(standing.tenant, DayRange(first, last), version))
    return slices


def _version(unfilled: Sequence[Unfilled], waits_until: datetime | None) -> str:
    state = sorted(f"{one.channel_id} {one.filled_from} {one.gaps} {waits_until}" for one in unfilled)
    return hashlib.sha256(",".join(state).encode()).hexdigest()[:16]
