"""What a reader does for one tenant: settle its wishes to follow, read its channels, fetch the files of its posts.

When is decided in `decide/`, and who begins it in `process.py` (for all tenants) and `alone.py` (for one, in a command).
Nothing of Telegram is loaded, and no key is asked for, for a tenant without an account or without anything to read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import note_media_backlog
from tgstudio_dagster.catalog.follows.reading import begin_read, finish_read
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions, requests
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.core.settings import Settings, TelegramSettings, telegram_settings
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.posts.attachments import Item, fetched_rows, newest_first, still_wanted, waiting, wanted
from tgstudio_dagster.telegram.files.downloads import Downloads, download_media
from tgstudio_dagster.telegram.reading.read_report import ReadEvent, ReadReport

if TYPE_CHECKING:
    from tgstudio_dagster.telegram.accounts.session import OpenSession

STAGING = "staging"
"""Folder in the home for files that are half downloaded: on this machine's disk, whatever the lake is."""


@dataclass(frozen=True)
class Telegram:
    """How this deployment reads Telegram. `settings` and `vault` are asked when a session is to be opened.

    `session` opens one; by default each piece of work connects by itself.
    """

    settings: Callable[[], TelegramSettings]
    vault: Callable[[], Vault]
    first_day: date
    staging: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    session: OpenSession | None = None

    @classmethod
    def open(cls, settings: Settings) -> Telegram:
        """As the environment says."""
        return cls(
            settings=telegram_settings,
            vault=lambda: Vault.from_environment(os.environ),
            first_day=date.fromisoformat(settings.first_day),
            staging=settings.home.resolve() / STAGING,
        )

    async def read(
        self,
        catalog: Catalog,
        lake: TenantLake,
        days: DayRange,
        tell: Callable[[ReadEvent], None] = lambda _: None,
        *,
        minutes: float | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> ReadReport | None:
        """Settle the tenant's wishes to follow, then land what is new, and what is missing of the days.

        It ends early after so many `minutes` (the settings' by default), or where there is `enough` for now. None where
        the tenant has nothing that could be read. What goes wrong with a channel or an account is in the report and the
        catalog. Raises SettingsError and LakeError; the reading's error is then in the catalog, too.
        """
        tenant = lake.tenant
        if not await catalog.ask(_has_work, tenant):
            return None
        await catalog.ask(begin_read, tenant, now=self.now())
        try:
            await self._settle(catalog, tenant)
            report = await self._read(catalog, lake, days, tell, minutes, enough)
        except TGStudioError as error:
            await catalog.ask(finish_read, tenant, now=self.now(), error=str(error))
            raise
        await catalog.ask(finish_read, tenant, now=self.now(), waits_until=report.waits_until, error=report.error)
        return report

    async def read_channels(
        self,
        catalog: Catalog,
        lake: TenantLake,
        channel_ids: frozenset[int],
        tell: Callable[[ReadEvent], None] = lambda _: None,
    ) -> ReadReport:
        """Land what is new in a few channels that something was heard of; the tenant's cadence goes on as it was."""
        return await self._read(catalog, lake, None, tell, None, lambda: False, only=channel_ids)

    async def fetch(self, catalog: Catalog, lake: TenantLake, days: Mapping[date, datetime]) -> Downloads:
        """Fetch the files that these days' posts wait for, and land what became of each.

        `days` says until when each was known to wait: a day of which there is news since stays as the news has it. Raises
        as `download_media` does.
        """
        filters = (await catalog.ask(tenant_settings, lake.tenant)).filters
        items = await asyncio.to_thread(_files_of, lake, days, filters)
        downloads = Downloads()
        if items:
            downloads = await download_media(
                lake.tenant,
                items,
                catalog=catalog,
                lake=lake,
                vault=self.vault,
                settings=self.settings(),
                staging=self.staging,
                clock=self.now,
                session=self.session,
            )
        left = {}
        for day in days:
            outcomes = {item: one for item, one in downloads.outcomes.items() if item.date.date() == day}
            if outcomes:
                await asyncio.to_thread(lake.fetched.land, day, fetched_rows(outcomes))
            left[day] = waiting(outcomes.values(), self.now(), downloads.waits_until)
        await catalog.ask(note_media_backlog, lake.tenant, left, seen=days)
        return downloads

    async def _settle(self, catalog: Catalog, tenant: str) -> None:
        # telethon is loaded here and in `_read`, and only there.
        from tgstudio_dagster.telegram.accounts.session import open_session
        from tgstudio_dagster.telegram.reading.subscribing import settle_requests

        await settle_requests(
            tenant,
            catalog=catalog,
            vault=self.vault(),
            settings=self.settings(),
            now=self.now,
            session=self.session or open_session,
        )

    async def _read(
        self,
        catalog: Catalog,
        lake: TenantLake,
        days: DayRange | None,
        tell: Callable[[ReadEvent], None],
        minutes: float | None,
        enough: Callable[[], bool],
        only: frozenset[int] | None = None,
    ) -> ReadReport:
        from tgstudio_dagster.telegram.accounts.session import open_session
        from tgstudio_dagster.telegram.reading.reader import read_tenant

        settings = self.settings()
        if minutes is not None:
            settings = settings.model_copy(update={"read_minutes": min(minutes, settings.read_minutes)})
        return await read_tenant(
            lake.tenant,
            catalog=catalog,
            lake=lake,
            vault=self.vault(),
            settings=settings,
            filters=(await catalog.ask(tenant_settings, lake.tenant)).filters,
            first_day=self.first_day,
            now=self.now,
            history=days,
            report=tell,
            session=self.session or open_session,
            enough=enough,
            only=only,
        )


def _has_work(catalog: Catalog, tenant: str) -> bool:
    """Whether an account is active and has a channel to read, or a wish waits."""
    if not any(account.status == "active" for account in list_accounts(catalog, tenant)):
        return False
    follows = any(view.status == "active" for view in list_subscriptions(catalog, tenant))
    return follows or bool(requests(catalog, tenant, "queued"))


def _files_of(lake: TenantLake, days: Mapping[date, datetime], filters: Filters) -> list[Item]:
    items: list[Item] = []
    for day in days:
        plan = wanted(lake.read(MESSAGES, days=[day]), lake.read(MEDIA, days=[day]), filters)
        items += still_wanted(plan, lake.fetched.read(day).rows)
    return newest_first(items)
