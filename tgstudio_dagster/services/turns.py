"""Turns: how much of a kind is done at a time, shared fairly among tenants. The others wait in line.

Threads of one Python process that compute at once only hold each other up (benchmarks/api.py).
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import QuotaError

_AGAIN = timedelta(seconds=5)


class Turns:
    """So many turns at a time, of them at most `each` of one tenant; by default, all.

    A free turn goes to the tenants in rotation, and within one to who came first. More than `waiting` of one tenant don't
    wait: each holds a thread that others need. Whoever holds a turn may take it again: services call each other.
    """

    def __init__(self, count: int, *, each: int | None = None, waiting: int | None = None) -> None:
        self._free = count
        self._each = each or count
        self._waiting = waiting
        self._queues: OrderedDict[str, deque[threading.Event]] = OrderedDict()
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._held = threading.local()

    @contextmanager
    def take(self, tenant: str) -> Iterator[None]:
        """Hold a turn; waits for one. Raises QuotaError where too many of the tenant wait already."""
        depth = getattr(self._held, "depth", 0)
        if not depth:
            self._acquire(tenant)
        self._held.depth = depth + 1
        try:
            yield
        finally:
            self._held.depth = depth
            if not depth:
                self._release(tenant)

    def _acquire(self, tenant: str) -> None:
        with self._lock:
            if self._free and self._taken[tenant] < self._each:
                self._free -= 1
                self._taken[tenant] += 1
                return
            queue = self._queues.setdefault(tenant, deque())
            if self._waiting is not None and len(queue) >= self._waiting:
                raise QuotaError(
                    "at_once",
                    utc_now() + _AGAIN,
                    f"at_once: {len(queue)} questions of your tenant wait already; try again when they are answered.",
                )
            called = threading.Event()
            queue.append(called)
        called.wait()

    def _release(self, tenant: str) -> None:
        with self._lock:
            self._free += 1
            self._taken[tenant] -= 1
            if not self._taken[tenant]:
                del self._taken[tenant]
            for name in list(self._queues):
                if self._free and self._taken[name] < self._each:
                    self._hand_on(name)

    def _hand_on(self, tenant: str) -> None:
        """Give a turn to the tenant's first, who is counted before it wakes: nobody who comes now gets ahead of it."""
        self._free -= 1
        self._taken[tenant] += 1
        queue = self._queues.pop(tenant)
        queue.popleft().set()
        if queue:
            self._queues[tenant] = queue  # behind the others
