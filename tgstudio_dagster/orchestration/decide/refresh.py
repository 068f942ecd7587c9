"""Which days of a tenant to materialize: pure decisions over days and past attempts.

The range rule: a new or changed post of a day changes that day and every later window that still holds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tgstudio_dagster.core.days import DayRange, by_adjacent_months
from tgstudio_dagster.topics.window import WINDOW_DAYS

MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Pending:
    """What has landed for a tenant and waits: the landings' names by day, and the days its messages cover already."""

    tenant: str
    landings: dict[date, tuple[str, ...]]
    known_days: tuple[date, ...]


@dataclass(frozen=True)
class Refresh:
    """A run to start: the tenant, its days, and a version of what it will merge (for the run key)."""

    tenant: str
    days: tuple[DayRange, ...]
    version: str
    attempt: int

    @property
    def run_key(self) -> str:
        """Unique per content and attempt, so that a repeat with new content is never swallowed."""
        return f"{self.tenant}:{self.days[0].first}:{self.days[-1].last}:{self.version}:{self.attempt}"


def ranges(pending: Iterable[date], known: Iterable[date]) -> list[DayRange]:
    """The ranges to materialize, oldest first, when `pending` days change and `known` days have messages.

    Each pending day reaches as far as its window does, yet never past the newest day there is. Ranges that touch are
    one; a gap of idle days is not filled.
    """
    changed = sorted(set(pending))
    if not changed:
        return []
    newest = max([*changed, *known])
    reach = timedelta(days=WINDOW_DAYS - 1)
    found: list[DayRange] = []
    for day in changed:
        last = min(day + reach, newest)
        if found and day <= found[-1].last + timedelta(days=1):
            found[-1] = DayRange(found[-1].first, last)
        else:
            found.append(DayRange(day, last))
    return found


def decide(pending: Sequence[Pending], busy: set[str], failed_attempts: dict[str, int]) -> list[Refresh]:
    """The runs to start now: none for a tenant that has one, at most MAX_ATTEMPTS for the same content.

    `failed_attempts` counts failed runs by version. Ranges whose months follow each other are one run. Only a tenant's
    first run is started; the next tick takes the next one, so that a tenant never has two at once.
    """
    found = []
    for one in pending:
        runs = by_adjacent_months(ranges(one.landings, one.known_days))
        if one.tenant in busy or not runs:
            continue
        names = [name for day in sorted(one.landings) for name in sorted(one.landings[day])]
        version = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        attempt = failed_attempts.get(version, 0)
        if attempt < MAX_ATTEMPTS:
            found.append(Refresh(one.tenant, runs[0], version, attempt))
    return found
