"""Turns: how many questions to the lake are answered at a time. The others wait in line, first come, first served.

Threads of one Python process that compute at once only hold each other up (benchmarks/api.py).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """So many turns at a time. Whoever holds one may take it again: services call each other."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._held = threading.local()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a turn; waits for one."""
        depth = getattr(self._held, "depth", 0)
        if not depth:
            self._acquire()
        self._held.depth = depth + 1
        try:
            yield
        finally:
            self._held.depth = depth
            if not depth:
                self._release()

    def _acquire(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Event()
            self._waiting.append(called)
        called.wait()

    def _release(self) -> None:
        with self._lock:
            if self._waiting:
                # Handed on: nobody who comes now gets ahead of who waits.
                self._waiting.popleft().set()
            else:
                self._free += 1
