"""Leases: one process at a time does a named piece of work (one import per tenant, one reader per Telegram session).

A lease is a row. Who holds it keeps it alive by a heartbeat; who dies loses it at once on the same machine, and after
`ttl` seconds on another. Every taking gives a larger token (a fencing token: work done under a smaller one is void).

What a lease protects is handled where it is taken.

All leases of a process share its catalog's connections, and one thread (`_Keeper`) that renews them together.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Row, Update, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.holders import Holder, database_now, is_gone, this_process
from tgstudio_dagster.catalog.models import LeaseRow
from tgstudio_dagster.core.errors import LeaseHeldError

__all__ = ["Lease", "held_lease", "held_names", "is_held", "lease"]

_LOG = logging.getLogger(__name__)
_HEARTBEATS_PER_TTL = 4
_TOGETHER = 500
"""Leases renewed by one statement."""
_POLL_SECONDS = 0.2


class Lease:
    """A lease that is held: its name and its fencing token."""

    def __init__(self, name: str, token: int, holder: str, ttl: float, began: float) -> None:
        self.name = name
        self.token = token
        self.holder = holder
        self.ttl = ttl
        self.wanted = False
        """Somebody waits for what it protects: whoever holds it should end soon."""
        self._lost = False
        self.renewed(began)

    def renewed(self, began: float) -> None:
        """A heartbeat was written; it counts from before (`time.monotonic()`) the database was asked."""
        self._alive_until = began + self.ttl

    def lost(self) -> None:
        """Another process has taken the lease."""
        self._lost = True

    def check(self) -> None:
        """Raise LeaseHeldError where the lease was lost: another process may be doing the work, so this one must stop.

        To be called before each step that must not be done twice.
        """
        if self._lost or time.monotonic() > self._alive_until:
            raise LeaseHeldError(
                f"Lease {self.name!r} was lost: this process stood still for over {self.ttl:g} s. Run it again."
            )


@contextmanager
def lease(catalog: Catalog, name: str, *, ttl: float = 60.0, wait: float = 0.0) -> Iterator[Lease]:
    """Hold the lease `name` while the block runs; `ttl` and `wait` are seconds.

    Raises LeaseHeldError, naming the holder, where another live process still holds it after `wait`.
    """
    held = _take(catalog, name, ttl, wait)
    try:
        yield held
    finally:
        _release(catalog, held)


@asynccontextmanager
async def held_lease(catalog: Catalog, name: str, *, ttl: float = 60.0) -> AsyncIterator[Lease]:
    """As `lease` in an event loop, which is not held up meanwhile; there is no waiting for another holder."""
    taken: list[Lease] = []
    try:
        # A list: one that is cancelled while it takes the lease has it all the same, and must give it back.
        await catalog.ask(_take_into, taken, name, ttl)
        yield taken[0]
    finally:
        for held in taken:
            await catalog.ask(_release, held)


def is_held(catalog: Catalog, name: str) -> bool:
    """Whether a process holds the lease that is alive, as far as this one can see."""
    query = select(LeaseRow.token, LeaseRow.holder, LeaseRow.holder_started, LeaseRow.expires_at)
    with catalog.reading() as session:
        row = session.execute(query.where(LeaseRow.name == name)).one_or_none()
        return row is not None and not _free(row, database_now(session.connection()))


def held_names(catalog: Catalog, prefix: str, suffix: str) -> set[str]:
    """Names of the leases between the two that somebody holds who is alive, as far as this process can see."""
    query = select(LeaseRow.name, LeaseRow.token, LeaseRow.holder, LeaseRow.holder_started, LeaseRow.expires_at).where(
        LeaseRow.holder.is_not(None), LeaseRow.name.startswith(prefix), LeaseRow.name.endswith(suffix)
    )
    with catalog.reading() as session:
        rows = session.execute(query).all()
        now = database_now(session.connection())
    return {name for name, _, holder, started, expires_at in rows if not is_gone(holder, started, expires_at, now)}


def _take(catalog: Catalog, name: str, ttl: float, wait: float) -> Lease:
    held = _acquire(catalog.shared_engine, name, ttl, wait)
    keeper = _KEEPERS.setdefault(catalog, _Keeper(catalog.shared_engine))
    keeper.keep(held)
    return held


def _take_into(catalog: Catalog, taken: list[Lease], name: str, ttl: float) -> None:
    taken.append(_take(catalog, name, ttl, 0.0))


def _release(catalog: Catalog, held: Lease) -> None:
    _KEEPERS[catalog].let_go(held)
    _give_back(catalog.shared_engine, held)


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


class _Keeper:
    """Renews all leases that this process holds in one catalog, from one thread that ends with the last of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._due: dict[Lease, float] = {}
        """When each is to be renewed (`time.monotonic()`)."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def keep(self, held: Lease) -> None:
        """Renew the lease from now on."""
        with self._changed:
            self._due[held] = time.monotonic() + held.ttl / _HEARTBEATS_PER_TTL
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            self._changed.notify()

    def let_go(self, held: Lease) -> None:
        """Renew it no longer."""
        with self._changed:
            self._due.pop(held, None)
            self._changed.notify()

    def _run(self) -> None:
        while (due := self._wait()) is not None:
            for first in range(0, len(due), _TOGETHER):
                self._renew(due[first : first + _TOGETHER])

    def _wait(self) -> list[Lease] | None:
        """The leases to renew, when some are due; None where no lease is left."""
        with self._changed:
            while self._due:
                now = time.monotonic()
                due = [held for held, at in self._due.items() if at <= now]
                if due:
                    self._due.update({held: now + held.ttl / _HEARTBEATS_PER_TTL for held in due})
                    return due
                self._changed.wait(min(self._due.values()) - now)
            self._thread = None
            return None

    def _renew(self, due: Sequence[Lease]) -> None:
        began = time.monotonic()
        holders = {held.holder: held for held in due}
        try:
            with self._engine.begin() as connection:
                now = database_now(connection)
                for ttl in {held.ttl for held in due}:
                    some = [held.holder for held in due if held.ttl == ttl]
                    query = update(LeaseRow).where(LeaseRow.holder.in_(some))
                    connection.execute(query.values(expires_at=now + timedelta(seconds=ttl)))
                kept = set(connection.scalars(select(LeaseRow.holder).where(LeaseRow.holder.in_(holders))))
        except SQLAlchemyError as error:
            # The next beat may succeed; if none does in time, check() says that the lease is lost.
            _LOG.warning("%d leases: heartbeat failed: %s", len(due), error)
            return
        for holder, held in holders.items():
            if holder in kept:
                held.renewed(began)
                continue
            held.lost()
            self.let_go(held)


_KEEPERS: WeakKeyDictionary[Catalog, _Keeper] = WeakKeyDictionary()


def _give_back(engine: Engine, held: Lease) -> None:
    try:
        with engine.begin() as connection:
            connection.execute(_mine(held).values(holder=None, holder_started=None, expires_at=None))
    except SQLAlchemyError as error:
        # The work is done, or its own error is on its way up; the lease ends by itself when its time is up.
        _LOG.warning("lease %s could not be given back: %s", held.name, error)


def _mine(held: Lease) -> Update:
    return update(LeaseRow).where(
        LeaseRow.name == held.name, LeaseRow.token == held.token, LeaseRow.holder == held.holder
    )
