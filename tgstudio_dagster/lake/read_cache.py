"""Partitions kept in memory, by the version of their object: for front ends that ask the same days many times a minute.

One store per process, for any thread, bounded by bytes. What is asked of the frames stands in feed.py and query.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl

from tgstudio_dagster.core.cache import TtlCache
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import TenantLake

LIMIT = 256 * 2**20
"""Bytes of frames that are kept."""
LISTED_SECONDS = 1.0
"""How long a listing of partitions is believed: what another process wrote is seen that much later at most."""
_LISTINGS = 10_000
_Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Listing:
    days: dict[date, str]
    stamp: str


_frames = TtlCache[_Key](most=LIMIT, weigh=lambda frame: int(frame.estimated_size()))
_listings = TtlCache[_Key](seconds=LISTED_SECONDS, most=_LISTINGS, version=lambda: TenantLake.writes)
"""Of before no write of this process: whoever wrote sees it at once."""


def versions(lake: TenantLake, table: Table) -> dict[date, str]:
    """The days that have an object, with what changes when it is replaced: as it is, or was up to a second ago."""
    return _listing(lake, table).days


def stamp(lake: TenantLake, *tables: Table) -> str:
    """16 hex digits that change when any partition of the tables does."""
    joined = "/".join(_listing(lake, table).stamp for table in tables)
    return hashlib.sha256(f"{lake.root}/{lake.tenant}/{joined}".encode()).hexdigest()[:16]


def frame(lake: TenantLake, what: str, version: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """What `make` returns, made once per version however many threads ask; the version before is let go."""
    return _frames.get((lake.root, lake.tenant, what), make, version)


def forget() -> None:
    """Let go of everything."""
    _frames.clear()
    _listings.clear()


def _listing(lake: TenantLake, table: Table) -> _Listing:
    def read() -> _Listing:
        days = lake.versions(table)
        return _Listing(days, hashlib.sha256(repr(sorted(days.items())).encode()).hexdigest()[:16])

    return _listings.get((lake.root, lake.tenant, table.name), read)
