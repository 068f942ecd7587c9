"""One tenant's piece of work, done and told: to the catalog, to who waits for it, to Dagster, and to Prometheus.

When it is begun is `process.py`'s, what it does at Telegram `access.py`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import wake
from tgstudio_dagster.catalog.follows.wishes import ReadWish, begin_wish, end_wish, note_progress
from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.reader.decide.jobs import Job
from tgstudio_dagster.reader.measures import BYTES, POSTS, READINGS, SECONDS, WAITS
from tgstudio_dagster.reader.reports import DagsterReports
from tgstudio_dagster.telegram.reading.read_report import ReadEvent, ReadReport

HISTORY_MINUTES = 2.0
"""Longest piece of history at a time: what is new in the same tenant comes between."""
_PROGRESS_SECONDS = 1.0


@dataclass
class Work:
    """Does jobs of any tenant."""

    catalog: Catalog
    lake: Lake
    access: Telegram
    reports: DagsterReports | None = None
    tell: Callable[[str, ReadEvent], None] = lambda _tenant, _event: None

    async def do(self, job: Job, *, enough: Callable[[], bool]) -> bool:
        """Do the job; whether there is a reason to look at the tenant again at once. History ends where there is `enough`.

        Raises TGStudioError where nothing could be done; who waits for a wish is told before.
        """
        began = time.monotonic()
        try:
            moved = await self._do(job, enough)
        except BaseException:
            READINGS.labels(job.kind, "failed").inc()
            raise
        READINGS.labels(job.kind, "done").inc()
        SECONDS.labels(job.kind).observe(time.monotonic() - began)
        return moved

    async def follow_hint(self, tenant: str, channel_ids: frozenset[int]) -> None:
        """Read channels that something was heard of; where that fails, the whole tenant is due at once."""
        counted = self._counted(tenant)
        try:
            report = await self.access.read_channels(self.catalog, self.lake.tenant(tenant), channel_ids, counted.tell)
        except TGStudioError:
            READINGS.labels("hint", "failed").inc()
            await self.catalog.ask(wake, tenant, now=self.access.now())
            raise
        READINGS.labels("hint", "done").inc()
        if report.skipped or report.unreachable:
            await self.catalog.ask(wake, tenant, now=self.access.now())
        self._told(tenant, report)

    async def _do(self, job: Job, enough: Callable[[], bool]) -> bool:
        lake = self.lake.tenant(job.tenant)
        if job.kind == "files":
            downloads = await self.access.fetch(self.catalog, lake, job.files)
            BYTES.inc(downloads.bytes)
            return False
        assert job.days is not None
        if job.wish is not None:
            return await self._grant(job, job.wish)
        history = job.kind == "history"
        counted = self._counted(job.tenant)
        report = await self.access.read(
            self.catalog,
            lake,
            job.days,
            counted.tell,
            minutes=HISTORY_MINUTES if history else None,
            enough=enough if history else lambda: False,
        )
        self._told(job.tenant, report)
        return report is not None and (bool(report.days) or report.more)

    async def _grant(self, job: Job, wish: ReadWish) -> bool:
        """Read for somebody who waits, and tell them how far it is and how it ended."""
        assert job.days is not None
        tenant, counted = job.tenant, self._counted(job.tenant)
        await self.catalog.ask(begin_wish, tenant, wish.id)
        telling = asyncio.create_task(self._tell_progress(tenant, wish.id, counted))
        error: str | None = "the reading was broken off; it goes on by itself"
        status: str = "failed"
        try:
            report = await self.access.read(self.catalog, self.lake.tenant(tenant), job.days, counted.tell)
            error = report.error if report is not None else "nothing is followed that could be read"
            status = "failed" if report is not None and report.error else "done"
            self._told(tenant, report)
        except TGStudioError as trouble:
            error = str(trouble)
            raise
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            await self.catalog.ask(
                end_wish,
                tenant,
                wish.id,
                status="done" if status == "done" else "failed",
                posts=counted.posts,
                now=self.access.now(),
                error=error,
            )
        return True

    async def _tell_progress(self, tenant: str, wish_id: str, counted: _Counted) -> None:
        told = 0
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            if counted.posts != told:
                told = counted.posts
                await self.catalog.ask(note_progress, tenant, wish_id, told)

    def _counted(self, tenant: str) -> _Counted:
        return _Counted(lambda event: self.tell(tenant, event))

    def _told(self, tenant: str, report: ReadReport | None) -> None:
        if report is None:
            return
        for wait in report.waits:
            WAITS.labels(wait.method).inc()
        if self.reports is not None:
            self.reports.add(tenant, report)


@dataclass
class _Counted:
    """Counts the posts of one reading as they land, and hands on what happens."""

    hand_on: Callable[[ReadEvent], None]
    posts: int = field(default=0)

    def tell(self, event: ReadEvent) -> None:
        self.hand_on(event)
        if event.count:
            self.posts += event.count
            POSTS.labels(event.kind).inc(event.count)
