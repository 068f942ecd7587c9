"""Turns at a session: a listener may hold one for hours, and gives way to whoever has something to do with it.

Who waits holds a second lease, the wish, until the session is theirs; a dead one's wish ends as every lease does. That one
process at a time uses a session is the lease's matter (catalog/leases.py), what is done in a turn the caller's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from tgstudio_dagster.catalog.accounts.accounts import session_lease
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import Lease, is_held, lease
from tgstudio_dagster.core.errors import LeaseHeldError

WAIT_SECONDS = 30.0
"""A listener has given way long before: it looks twice a second, and disconnecting takes 5 s at most."""
_POLL_SECONDS = 0.2


@asynccontextmanager
async def session_turn(catalog: Catalog, account_id: str, *, wait: float = WAIT_SECONDS) -> AsyncIterator[Lease]:
    """Hold the lease of the account's session while the block runs; a listener that holds it gives way at once.

    Raises LeaseHeldError, naming the holder, where another run or command still holds it after `wait` seconds.
    """
    give_up = time.monotonic() + wait
    with ExitStack() as turn:
        with ExitStack() as wish:
            await _take(wish, catalog, wish_lease(account_id), give_up)
            held = await _take(turn, catalog, session_lease(account_id), give_up)
        yield held


def wish_lease(account_id: str) -> str:
    """Name of the lease that says that the account's session is waited for."""
    return f"{session_lease(account_id)}/next"


def is_wanted(catalog: Catalog, account_id: str) -> bool:
    """Whether someone waits for the account's session: who only listens must give it back."""
    return is_held(catalog, wish_lease(account_id))


async def _take(stack: ExitStack, catalog: Catalog, name: str, give_up: float) -> Lease:
    # Waiting in `lease` itself would stop the loop, and a listener in the same loop could never give way.
    while True:
        try:
            return stack.enter_context(lease(catalog, name))
        except LeaseHeldError:
            if time.monotonic() >= give_up:
                raise
        await asyncio.sleep(_POLL_SECONDS)
