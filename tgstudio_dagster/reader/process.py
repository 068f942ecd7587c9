"""The reader: one process that reads Telegram for all tenants, listens, and fetches the files of their posts.

It looks at the catalog every few seconds, begins what `decide/` says, each tenant's work beside the others', and looks at
once when something is heard. It holds no state that matters: what it was at when it is killed, the next one finds in the
catalog, and does again from the last checkpoint.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tgstudio_dagster.catalog.database import Catalog, CatalogFault
from tgstudio_dagster.catalog.follows.reading import wake
from tgstudio_dagster.catalog.follows.standings import Standing, standings
from tgstudio_dagster.catalog.follows.wishes import READER, requeue_wishes
from tgstudio_dagster.catalog.leases import Lease, held_lease
from tgstudio_dagster.core.errors import LeaseHeldError, TGStudioError
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.reader.decide.history import Attempts
from tgstudio_dagster.reader.decide.jobs import Job, decide
from tgstudio_dagster.reader.measures import HINTS, LOOKED, SESSIONS, TENANTS
from tgstudio_dagster.reader.reports import DagsterReports
from tgstudio_dagster.reader.work import Work
from tgstudio_dagster.telegram.accounts.lines import Lines
from tgstudio_dagster.telegram.accounts.session import Keys
from tgstudio_dagster.telegram.accounts.turns import wanted_sessions
from tgstudio_dagster.telegram.live.listening import Ear, Notice
from tgstudio_dagster.telegram.reading.read_report import ReadEvent

_LOG = logging.getLogger(__name__)
LOOK_SECONDS = 3.0
"""How soon a wish, a new subscription or a cadence is seen."""
_WANTED_SECONDS = 1.0
"""How soon another process that wants a session is seen."""
_STAND_BY_SECONDS = 1.0
_HINTS_APART = timedelta(seconds=2)
"""From one reading of a tenant that something was heard of to the next: a busy channel is heard of all the time."""
_END_SECONDS = 10.0
_LATE_SECONDS = 60.0
"""A look that is older makes the process unwell."""


class Reader:
    """Reads for all tenants, or for `only` one. `listens`: whether sessions stay connected to hear of what is new."""

    def __init__(
        self,
        catalog: Catalog,
        lake: Lake,
        access: Telegram,
        *,
        listens: bool,
        only: str | None = None,
        report: Callable[[Notice], None] = lambda _: None,
        reports: DagsterReports | None = None,
    ) -> None:
        self._lines = Lines(updates=listens)
        self._access = replace(access, session=self._lines.open)
        self._catalog, self._listens, self._only = catalog, listens, only
        self._report, self._reports = report, reports
        self._work = Work(catalog, lake, self._access, reports, self._tell)
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._ears: dict[str, tuple[Ear, asyncio.Task[None]]] = {}
        self._hints: defaultdict[str, set[int]] = defaultdict(set)
        self._hinted: dict[str, float] = {}
        self._attempts: dict[str, Attempts] = {}
        self._places = asyncio.Semaphore(access.settings().tenants_at_once)
        self._news = asyncio.Event()
        self._state = "starting"
        self._since = access.now()
        self._looked = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set; while another reader is at it, stand by.

        Raises LeaseHeldError where this process stood still so long that another has taken over.
        """
        while not stop.is_set():
            try:
                async with held_lease(self._catalog, READER) as held:
                    await self._catalog.ask(requeue_wishes)
                    await self._live(stop, held)
                return
            except LeaseHeldError:
                if self._state == "reading":
                    raise
                self._state, self._looked = "standing by", time.monotonic()
                await _pause(stop, _STAND_BY_SECONDS)

    async def run_beside(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set without being the reader of this deployment: for one tenant, from a command."""
        await self._live(stop, None)

    def state(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is well, and what it is at."""
        late = time.monotonic() - self._looked
        return late < _LATE_SECONDS, {
            "status": self._state if late < _LATE_SECONDS else "stuck",
            "looked_seconds_ago": round(late, 1),
            "sessions": self._lines.count(),
            "tenants_read": len(self._reading),
            "tenants_fetched": len(self._fetching),
        }

    async def _live(self, stop: asyncio.Event, held: Lease | None) -> None:
        self._state, self._since = "reading", self._access.now()
        others = [asyncio.create_task(self._give_way())]
        if self._reports is not None:
            others.append(asyncio.create_task(self._reports.run()))
        try:
            while not stop.is_set():
                if held is not None:
                    held.check()
                await self._look()
                self._news.clear()
                await _first(stop, self._news, LOOK_SECONDS)
        finally:
            await self._end(others)

    async def _look(self) -> None:
        try:
            found = await self._catalog.ask(standings, earliest=self._access.first_day, only=self._only)
        except CatalogFault:
            _LOG.exception("the catalog could not be looked at; trying again")
            return
        self._begin_hints()
        jobs = decide(
            found,
            reading_now=set(self._reading),
            fetching_now=set(self._fetching),
            attempts=self._attempts,
            earliest=self._access.first_day,
            now=self._access.now(),
        )
        for job in jobs:
            tasks = self._fetching if job.kind == "files" else self._reading
            self._begin(tasks, job.tenant, self._done(job))
        if self._listens:
            await self._listen(found)
        self._looked = time.monotonic()
        LOOKED.set_to_current_time()
        SESSIONS.set(self._lines.count())
        TENANTS.set(len(self._reading))

    async def _done(self, job: Job) -> None:
        async with self._places:
            moved = await self._work.do(job, enough=lambda: job.tenant in self._hints)
        if job.kind == "history":
            self._attempted(f"{job.tenant}:{job.version}")
        if moved:
            # There may be more of it, or somebody may be waiting their turn: not in three seconds.
            self._news.set()

    def _attempted(self, version: str) -> None:
        tried = self._attempts.get(version)
        self._attempts[version] = Attempts(tried.count + 1 if tried else 1, self._access.now())

    def _begin(self, tasks: dict[str, asyncio.Task[None]], tenant: str, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except (TGStudioError, CatalogFault) as error:
                _LOG.warning("tenant %s: %s", tenant, error)

        tasks[tenant] = task = asyncio.create_task(guarded(), name=tenant)
        task.add_done_callback(lambda task: _ended(tasks, task))

    def _begin_hints(self) -> None:
        now = time.monotonic()
        for tenant in [tenant for tenant in self._hints if tenant not in self._reading]:
            if now - self._hinted.get(tenant, 0.0) >= _HINTS_APART.total_seconds():
                self._hinted[tenant] = now
                channels = frozenset(self._hints.pop(tenant))
                self._begin(self._reading, tenant, self._work.follow_hint(tenant, channels))
            else:
                asyncio.get_running_loop().call_later(_HINTS_APART.total_seconds(), self._news.set)

    async def _listen(self, found: list[Standing]) -> None:
        wanted = {account_id: standing.tenant for standing in found for account_id in standing.listening}
        active = {account_id for standing in found for account_id in standing.accounts}
        for account_id in [one for one, (_, task) in self._ears.items() if one not in wanted or task.done()]:
            ear, task = self._ears.pop(account_id)
            if task.cancel() and account_id not in active:
                # Something else that the account was used for met its end first.
                with suppress(CatalogFault):
                    await ear.say_lost()
        for account_id, tenant in wanted.items():
            if account_id not in self._ears:
                self._ears[account_id] = self._ear(tenant, account_id)
                await self._catch_up(next(standing for standing in found if standing.tenant == tenant))

    async def _catch_up(self, standing: Standing) -> None:
        """Have a tenant read that was last read by the reader before this one: what came in between nobody has heard."""
        if standing.started_at is not None and standing.started_at < self._since:
            with suppress(CatalogFault):
                await self._catalog.ask(wake, standing.tenant, now=self._access.now())

    def _ear(self, tenant: str, account_id: str) -> tuple[Ear, asyncio.Task[None]]:
        def hint(channel_ids: frozenset[int]) -> None:
            self._hints[tenant] |= channel_ids
            self._news.set()

        def tell(notice: Notice) -> None:
            HINTS.labels(notice.kind).inc()
            self._report(notice)

        keys = Keys(tenant, self._catalog, self._access.vault(), self._access.settings())
        ear = Ear(keys, account_id, session=self._lines.open, hint=hint, report=tell, now=self._access.now)
        return ear, asyncio.create_task(ear.listen(), name=f"ear {account_id}")

    def _tell(self, tenant: str, event: ReadEvent) -> None:
        if event.kind == "lost":
            _LOG.warning("tenant %s: %s is lost: %s", tenant, event.channel, event.text)
            self._report(Notice("lost", tenant, event.account_id, channel=event.channel, detail=event.text))

    async def _give_way(self) -> None:
        """Give sessions back that another process waits for."""
        while True:
            await asyncio.sleep(_WANTED_SECONDS)
            if not self._lines.count():
                continue
            try:
                wanted = await self._catalog.ask(wanted_sessions)
            except CatalogFault:
                _LOG.exception("the catalog could not be asked who wants a session; trying again")
                continue
            self._lines.ask_back(wanted)
            for account_id in wanted & self._ears.keys():
                self._ears[account_id][0].nudge()

    async def _end(self, others: list[asyncio.Task[None]]) -> None:
        ears = [task for _, task in self._ears.values()]
        tasks = [*others, *ears, *self._reading.values(), *self._fetching.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_SECONDS)


def _ended(tasks: dict[str, asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    """One tenant's trouble is not another's: what nobody expected is told, and the others are read on."""
    tasks.pop(task.get_name(), None)
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("tenant %s: unexpected: %s", task.get_name(), error, exc_info=error)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
