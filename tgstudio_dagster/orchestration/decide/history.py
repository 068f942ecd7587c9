"""Which days of history to read next: a pure decision over how far back each subscription has been read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView
from tgstudio_dagster.core.days import DayRange

SLICE_DAYS = 31
"""Days of one run: the newest are there soon, a flood wait or a kill costs little, and other tenants get their turn."""
LONGEST_PAUSE = timedelta(hours=6)


@dataclass(frozen=True)
class Backlog:
    """A subscription whose history is not wholly read: wanted from `since` on, read from `filled_from` on.

    `version` changes whenever a run has read some of it, or was told to wait; `waits_until` is the end of a flood wait.
    """

    tenant: str
    since: date
    filled_from: date
    version: str
    waits_until: datetime | None = None


def backlogs(
    tenant: str, subscriptions: Iterable[SubscriptionView], *, earliest: date, waits_until: datetime | None
) -> list[Backlog]:
    """The backlogs of a tenant's subscriptions; no partition is older than `earliest`.

    One that was never read yet has none: its first reading says from which day on it is whole.
    """
    found = []
    for one in subscriptions:
        since = max(one.since or earliest, earliest)
        if one.status != "active" or one.account_id is None or one.filled_from is None or one.filled_from <= since:
            continue
        state = f"{one.channel_id} {one.filled_from} {one.gaps} {waits_until}"
        version = hashlib.sha256(state.encode()).hexdigest()[:8]
        found.append(Backlog(tenant, since, one.filled_from, version, waits_until))
    return found


@dataclass(frozen=True)
class Slice:
    """A history run to start: the newest unread days of a tenant."""

    tenant: str
    days: DayRange
    version: str
    attempt: int

    @property
    def run_key(self) -> str:
        """Unique per progress and attempt: a run that got somewhere is followed by another over the same days."""
        return f"{self.tenant}:history:{self.days.first}:{self.days.last}:{self.version}:{self.attempt}"


@dataclass(frozen=True)
class Attempts:
    """Finished runs that changed nothing, by `tenant:version`: how many, and when the last one ended."""

    count: int
    last: datetime


def decide(
    backlogs: Sequence[Backlog], *, busy: set[str], attempts: Mapping[str, Attempts], now: datetime
) -> list[Slice]:
    """One slice for each tenant with a backlog and no run: up to SLICE_DAYS, the newest first.

    A run that changed nothing is repeated after 1, 2, 4 … minutes, at most LONGEST_PAUSE: networks come back. A tenant
    all of whose backlogs wait for a flood waits with them.
    """
    by_tenant: dict[str, list[Backlog]] = defaultdict(list)
    for one in backlogs:
        if one.since < one.filled_from and (one.waits_until is None or one.waits_until <= now):
            by_tenant[one.tenant].append(one)
    found = []
    for tenant, waiting in sorted(by_tenant.items()):
        if tenant in busy:
            continue
        newest = max(waiting, key=lambda one: one.filled_from)
        last = newest.filled_from - timedelta(days=1)
        first = max(last - timedelta(days=SLICE_DAYS - 1), min(one.since for one in waiting))
        version = hashlib.sha256(",".join(sorted(one.version for one in waiting)).encode()).hexdigest()[:16]
        tried = attempts.get(f"{tenant}:{version}")
        if tried is None:
            found.append(Slice(tenant, DayRange(first, last), version, 0))
        elif now >= tried.last + min(timedelta(minutes=2 ** min(tried.count - 1, 12)), LONGEST_PAUSE):
            found.append(Slice(tenant, DayRange(first, last), version, tried.count))
    return found
