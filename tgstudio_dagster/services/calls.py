"""Calls of a day, counted in the process and written down together, so that a busy program does not write at each call."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as day_time

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import limits_of, spend, spent
from tgstudio_dagster.core.errors import NotFoundError, QuotaError

_BELIEVED_SECONDS = 1.0
"""How long a limit, and what other processes have used of it, is believed."""


class _Count:
    def __init__(self) -> None:
        self.limit = self.used = self.new = 0
        self.read_at = -_BELIEVED_SECONDS


class Calls:
    """Calls of a day, counted against what tenants may: written down within a fifth of a second, in one go.

    Several processes each count their own; what others counted is seen with a second's delay.
    """

    def __init__(self, catalog: Catalog, *, every: float = 0.2) -> None:
        self._catalog = catalog
        self._every = every
        self._counts: dict[tuple[str, str, date], _Count] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._over = False

    def take(self, tenant: str, name: str, day: date) -> None:
        """Count one more. Raises QuotaError until the next day (UTC) where none is left."""
        with self._lock:
            count = self._counts.setdefault((tenant, name, day), _Count())
            if time.monotonic() - count.read_at >= _BELIEVED_SECONDS or count.used + count.new >= count.limit:
                # Also where none is left: what another process or a new plan says is looked at before it is refused.
                self._read(tenant, name, day, count)
            if count.used + count.new >= count.limit:
                until = datetime.combine(day + timedelta(days=1), day_time(), UTC)
                text = f"{name}: {count.used} of {count.limit} are used today; wait until {until:%H:%M} UTC."
                raise QuotaError(name, until, text)
            count.new += 1
            if self._thread is None and not self._over:
                self._thread = threading.Thread(target=self._write, name="counts of calls", daemon=True)
                self._thread.start()
        self._wake.set()

    def flush(self) -> None:
        """Write down what was counted."""
        with self._lock:
            for (tenant, name, day), count in list(self._counts.items()):
                if count.new:
                    self._put(tenant, name, day, count)
                elif time.monotonic() - count.read_at > 60:
                    del self._counts[tenant, name, day]

    def close(self) -> None:
        """Write down what was counted, and end."""
        self._over = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _read(self, tenant: str, name: str, day: date, count: _Count) -> None:
        if count.new:
            self._put(tenant, name, day, count)
        else:
            count.used = spent(self._catalog, tenant, name, day)
        count.limit = getattr(limits_of(self._catalog, tenant), name)
        count.read_at = time.monotonic()

    def _put(self, tenant: str, name: str, day: date, count: _Count) -> None:
        try:
            count.used = spend(self._catalog, tenant, name, day, count.new)
        except NotFoundError:
            # The tenant was deleted meanwhile: nobody counts its calls any more.
            del self._counts[tenant, name, day]
        count.new = 0

    def _write(self) -> None:
        while not self._over:
            self._wake.wait()
            self._wake.clear()
            time.sleep(self._every)
            self.flush()
