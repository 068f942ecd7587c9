"""Telegram as the assets use it: read a tenant's channels into landings, fetch the files of its posts.

Nothing of Telegram is loaded, and no key is asked for, for a tenant without an account or without anything to read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import begin_read, finish_read
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions, requests
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.core.settings import Settings, TelegramSettings, telegram_settings
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.posts.attachments import Item
from tgstudio_dagster.telegram.files.downloads import Downloads, download_media
from tgstudio_dagster.telegram.reading.read_report import ReadEvent, ReadReport

STAGING = "staging"
"""Folder in the home for files that are half downloaded: on this machine's disk, whatever the lake is."""


@dataclass(frozen=True)
class Telegram:
    """How this deployment reads Telegram. `settings` and `vault` are asked when a session is to be opened."""

    settings: Callable[[], TelegramSettings]
    vault: Callable[[], Vault]
    first_day: date
    staging: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def open(cls, settings: Settings) -> Telegram:
        """As the environment says."""
        return cls(
            settings=telegram_settings,
            vault=lambda: Vault.from_environment(os.environ),
            first_day=date.fromisoformat(settings.first_day),
            staging=settings.home.resolve() / STAGING,
        )

    def read(self, catalog: Catalog, lake: TenantLake, days: DayRange, say: Callable[[str], None]) -> ReadReport | None:
        """Settle the tenant's wishes to follow, then land what is new, and what is missing of the days.

        None where the tenant has nothing that could be read. What goes wrong with a channel or an account is in the
        report and the catalog. Raises SettingsError and LakeError; the reading's error is then in the catalog, too.
        """
        tenant = lake.tenant
        if not self._has_work(catalog, tenant):
            return None
        begin_read(catalog, tenant, now=self.now())
        try:
            report = asyncio.run(self._read(catalog, lake, days, say))
        except TGStudioError as error:
            finish_read(catalog, tenant, now=self.now(), error=str(error))
            raise
        finish_read(catalog, tenant, now=self.now(), waits_until=report.waits_until, error=report.error)
        return report

    def fetch(self, catalog: Catalog, lake: TenantLake, items: list[Item]) -> Downloads:
        """Fetch the files; every item gets an outcome. Raises as `download_media` does."""
        return asyncio.run(
            download_media(
                lake.tenant,
                items,
                catalog=catalog,
                lake=lake,
                vault=self.vault,
                settings=self.settings(),
                staging=self.staging,
                clock=self.now,
            )
        )

    def _has_work(self, catalog: Catalog, tenant: str) -> bool:
        """Whether an account is active and has a channel to read, or a wish waits."""
        if not any(account.status == "active" for account in list_accounts(catalog, tenant)):
            return False
        follows = any(view.status == "active" for view in list_subscriptions(catalog, tenant))
        return follows or bool(requests(catalog, tenant, "queued"))

    async def _read(self, catalog: Catalog, lake: TenantLake, days: DayRange, say: Callable[[str], None]) -> ReadReport:
        # telethon is loaded here, and only here.
        from tgstudio_dagster.telegram.reading.reader import read_tenant
        from tgstudio_dagster.telegram.reading.subscribing import settle_requests

        tenant, vault, settings = lake.tenant, self.vault(), self.settings()
        for outcome in await settle_requests(tenant, catalog=catalog, vault=vault, settings=settings, now=self.now):
            say(f"{outcome.reference}: {outcome.error or outcome.status}")

        def tell(event: ReadEvent) -> None:
            about = "" if event.channel_id is None else f" channel {event.channel_id}"
            say(f"account {event.account_id}{about}: {event.kind} {event.text or event.count}")

        return await read_tenant(
            tenant,
            catalog=catalog,
            lake=lake,
            vault=vault,
            settings=settings,
            filters=tenant_settings(catalog, tenant).filters,
            first_day=self.first_day,
            now=self.now,
            history=days,
            report=tell,
        )
