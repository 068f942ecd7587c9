"""Lines: the sessions that a process has open, each shared by all that it does with the account.

Reading, fetching files and listening go over one connection: the first of them opens it, the last one ends it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from tgstudio_dagster.catalog.leases import Lease
from tgstudio_dagster.core.errors import AuthorityLostError, LeaseHeldError
from tgstudio_dagster.telegram.accounts.session import Keys, open_session
from tgstudio_dagster.telegram.accounts.turns import WAIT_SECONDS
from tgstudio_dagster.telegram.mtproto.client import Client, Wait


class Lines:
    """The open sessions of one process, by account."""

    def __init__(self, *, updates: bool = False) -> None:
        self._updates = updates
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)

    @asynccontextmanager
    async def open(
        self,
        keys: Keys,
        account_id: str,
        *,
        wait: float = WAIT_SECONDS,
        on_wait: Callable[[Wait], None] = lambda _: None,
    ) -> AsyncIterator[tuple[Client, Lease]]:
        """As `open_session`, over the connection that there is already, if there is one."""
        line = self._lines[account_id]
        opened = await line.enter(keys, account_id, wait=wait, updates=self._updates)
        line.on_wait.append(on_wait)
        try:
            yield opened
        except (AuthorityLostError, LeaseHeldError) as error:
            await line.drop(error)
            raise
        finally:
            line.on_wait.remove(on_wait)
            await line.leave()

    def count(self) -> int:
        """How many sessions are connected."""
        return sum(line.opened is not None for line in self._lines.values())

    def ask_back(self, account_ids: Iterable[str]) -> None:
        """Tell all that use these sessions that another process waits for them."""
        for account_id in account_ids:
            line = self._lines.get(account_id)
            if line is not None and line.opened is not None:
                line.opened[1].wanted = True


class _Line:
    """One account's session: connected as long as it has users."""

    def __init__(self) -> None:
        self.opened: tuple[Client, Lease] | None = None
        self.on_wait: list[Callable[[Wait], None]] = []
        self._users = 0
        self._stack = AsyncExitStack()
        self._turn = asyncio.Lock()

    async def enter(self, keys: Keys, account_id: str, *, wait: float, updates: bool) -> tuple[Client, Lease]:
        async with self._turn:
            if self.opened is None:
                session = open_session(keys, account_id, wait=wait, updates=updates, on_wait=self._tell)
                self.opened = await self._stack.enter_async_context(session)
            self._users += 1
            return self.opened

    async def leave(self) -> None:
        async with self._turn:
            self._users -= 1
            if self._users == 0 and self.opened is not None:
                self.opened = None
                await self._stack.aclose()

    async def drop(self, error: AuthorityLostError | LeaseHeldError) -> None:
        """End a session that is no longer this process's, whoever uses it; the next user opens it anew."""
        async with self._turn:
            if self.opened is None:
                return
            self.opened = None
            # The session sees the error as its own: what becomes of the account is written down there.
            await self._stack.__aexit__(type(error), error, error.__traceback__)

    def _tell(self, wait: Wait) -> None:
        for on_wait in self.on_wait:
            on_wait(wait)
