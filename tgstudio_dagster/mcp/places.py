"""Places: how many calls of tools are at work at once, in all and of one tenant; the others wait without a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import anyio

from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import QuotaError

AT_ONCE = 64
"""Calls at work at once. Not the threads of the rest of the app: a call may wait for Telegram."""
OF_A_TENANT = 4
"""Those of one tenant: its slow statements hold up its own calls only."""
WAITING = 32
"""Calls of one tenant that wait."""
_AGAIN = timedelta(seconds=5)


@dataclass
class _Tenant:
    places: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(OF_A_TENANT))
    calls: int = 0


class Places:
    """Who is at work, by tenant. `threads` limits them all."""

    def __init__(self) -> None:
        self.threads = anyio.CapacityLimiter(AT_ONCE)
        self._tenants: dict[str, _Tenant] = {}

    @asynccontextmanager
    async def take(self, tenant: str) -> AsyncIterator[None]:
        """Hold a place of the tenant; waits for one. Raises QuotaError where too many of the tenant wait already."""
        own = self._tenants.setdefault(tenant, _Tenant())
        if own.calls >= OF_A_TENANT + WAITING:
            raise QuotaError(
                "at_once",
                utc_now() + _AGAIN,
                f"at_once: {WAITING} calls of your tenant wait already; call again when they are answered.",
            )
        own.calls += 1
        try:
            # Borrowed by an object of its own: a task may hold one place of a limiter only.
            async with _held(own.places):
                yield
        finally:
            own.calls -= 1
            if not own.calls:
                del self._tenants[tenant]


@asynccontextmanager
async def _held(places: anyio.CapacityLimiter) -> AsyncIterator[None]:
    borrower = object()
    await places.acquire_on_behalf_of(borrower)
    try:
        yield
    finally:
        places.release_on_behalf_of(borrower)
