"""The tenants of the soak: each is read when the sensors' rules say so, merged and fetched as the assets do it.

No assertion: see test_soak.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tests.e2e.soak_world import FastClock
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import Paired, paired
from tests.telegram.reads import Reads, fetch_files
from tgstudio_dagster.catalog.accounts.accounts import TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.standings import standings
from tgstudio_dagster.catalog.follows.subscriptions import request_subscription
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.reader.decide import history, reading
from tgstudio_dagster.telegram.reading.read_report import ReadEvent, ReadReport

FIRST_DAY = date(2020, 1, 1)
LONG = 2.5
"""Seconds within which a run ends on a machine that is not busy."""
_LOG = logging.getLogger(__name__)


@dataclass(repr=False)
class Desk:
    """One tenant: its accounts, what they follow, its lake, and what its readings said."""

    paired: Paired
    clock: FastClock
    lake: TenantLake
    staging: Path
    settings: TelegramSettings
    followed: dict[int, Channel] = field(default_factory=dict)
    accounts: dict[str, TgAccount] = field(default_factory=dict)
    reports: list[ReadReport] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)
    """Every post that was in the lake after some run."""
    tries: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    @property
    def tenant(self) -> str:
        """The tenant's slug."""
        return self.paired.tenant

    @property
    def catalog(self) -> Catalog:
        """The catalog, which all tenants share."""
        return self.paired.catalog

    def pair(self, user: User) -> TgAccount:
        """Pair the user; again: with a new session."""
        self.accounts[user.first] = self.paired.account(user)
        return self.accounts[user.first]

    def follow(self, account: TgAccount, channel: Channel, *, comments: bool = False) -> None:
        """Wish to follow a channel by its username or its invite, with all of its history."""
        self.followed[channel.id] = channel
        request_subscription(
            self.catalog, self.paired.principal,
            reference=channel.link, account_id=account.id, since=None, comments=comments,
        )  # fmt: skip

    def due(self) -> DayRange | None:
        """The days to read now, by the reader's rules of what is due and of history; None: nothing is due."""
        now = self.clock()
        found = standings(self.catalog, earliest=FIRST_DAY, only=self.tenant)
        if reading.decide(found, busy=set(), now=now):
            return reading.reading_days(now.date())
        attempts = {name: history.Attempts(len(times), times[-1]) for name, times in self.tries.items()}
        for piece in history.decide(found, earliest=FIRST_DAY, busy=set(), attempts=attempts, now=now):
            self.tries[f"{self.tenant}:{piece.version}"].append(now)
            return piece.days
        return None

    def run(self, days: DayRange) -> None:
        """What the reader and the runs after it do: read, merge, fetch."""
        access = Telegram(lambda: self.settings, lambda: self.paired.vault, FIRST_DAY, self.staging, self.clock)
        report = asyncio.run(access.read(self.catalog, self.lake, days, self._log))
        if report is not None:
            self.reports.append(report)
        with lease(self.catalog, f"merge/{self.tenant}", wait=60):
            Reads(self.paired, self.lake).merge()
        self.seen.update(self.lake.read(MESSAGES, columns=["channel_id", "msg_id"]).iter_rows())
        fetch_files(access, self.catalog, self.lake, self.clock())

    def _log(self, event: ReadEvent) -> None:
        _LOG.info("%s: %s", self.tenant, event)


def open_desk(
    catalog: Catalog,
    telegram: TelegramServer,
    folder: Path,
    tenant: str,
    *,
    minutes: int,
    clock: FastClock,
    **settings: Any,
) -> Desk:
    """A tenant that is read every so many minutes."""
    one = paired(catalog, telegram, folder, tenant)
    with catalog.tenant_session(tenant, writing=True) as session:
        session.add(Quota(tenant=tenant, name="refresh_minutes", limit=minutes))
    lake = Lake(str(folder / "lake")).tenant(tenant)
    return Desk(one, clock, lake, folder / "staging", one.settings.model_copy(update=settings))


def operate(desks: list[Desk], until: datetime, pause: float = 0.05) -> None:
    """Start each tenant's runs when they are due, one at a time for a tenant, until the moment; raises what they raise.

    While one takes long, time is slow for all.
    """
    clock = desks[0].clock
    with ThreadPoolExecutor(len(desks)) as runners:
        running: dict[str, Future[None]] = {}
        began: dict[str, float] = {}
        while clock() < until:
            clock.slow(any(time.monotonic() - began[tenant] > LONG for tenant in running))
            for desk in desks:
                run = running.get(desk.tenant)
                if run is not None and not run.done():
                    continue
                if run is not None:
                    del running[desk.tenant]
                    run.result()
                days = desk.due()
                if days is not None:
                    began[desk.tenant] = time.monotonic()
                    running[desk.tenant] = runners.submit(desk.run, days)
            time.sleep(pause)
        for run in running.values():
            run.result()
