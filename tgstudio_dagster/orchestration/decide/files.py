"""Which days' news of files to tell in the table `media`: a pure decision over what the reader has fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tgstudio_dagster.core.days import DayRange, as_ranges

SLICE_DAYS = 31


@dataclass(frozen=True)
class News:
    """A tenant's batches of news of files, by day: their names."""

    tenant: str
    days: dict[date, tuple[str, ...]]


@dataclass(frozen=True)
class Place:
    """A run to start. `version` names the news it found."""

    tenant: str
    days: tuple[DayRange, ...]
    version: str

    @property
    def run_key(self) -> str:
        """Unique per news: what was told is gone."""
        return f"{self.tenant}:media:{self.days[-1].last}:{self.version}"


def decide(news: Sequence[News], *, busy: set[str]) -> list[Place]:
    """One run for each tenant with news and no run: the newest days, at most SLICE_DAYS."""
    runs = []
    for one in news:
        if not one.days or one.tenant in busy:
            continue
        last = max(one.days)
        days = sorted(day for day in one.days if day > last - timedelta(days=SLICE_DAYS))
        names = "\n".join(name for day in days for name in sorted(one.days[day]))
        version = hashlib.sha256(names.encode()).hexdigest()[:16]
        runs.append(Place(one.tenant, tuple(as_ranges(days)), version))
    return runs
