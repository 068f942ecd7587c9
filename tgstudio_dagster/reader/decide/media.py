"""Which days' files to fetch next: a pure decision over the files that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tgstudio_dagster.catalog.follows.standings import Standing

SLICE_DAYS = 31


@dataclass(frozen=True)
class Fetch:
    """Days of a tenant whose files are to be fetched now, by what was known of them: `not_before`."""

    tenant: str
    days: dict[date, datetime]


def decide(standings: Sequence[Standing], *, busy: set[str], now: datetime) -> list[Fetch]:
    """The newest days with files that may be fetched now, at most SLICE_DAYS, of each tenant that fetches none."""
    fetches = []
    for standing in standings:
        waiting = {files.day: files.not_before for files in standing.files if files.not_before <= now}
        if standing.tenant in busy or not waiting:
            continue
        last = max(waiting)
        newest = {day: at for day, at in waiting.items() if day > last - timedelta(days=SLICE_DAYS)}
        fetches.append(Fetch(standing.tenant, newest))
    return fetches
