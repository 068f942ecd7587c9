"""An account's session, opened for one piece of work: leased, decrypted, connected, its waits kept in the catalog.

The one place where a stored session meets the network. What is done with it belongs to the reader, the downloads, the
listener and the sender.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tgstudio_dagster.catalog.accounts.accounts import mark_account, session_of
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.accounts.waits import AccountWaits
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import Lease
from tgstudio_dagster.core.errors import AuthorityLostError
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.turns import WAIT_SECONDS, session_turn
from tgstudio_dagster.telegram.mtproto.client import Client, Wait, connected


@dataclass(frozen=True)
class Keys:
    """What opens a tenant's sessions: the tenant, the catalog that holds them, the vault's keys, how Telegram is reached."""

    tenant: str
    catalog: Catalog
    vault: Vault
    settings: TelegramSettings


class OpenSession(Protocol):
    """How a piece of work gets a session: `open_session`, or `Lines.open` where a process shares its sessions."""

    def __call__(
        self, keys: Keys, account_id: str, *, wait: float = WAIT_SECONDS, on_wait: Callable[[Wait], None] = ...
    ) -> AbstractAsyncContextManager[tuple[Client, Lease]]:
        """The account's connected session and the lease on it, for as long as the block runs."""


class KeptWaits:
    """The waits of one account, kept in the catalog, where other processes see them."""

    def __init__(self, keys: Keys, account_id: str) -> None:
        self._catalog, self._waits = keys.catalog, AccountWaits(keys.catalog, keys.tenant, account_id)

    async def not_before(self, method: str) -> datetime | None:
        """When the method may be called again."""
        return await self._catalog.ask(lambda _: self._waits.not_before(method))

    async def hold(self, method: str, until: datetime, flood_seconds: int | None) -> None:
        """Don't call the method before `until`."""
        await self._catalog.ask(lambda _: self._waits.hold(method, until, flood_seconds))


@asynccontextmanager
async def open_session(
    keys: Keys,
    account_id: str,
    *,
    wait: float = WAIT_SECONDS,
    updates: bool = False,
    on_wait: Callable[[Wait], None] = lambda _: None,
) -> AsyncIterator[tuple[Client, Lease]]:
    """The account's connected session and the lease on it, for as long as the block runs.

    `wait` is how many seconds another holder is waited for; a reader that only listens gives way. Raises LeaseHeldError,
    VaultError, ConflictError for an account without a session, and UnreachableError; a call, LeaseHeldError where this
    process stood still for so long that another has the session now. An AuthorityLostError from within is
    written on the account and raised on.
    """
    async with session_turn(keys.catalog, account_id, wait=wait) as held:
        try:
            session = await keys.catalog.ask(session_of, keys.tenant, keys.vault, account_id)
            waits = KeptWaits(keys, account_id)
            async with connected(
                keys.settings, session, waits=waits, updates=updates, on_wait=on_wait, check=held.check
            ) as client:
                yield client, held
        except AuthorityLostError as error:
            await keys.catalog.ask(mark_account, keys.tenant, account_id, error.status, str(error))
            raise
