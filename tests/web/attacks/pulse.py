"""Whether this process goes on while an attack runs: a thread that wants to do something every few milliseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


class Pulse:
    """`longest`: seconds that the thread had to wait for its turn at the worst; `grown`: bytes that the process took more."""

    longest = 0.0
    grown = 0


@contextmanager
def pulse() -> Iterator[Pulse]:
    """Measure until the end of the block."""
    measured, over, process = Pulse(), threading.Event(), psutil.Process()
    before = process.memory_info().rss

    def beat() -> None:
        last = time.monotonic()
        while not over.wait(0.01):
            now = time.monotonic()
            measured.longest, last = max(measured.longest, now - last), now
            measured.grown = max(measured.grown, process.memory_info().rss - before)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield measured
    finally:
        over.set()
        thread.join()
