"""Partitions kept in memory, by the version of their object: for front ends that ask the same days many times a minute.

One store per process, for any thread, bounded by bytes. What is asked of the frames stands in feed.py and query.py.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import TenantLake

LIMIT = 256 * 2**20
"""Bytes of frames that are kept."""
LISTED_SECONDS = 1.0
"""How long a listing of partitions is believed: what another process wrote is seen that much later at most."""
_Key = tuple[str, ...]


@dataclass
class _Kept:
    version: str
    frame: pl.DataFrame
    bytes: int


@dataclass
class _Listing:
    at: float
    writes: int
    days: dict[date, str]
    stamp: str


@dataclass
class _Store:
    frames: OrderedDict[_Key, _Kept] = field(default_factory=OrderedDict)
    bytes: int = 0
    listings: dict[_Key, _Listing] = field(default_factory=dict)
    busy: dict[_Key, threading.Lock] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_store = _Store()


def versions(lake: TenantLake, table: Table) -> dict[date, str]:
    """The days that have an object, with what changes when it is replaced: as it is, or was up to a second ago."""
    return _listing(lake, table).days


def stamp(lake: TenantLake, *tables: Table) -> str:
    """16 hex digits that change when any partition of the tables does."""
    joined = "/".join(_listing(lake, table).stamp for table in tables)
    return hashlib.sha256(f"{lake.root}/{lake.tenant}/{joined}".encode()).hexdigest()[:16]


def frame(lake: TenantLake, what: str, version: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """What `make` returns, made once per version however many threads ask; the version before is let go."""
    key = (lake.root, lake.tenant, what)
    with _store.lock:
        if (there := _found(key, version)) is not None:
            return there
        making = _store.busy.setdefault(key, threading.Lock())
    with making:
        with _store.lock:
            if (there := _found(key, version)) is not None:
                return there
        made = make()
        with _store.lock:
            _keep(key, _Kept(version, made, int(made.estimated_size())))
            _store.busy.pop(key, None)
    return made


def forget() -> None:
    """Let go of everything."""
    with _store.lock:
        _store.frames.clear()
        _store.listings.clear()
        _store.bytes = 0


def _listing(lake: TenantLake, table: Table) -> _Listing:
    key = (lake.root, lake.tenant, table.name)
    with _store.lock:
        listing = _store.busy.setdefault((*key, "listing"), threading.Lock())
    with listing:
        found = _store.listings.get(key)
        if found is not None and _fresh(found):
            return found
        at, writes = time.monotonic(), TenantLake.writes
        days = lake.versions(table)
        digest = hashlib.sha256(repr(sorted(days.items())).encode()).hexdigest()[:16]
        found = _store.listings[key] = _Listing(at, writes, days, digest)
    return found


def _fresh(listing: _Listing) -> bool:
    """Not after a write of this process: whoever wrote sees it at once."""
    return listing.writes == TenantLake.writes and time.monotonic() - listing.at < LISTED_SECONDS


def _found(key: _Key, version: str) -> pl.DataFrame | None:
    there = _store.frames.get(key)
    if there is None or there.version != version:
        return None
    _store.frames.move_to_end(key)
    return there.frame


def _keep(key: _Key, new: _Kept) -> None:
    if (old := _store.frames.pop(key, None)) is not None:
        _store.bytes -= old.bytes
    if new.bytes > LIMIT // 4:
        return
    _store.frames[key] = new
    _store.bytes += new.bytes
    while _store.bytes > LIMIT:
        _, gone = _store.frames.popitem(last=False)
        _store.bytes -= gone.bytes
