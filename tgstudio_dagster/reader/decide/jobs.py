"""What a reader begins now: a pure decision over the standings of all tenants and what it is at already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from tgstudio_dagster.catalog.follows.standings import Standing
from tgstudio_dagster.catalog.follows.wishes import ReadWish
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.reader.decide import history, media, reading
from tgstudio_dagster.reader.decide.history import Attempts

Kind = Literal["read", "wish", "history", "files"]


@dataclass(frozen=True)
class Job:
    """One piece of work of a tenant. `days` are those whose gaps are filled, `files` those whose files are fetched.

    `version` names the state that a slice of history was begun on.
    """

    kind: Kind
    tenant: str
    days: DayRange | None = None
    files: dict[date, datetime] = field(default_factory=dict)
    version: str = ""
    wish: ReadWish | None = None


def decide(
    standings: Sequence[Standing],
    *,
    reading_now: set[str],
    fetching_now: set[str],
    attempts: Mapping[str, Attempts],
    earliest: date,
    now: datetime,
) -> list[Job]:
    """One reading for each tenant that is not being read, and one fetch for each that fetches nothing.

    What somebody waits for comes before what is due, what is due before history: a tenant is read in one place at a time,
    and tenants side by side.
    """
    busy = set(reading_now)
    jobs: list[Job] = []
    for standing in standings:
        if standing.wishes and standing.tenant not in busy:
            jobs.append(_wished(standing, now))
    busy |= {job.tenant for job in jobs}
    days = reading.reading_days(now.date())
    jobs += [Job("read", tenant, days) for tenant in reading.decide(standings, busy=busy, now=now)]
    busy |= {job.tenant for job in jobs}
    slices = history.decide(standings, earliest=earliest, busy=busy, attempts=attempts, now=now)
    jobs += [Job("history", one.tenant, one.days, version=one.version) for one in slices]
    fetches = media.decide(standings, busy=fetching_now, now=now)
    return jobs + [Job("files", one.tenant, files=one.days) for one in fetches]


def _wished(standing: Standing, now: datetime) -> Job:
    wish = standing.wishes[0]
    days = reading.reading_days(now.date())
    if wish.first is not None and wish.last is not None:
        days = DayRange(wish.first, wish.last)
    return Job("wish", standing.tenant, days, wish=wish)
