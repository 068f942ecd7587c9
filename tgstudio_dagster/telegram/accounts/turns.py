"""Turns at a session: the process that holds one gives way to another that has something short to do with it.

Who waits holds a second lease, the wish, until the session is theirs; a dead one's wish ends as every lease does. That one
process at a time uses a session is the lease's matter (catalog/leases.py), what is done in a turn the caller's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tgstudio_dagster.catalog.accounts.accounts import session_lease
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import Lease, held_lease, held_names
from tgstudio_dagster.core.errors import LeaseHeldError

WAIT_SECONDS = 30.0
"""A reader that only listens has given way long before: it looks every second, and disconnecting takes 5 s at most."""
_POLL_SECONDS = 0.2
_WISH = "/next"


@asynccontextmanager
async def session_turn(catalog: Catalog, account_id: str, *, wait: float = WAIT_SECONDS) -> AsyncIterator[Lease]:
    """Hold the lease of the account's session while the block runs; a reader that holds it gives way.

    Raises LeaseHeldError, naming the holder, where another process still holds it after `wait` seconds.
    """
    give_up = time.monotonic() + wait
    async with AsyncExitStack() as turn:
        async with AsyncExitStack() as wish:
            await _take(wish, catalog, wish_lease(account_id), give_up)
            held = await _take(turn, catalog, session_lease(account_id), give_up)
        yield held


def wish_lease(account_id: str) -> str:
    """Name of the lease that says that the account's session is waited for."""
    return f"{session_lease(account_id)}{_WISH}"


def wanted_sessions(catalog: Catalog) -> set[str]:
    """The accounts whose sessions somebody waits for: who holds one must give it back soon."""
    prefix = session_lease("")
    return {name.removeprefix(prefix).removesuffix(_WISH) for name in held_names(catalog, prefix, _WISH)}


async def _take(stack: AsyncExitStack, catalog: Catalog, name: str, give_up: float) -> Lease:
    while True:
        try:
            return await stack.enter_async_context(held_lease(catalog, name))
        except LeaseHeldError:
            if time.monotonic() >= give_up:
                raise
        await asyncio.sleep(_POLL_SECONDS)
