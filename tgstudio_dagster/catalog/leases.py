"""Leases: one process at a time does a named piece of work (one import per tenant, one reader per Telegram session).

A lease is a row. Who holds it keeps it alive by a heartbeat; who dies loses it at once on the same machine, and after
`ttl` seconds on another. Every taking gives a larger token (a fencing token: work done under a smaller one is void).

What the lease protects is not this module's matter.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Engine, Row, Update, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.holders import Holder, database_now, is_gone, this_process
from tgstudio_dagster.catalog.models import LeaseRow
from tgstudio_dagster.core.errors import LeaseHeldError

__all__ = ["Lease", "is_held", "lease"]

_LOG = logging.getLogger(__name__)
_HEARTBEATS_PER_TTL = 4
_POLL_SECONDS = 0.2


class Lease:
    """A lease that is held: its name and its fencing token."""

    def __init__(self, name: str, token: int, holder: str, ttl: float, began: float) -> None:
        self.name = name
        self.token = token
        self.holder = holder
        self._ttl = ttl
        self._lost = False
        self.renewed(began)

    def renewed(self, began: float) -> None:
        """A heartbeat was written; it counts from before (`time.monotonic()`) the database was asked."""
        self._alive_until = began + self._ttl

    def lost(self) -> None:
        """Another process has taken the lease."""
        self._lost = True

    def check(self) -> None:
        """Raise LeaseHeldError where the lease was lost: another process may be doing the work, so this one must stop.

        To be called before each step that must not be done twice.
        """
        if self._lost or time.monotonic() > self._alive_until:
            raise LeaseHeldError(
                f"Lease {self.name!r} was lost: this process stood still for over {self._ttl:g} s. Run it again."
            )


@contextmanager
def lease(catalog: Catalog, name: str, *, ttl: float = 60.0, wait: float = 0.0) -> Iterator[Lease]:
    """Hold the lease `name` while the block runs; `ttl` and `wait` are seconds.

    Raises LeaseHeldError, naming the holder, where another live process still holds it after `wait`.
    """
    engine = catalog.engine(pooled=False)
    held = _acquire(engine, name, ttl, wait)
    stop = threading.Event()
    beat = threading.Thread(target=_keep_alive, args=(engine, held, ttl, stop), name=f"lease {name}", daemon=True)
    beat.start()
    try:
        yield held
    finally:
        stop.set()
        beat.join()
        _give_back(engine, held)


def is_held(catalog: Catalog, name: str) -> bool:
    """Whether a process holds the lease that is alive, as far as this one can see."""
    query = select(LeaseRow.token, LeaseRow.holder, LeaseRow.holder_started, LeaseRow.expires_at)
    with catalog.reading() as session:
        row = session.execute(query.where(LeaseRow.name == name)).one_or_none()
        return row is not None and not _free(row, database_now(session.connection()))


def _acquire(engine: Engine, name: str, ttl: float, wait: float) -> Lease:
    give_up = time.monotonic() + wait
    holder = this_process()
    while True:
        held, other = _try(engine, name, holder, ttl)
        if held is not None:
            return held
        if time.monotonic() >= give_up:
            raise LeaseHeldError(
                f"{name}: is being done by another process, {other} (host:process:id). Wait for it, or end it."
            )
        time.sleep(min(_POLL_SECONDS, max(0.0, give_up - time.monotonic())))


def _try(engine: Engine, name: str, holder: Holder, ttl: float) -> tuple[Lease | None, str | None]:
    """Take the lease if it is free; else say who holds it."""
    began = time.monotonic()
    row = _row(engine, name)
    with engine.begin() as connection:
        now = database_now(connection)
        if not _free(row, now):
            return None, row.holder
        # Compare and swap: nobody may have taken, renewed or given back the lease since its row was read.
        taken = connection.execute(
            update(LeaseRow)
            .where(
                LeaseRow.name == name,
                LeaseRow.token == row.token,
                LeaseRow.holder.is_not_distinct_from(row.holder),
                LeaseRow.expires_at.is_not_distinct_from(row.expires_at),
            )
            .values(
                token=row.token + 1,
                holder=holder.name,
                holder_started=holder.started,
                acquired_at=now,
                expires_at=now + timedelta(seconds=ttl),
            )
        )
        if taken.rowcount == 1:
            if row.holder is not None:
                _LOG.warning("lease %s taken over from %s, which is dead or silent", name, row.holder)
            return Lease(name, row.token + 1, holder.name, ttl, began), None
    return None, _row(engine, name).holder


def _row(engine: Engine, name: str) -> Row[int, str | None, float | None, datetime | None]:
    """The lease's row, made where there is none yet."""
    query = select(LeaseRow.token, LeaseRow.holder, LeaseRow.holder_started, LeaseRow.expires_at)
    query = query.where(LeaseRow.name == name)
    with engine.execution_options(tgstudio_reading=True).connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is not None:
        return row
    try:
        with engine.begin() as connection:
            connection.execute(insert(LeaseRow).values(name=name, token=0))
    except IntegrityError:
        _LOG.debug("lease %s: another process has made the row first", name)
    with engine.execution_options(tgstudio_reading=True).connect() as connection:
        return connection.execute(query).one()


def _free(row: Row[int, str | None, float | None, datetime | None], now: datetime) -> bool:
    return is_gone(row.holder, row.holder_started, row.expires_at, now)


def _keep_alive(engine: Engine, held: Lease, ttl: float, stop: threading.Event) -> None:
    while not stop.wait(ttl / _HEARTBEATS_PER_TTL):
        began = time.monotonic()
        try:
            with engine.begin() as connection:
                until = database_now(connection) + timedelta(seconds=ttl)
                if connection.execute(_mine(held).values(expires_at=until)).rowcount == 0:
                    held.lost()
                    return
        except DBAPIError as error:
            # The next beat may succeed; if none does in time, check() says that the lease is lost.
            _LOG.warning("lease %s: heartbeat failed: %s", held.name, error)
            continue
        held.renewed(began)


def _give_back(engine: Engine, held: Lease) -> None:
    try:
        with engine.begin() as connection:
            connection.execute(_mine(held).values(holder=None, holder_started=None, expires_at=None))
    except DBAPIError as error:
        # The work is done, or its own error is on its way up; the lease ends by itself when its time is up.
        _LOG.warning("lease %s could not be given back: %s", held.name, error)


def _mine(held: Lease) -> Update:
    return update(LeaseRow).where(
        LeaseRow.name == held.name, LeaseRow.token == held.token, LeaseRow.holder == held.holder
    )
