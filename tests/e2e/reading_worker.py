"""A process that reads a tenant, or fetches its files, as a run does: python -m tests.e2e.reading_worker read|fetch TENANT

Where everything is, the environment says. It prints `ready` when all is loaded, and begins when it gets a line.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.telegram.files.downloads import media_tables
from tgstudio_dagster.telegram.reading import reader  # noqa: F401 - loaded before it begins
from tgstudio_dagster.telegram.reading.pull import Telegram


def main(work: str, tenant: str) -> None:
    """Do the work to its end; raises where it fails."""
    catalog, lake = Catalog.open(settings()), Lake.open(settings()).tenant(tenant)
    telegram = Telegram.open(settings())
    print("ready", flush=True)
    sys.stdin.readline()
    if work == "fetch":
        fetch(telegram, catalog, lake)
        return
    every = DayRange(date.fromisoformat(settings().first_day), datetime.now(UTC).date())
    report = telegram.read(catalog, lake, every, lambda text: print(text, flush=True))
    if report is None or report.error or report.more:
        raise SystemExit(f"not read: {report}")


def fetch(telegram: Telegram, catalog: Catalog, lake: TenantLake) -> None:
    """The files of all days, as the `media` asset gets them."""
    days = lake.days(MESSAGES)
    made = media_tables(
        {day: lake.read(MESSAGES, days=[day]) for day in days},
        {day: lake.read(MEDIA, days=[day]) for day in days},
        filters=Filters(),
        fetch=lambda items: telegram.fetch(catalog, lake, items),
    )
    for day, table in made.tables.items():
        lake.write(MEDIA, table, day=day)


if __name__ == "__main__":
    main(*sys.argv[1:])
