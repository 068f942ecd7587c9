"""Whether a tick may end at once because nothing waits, found without Dagster's instance and a run's resources.

Opening those for a tick costs more than all that the tick then asks (measured: 100 of 144 ms), and most ticks find
nothing. This looks at the same catalog and lake through connections that the code server's process keeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.waiting import tenant_slugs, work_waits
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake

LONGEST_QUIET = 60.0
"""Seconds after which a tick asks all its parts whatever is found here."""


@cache
def _opened() -> tuple[Catalog, Lake]:
    return Catalog.open(settings()), Lake.open(settings())


class Quiet:
    """Called in each tick: whether nothing waits. `cancelled` is how long ago a cancelled order may still have a run."""

    def __init__(
        self, cancelled: timedelta, opened: Callable[[], tuple[Catalog, Lake]] = _opened, longest: float = LONGEST_QUIET
    ) -> None:
        self._cancelled, self._opened, self._longest = cancelled, opened, longest
        self._tenants: frozenset[str] = frozenset()
        self._asked = -longest

    def __call__(self) -> bool:
        """True where no row and no landing waits, no tenant came or went, and the parts were asked lately."""
        catalog, lake = self._opened()
        tenants = tenant_slugs(catalog)
        quiet = (
            time.monotonic() - self._asked < self._longest
            and tenants == self._tenants
            and not work_waits(catalog, cancelled_since=datetime.now(UTC) - self._cancelled)
            and not lake.waiting_tenants()
        )
        if not quiet:
            self._tenants, self._asked = tenants, time.monotonic()
        return quiet
