"""An account's session, opened for one piece of work: leased, decrypted, connected, its waits kept in the catalog.

The one place where a stored session meets the network. What is done with it belongs to the reader, the downloads, the
listener and the sender.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

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

    `wait` is how many seconds another holder is waited for; a listener gives way at once. Raises LeaseHeldError,
    VaultError, ConflictError for an account without a session, and UnreachableError; a call, LeaseHeldError where this
    process stood still for so long that another has the session now. An AuthorityLostError from within is
    written on the account and raised on.
    """
    async with session_turn(keys.catalog, account_id, wait=wait) as held:
        try:
            session = session_of(keys.catalog, keys.tenant, keys.vault, account_id)
            waits = AccountWaits(keys.catalog, keys.tenant, account_id)
            async with connected(
                keys.settings, session, waits=waits, updates=updates, on_wait=on_wait, check=held.check
            ) as client:
                yield client, held
        except AuthorityLostError as error:
            mark_account(keys.catalog, keys.tenant, account_id, error.status, str(error))
            raise
