"""MEDIA of a run's days, a month at a time, so that a long range fits in memory: fetched, settled, and the backlog noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import note_media_backlog
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.core.days import month_of
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.orchestration.run_days import TenantDay
from tgstudio_dagster.posts.attachments import waiting
from tgstudio_dagster.telegram.files.downloads import media_tables
from tgstudio_dagster.telegram.reading.pull import Telegram


class MediaMonths:
    """Makes MEDIA of one day after the other; files of a month are fetched together when its first day is asked for."""

    def __init__(self, catalog: Catalog, telegram: Telegram, keys: Sequence[TenantDay]) -> None:
        self.catalog, self.telegram, self.keys = catalog, telegram, keys
        self.tables: dict[TenantDay, pl.DataFrame] = {}
        self.statuses: Counter[str] = Counter()
        self.errors: list[str] = []
        self.bytes = 0

    def make(self, store: TenantLake, day: date) -> tuple[pl.DataFrame]:
        """The day's table."""
        key = TenantDay(store.tenant, day)
        if key not in self.tables:
            self._fetch(store, [one.day for one in self.keys if _same_month(one, key)])
        return (self.tables.pop(key),)

    def _fetch(self, store: TenantLake, days: Sequence[date]) -> None:
        month = media_tables(
            {day: store.read(MESSAGES, days=[day]) for day in sorted(days)},
            {day: store.read(MEDIA, days=[day]) for day in days},
            filters=tenant_settings(self.catalog, store.tenant).filters,
            fetch=lambda items: self.telegram.fetch(self.catalog, store, items),
        )
        now, until = self.telegram.now(), month.downloads.waits_until
        note_media_backlog(
            self.catalog, store.tenant, {day: waiting(table, now, until) for day, table in month.tables.items()}
        )
        self.tables = {TenantDay(store.tenant, day): table for day, table in month.tables.items()}
        self.statuses.update(month.statuses)
        self.errors += month.downloads.errors
        self.bytes += month.downloads.bytes


def _same_month(one: TenantDay, key: TenantDay) -> bool:
    return one.tenant == key.tenant and month_of(one.day) == month_of(key.day)
