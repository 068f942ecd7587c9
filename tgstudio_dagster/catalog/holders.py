"""Who holds a piece of work: a process, by its machine, its id and its start; whether it is still there; its heartbeat.

Leases, orders and calls of models name their holder alike. What is held, and what taking it over means, belongs there.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import psutil
from sqlalchemy import Connection, func, select

from tgstudio_dagster.core.clock import utc_now

_SAME_START_SECONDS = 1.0
"""Two readings of one process's start differ by less: the kernel counts it in ticks from a boot time that drifts."""
_HEARTBEATS_PER_TTL = 4


@dataclass(frozen=True)
class Holder:
    """A process that holds something: `name` is `<machine>:<process id>:<random>`, `started` its start (Unix seconds)."""

    name: str
    started: float


def this_process() -> Holder:
    """A new holder that stands for this process."""
    return Holder(f"{_host()}:{os.getpid()}:{uuid.uuid4().hex[:12]}", psutil.Process().create_time())


def is_gone(holder: str | None, started: float | None, until: datetime | None, now: datetime) -> bool:
    """Whether nobody holds it any more: given back, out of time, or held by a process of this machine that has ended."""
    if holder is None or until is None or until <= now:
        return True
    host, pid, _ = holder.rsplit(":", 2)
    return host == _host() and not _alive(int(pid), started)


def database_now(connection: Connection) -> datetime:
    """The database's clock, which all machines share; an SQLite file has one machine and its clock."""
    if connection.dialect.name == "sqlite":
        return utc_now()
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


@contextmanager
def heartbeat(beat: Callable[[], None], ttl: float, name: str) -> Iterator[None]:
    """Call `beat` four times in `ttl` seconds, in a thread, while the block runs. `beat` handles its own errors."""
    stop = threading.Event()

    def keep_alive() -> None:
        while not stop.wait(ttl / _HEARTBEATS_PER_TTL):
            beat()

    thread = threading.Thread(target=keep_alive, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _alive(pid: int, started: float | None) -> bool:
    """Whether the process still runs: a zombie does not, nor does another one that got the same id."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return started is None or abs(process.create_time() - started) < _SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return False


@cache
def _host() -> str:
    """This machine and process namespace: a host name alone may be shared by containers, whose process ids differ."""
    kernel = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    parts = [kernel.read_text() if kernel.exists() else "", os.readlink(namespace) if namespace.is_symlink() else ""]
    return f"{socket.gethostname()}-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:8]}"
