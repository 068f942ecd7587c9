"""Reading asked for by a person at a terminal: by the reader, where one runs, else in this process.

A command that reads by itself shares nothing with a reader that is started meanwhile: the leases on sessions keep the two
apart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import list_media_backlog
from tgstudio_dagster.catalog.follows.wishes import READER, get_wish, wish_read
from tgstudio_dagster.catalog.leases import is_held
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import UnreachableError
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.telegram.reading.read_report import ReadEvent

_POLL_SECONDS = 0.5
_STUCK_SECONDS = 90.0
"""A wish that no reader takes for so long: it has died, and its lease with it."""


def reader_runs(catalog: Catalog) -> bool:
    """Whether a process reads for all tenants of this deployment."""
    return is_held(catalog, READER)


def read_now(
    catalog: Catalog, lake: TenantLake, days: DayRange, *, access: Telegram, say: Callable[[str], None]
) -> None:
    """Read what is new, and what is missing of the days; returns when it has landed.

    What kept it from reading all is in the catalog, as after every reading. Raises SettingsError and LakeError, and
    UnreachableError where a reader was there and does not take the wish.
    """
    if reader_runs(catalog):
        _wait(catalog, lake.tenant, days, say)
        return
    landed = 0

    def tell(event: ReadEvent) -> None:
        nonlocal landed
        landed += event.count
        about = "" if event.channel_id is None else f" channel {event.channel_id}"
        say(f"{landed} posts read" if event.count else f"account {event.account_id}{about}: {event.kind} {event.text}")

    asyncio.run(access.read(catalog, lake, days, tell))


def fetch_now(catalog: Catalog, lake: TenantLake, *, access: Telegram) -> bool:
    """Fetch the files that may be fetched now, unless a reader does it; whether there is news to put into `media`."""
    if not reader_runs(catalog):
        now = access.now()
        days = {row.day: row.not_before for row in list_media_backlog(catalog, lake.tenant) if row.not_before <= now}
        if days:
            asyncio.run(access.fetch(catalog, lake, days))
    return bool(lake.fetched.days())


def _wait(catalog: Catalog, tenant: str, days: DayRange, say: Callable[[str], None]) -> None:
    wish = wish_read(catalog, tenant, days, now=datetime.now(UTC))
    say("the reader was asked")
    asked = time.monotonic()
    while (state := get_wish(catalog, tenant, wish.id)).status in ("queued", "running"):
        if state.status == "running":
            say(f"the reader is at it: {state.posts} posts")
        elif time.monotonic() - asked > _STUCK_SECONDS and not reader_runs(catalog):
            raise UnreachableError("The reader that was asked has ended. Run it again: it reads in this process then.")
        time.sleep(_POLL_SECONDS)
    say(f"{state.posts} posts read" if state.status == "done" else f"not read: {state.error}")
