"""Which days' files to fetch next: a pure decision over the backlog of media."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tgstudio_dagster.core.days import DayRange

SLICE_DAYS = 31


@dataclass(frozen=True)
class Backlog:
    """A tenant's day with so many files that wait until `not_before`."""

    tenant: str
    day: date
    files: int
    not_before: datetime


@dataclass(frozen=True)
class Fetch:
    """A run to start. `version` names the backlog it found: one that is tried again has another."""

    tenant: str
    days: DayRange
    version: str

    @property
    def run_key(self) -> str:
        """Unique per backlog: each try moves `not_before`."""
        return f"{self.tenant}:media:{self.days.first}:{self.days.last}:{self.version}"


def decide(backlogs: Sequence[Backlog], *, busy: set[str], now: datetime) -> list[Fetch]:
    """One run for each tenant with files that may be fetched now and no run: the newest such days, at most SLICE_DAYS."""
    by_tenant: dict[str, list[Backlog]] = defaultdict(list)
    for one in backlogs:
        if one.not_before <= now and one.tenant not in busy:
            by_tenant[one.tenant].append(one)
    found = []
    for tenant, waiting in sorted(by_tenant.items()):
        last = max(one.day for one in waiting)
        within = sorted(
            (one for one in waiting if one.day > last - timedelta(days=SLICE_DAYS)), key=lambda one: one.day
        )
        state = "\n".join(f"{one.day} {one.files} {one.not_before.isoformat()}" for one in within)
        version = hashlib.sha256(state.encode()).hexdigest()[:16]
        found.append(Fetch(tenant, DayRange(within[0].day, last), version))
    return found
