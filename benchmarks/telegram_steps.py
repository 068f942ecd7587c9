"""The measured steps of `benchmarks.telegram`, each to be run in a process of its own: the product's, and bare Telethon's.

What a step needs it is handed; leasing the session and connecting are a part of it, imports and opening the catalog are not.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

TENANT = "demo"


@dataclass(frozen=True)
class Place:
    """A channel and who reads it: `folder` holds the tenant's catalog and lake, and what bare Telethon stores."""

    folder: Path
    environment: dict[str, str]
    port: int
    public_key: str
    session: str
    channel_id: int
    access_hash: int


@dataclass(frozen=True)
class Took:
    """How long a step took by the clock, how much of a core, and how many messages or files it had."""

    seconds: float
    core: float
    count: int


class _Watch:
    def __init__(self) -> None:
        self._began, self._burnt = time.perf_counter(), time.process_time()

    def stop(self, count: int) -> Took:
        return Took(time.perf_counter() - self._began, time.process_time() - self._burnt, count)


def messages_bare(place: Place) -> Took:
    """All messages of the channel into a list."""

    async def read() -> int:
        async with _client(place) as client:
            return len([message async for message in client.iter_messages(_peer(place), wait_time=0)])

    _loaded()
    watch = _Watch()
    return watch.stop(asyncio.run(read()))


def messages_product(place: Place) -> Took:
    """All messages of the channel into the lake: a new subscription's newest page, then its history."""
    import polars as pl

    from tgstudio_dagster.lake.tables.posts import LANDING

    LANDING.conform(LANDING.empty())
    _loaded()
    catalog = _catalog(place)
    watch = _Watch()
    report = asyncio.run(_read(place, catalog))
    took = watch.stop(0)
    assert not report.error and not report.more, report
    lake = _lake(place)
    rows = [lake.read_landings(lake.landings(day)).select("msg_id", "album") for day in lake.landing_days()]
    members = pl.concat(rows).select(pl.max_horizontal(pl.col("album").list.len(), 1).sum()).item()
    return Took(took.seconds, took.core, members)


def media_bare(place: Place) -> Took:
    """All files of the channel onto the disk, one after another."""

    async def fetch() -> int:
        async with _client(place) as client:
            messages = await client.get_messages(_peer(place), limit=None, wait_time=0)
            paths = [await client.download_media(one, file=place.folder / f"bare-{one.id}") for one in messages]
            return sum(path is not None for path in paths)

    _loaded()
    watch = _Watch()
    return watch.stop(asyncio.run(fetch()))


def media_product(place: Place) -> Took:
    """All files of the channel into the lake; its posts have been read before."""
    from tests.telegram.paired import VAULT_KEY
    from tgstudio_dagster.catalog.accounts.vault import Vault
    from tgstudio_dagster.catalog.people.tenant_settings import Filters
    from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
    from tgstudio_dagster.posts.attachments import newest_first, wanted
    from tgstudio_dagster.posts.merge import merge
    from tgstudio_dagster.telegram.files.downloads import download_media

    lake, catalog, before = _lake(place), _catalog(place), (MESSAGES, MESSAGE_VERSIONS, MESSAGE_STATS)
    asyncio.run(_read(place, catalog))
    items = []
    for day in lake.landing_days():
        merged = merge(lake.read_landings(lake.landings(day)), *(table.empty() for table in before))
        items += wanted(merged.messages, MEDIA.empty(), Filters()).wanted
    watch = _Watch()
    done = asyncio.run(
        download_media(
            TENANT, newest_first(items), catalog=catalog, lake=lake, vault=lambda: Vault({1: VAULT_KEY}),
            settings=_settings(place), staging=place.folder / "staging",
        )
    )  # fmt: skip
    statuses = [outcome.status for outcome in done.outcomes.values()]
    assert set(statuses) == {"stored"}, (statuses, done.errors)
    return watch.stop(len(statuses))


async def _read(place: Place, catalog: Any) -> Any:
    from tests.telegram.paired import VAULT_KEY
    from tgstudio_dagster.catalog.accounts.vault import Vault
    from tgstudio_dagster.catalog.people.tenant_settings import Filters
    from tgstudio_dagster.core.days import DayRange
    from tgstudio_dagster.telegram.reading.reader import read_tenant

    first = date(2020, 1, 1)
    return await read_tenant(
        TENANT, catalog=catalog, lake=_lake(place), vault=Vault({1: VAULT_KEY}), settings=_settings(place),
        filters=Filters(), first_day=first, now=lambda: datetime.now(UTC),
        history=DayRange(first, datetime.now(UTC).date()),
    )  # fmt: skip


def _catalog(place: Place) -> Any:
    """The tenant's catalog, asked once: who reads has looked before whether there is anything to read."""
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions

    catalog = Catalog(f"sqlite:///{place.folder / 'catalog.sqlite'}")
    list_subscriptions(catalog, TENANT)
    return catalog


def _lake(place: Place) -> Any:
    from tgstudio_dagster.lake.store import Lake

    return Lake(str(place.folder / "lake")).tenant(TENANT)


def _settings(place: Place) -> Any:
    from tests.servers.telegram.server import settings_of

    return settings_of(place.environment)


def _client(place: Place) -> Any:
    from tests.servers.telegram.client import open_client

    return open_client(place, place.session)


def _peer(place: Place) -> Any:
    from telethon.tl.types import InputPeerChannel

    return InputPeerChannel(place.channel_id, place.access_hash)


def _loaded() -> None:
    """Load what is imported late."""
    import telethon  # noqa: F401

    from tests.servers.telegram import client  # noqa: F401
    from tgstudio_dagster.telegram.reading import reader  # noqa: F401
