"""A reader at work in the test's own process, and what it has told so far. No assertion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from tests.telegram.paired import Paired
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.reader.process import Reader
from tgstudio_dagster.telegram.live.listening import Notice

FIRST_DAY = date(2020, 1, 1)


class RunningReader:
    """A reader for all tenants of a catalog."""

    def __init__(self, desk: Paired, folder: Path, *, listens: bool) -> None:
        self.desk = desk
        self.lake = Lake(str(folder / "lake"))
        self.notices: list[Notice] = []
        self.stop = asyncio.Event()
        access = Telegram(lambda: desk.settings, lambda: desk.vault, FIRST_DAY, folder / "staging")
        self.reader = Reader(desk.catalog, self.lake, access, listens=listens, report=self.notices.append)
        self.task = asyncio.create_task(self.reader.run(self.stop))

    @property
    def idle(self) -> bool:
        """Whether no tenant is being read."""
        return not self.reader.state()[1]["tenants_read"]

    def kinds(self) -> list[str]:
        """The kinds of the notices so far."""
        return [notice.kind for notice in self.notices]

    def landed(self, tenant: str | None = None) -> list[str]:
        """The texts of a tenant's landings, each observation of a post."""
        lake = self.lake.tenant(tenant or self.desk.tenant)
        return [
            text for day in lake.landing_days() for text in lake.read_landings(lake.landings(day))["text"].to_list()
        ]

    async def until(self, done: Callable[[], bool], seconds: float = 20) -> None:
        """Wait; an error of the reader is raised."""
        async with asyncio.timeout(seconds):
            while not done():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.02)

    async def told(self, kind: str, times: int = 1) -> None:
        """Wait until a notice of this kind was told so often."""
        await self.until(lambda: self.kinds().count(kind) >= times)

    async def hears(self, times: int = 1) -> None:
        """Wait until Telegram sends updates, for the given number of terms."""
        await self.told("listening", times)
        await self.until(lambda: len(self.desk.telegram.calls("updates.getState")) >= 2 * times)

    async def end(self) -> None:
        """End it as a signal does."""
        self.stop.set()
        await asyncio.wait_for(self.task, 15)


@asynccontextmanager
async def running(desk: Paired, folder: Path, *, listens: bool = True) -> AsyncIterator[RunningReader]:
    """A reader at work, which has ended when the block has."""
    reader = RunningReader(desk, folder, listens=listens)
    try:
        yield reader
    finally:
        await reader.end()
