"""Processes that read: one tenant once, one that fetches its files, or the reader: reading_worker read|fetch|reader TENANT

Where everything is, the environment says. It prints `ready` when all is loaded, and begins when it gets a line.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime

from tests.telegram.reads import fetch_files
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.reader import __main__ as reader
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.telegram.reading import reader as reading  # noqa: F401 - loaded before it begins


def main(work: str, tenant: str) -> None:
    """Do the work to its end; raises where it fails."""
    catalog, lake = Catalog.open(settings()), Lake.open(settings()).tenant(tenant)
    print("ready", flush=True)
    sys.stdin.readline()
    if work == "reader":
        reader.main()
    elif work == "fetch":
        fetch_files(Telegram.open(settings()), catalog, lake, datetime.now(UTC))
    else:
        read(catalog, lake)


def read(catalog: Catalog, lake: TenantLake) -> None:
    """All that the tenant follows, to its end."""
    every = DayRange(date.fromisoformat(settings().first_day), datetime.now(UTC).date())
    report = asyncio.run(Telegram.open(settings()).read(catalog, lake, every, lambda event: print(event, flush=True)))
    if report is None or report.error or report.more:
        raise SystemExit(f"not read: {report}")


if __name__ == "__main__":
    main(*sys.argv[1:])
