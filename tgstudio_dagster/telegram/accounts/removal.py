"""Removing an account: its session is logged out at Telegram and its cipher erased.

What else goes with it (access hashes, subscriptions) stands in catalog/accounts/accounts.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from tgstudio_dagster.catalog.accounts.accounts import TgAccount, erase_account, get_account, session_of
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ConflictError,
    SettingsError,
    TelegramError,
    UnreachableError,
    VaultError,
)
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.turns import WAIT_SECONDS, session_turn
from tgstudio_dagster.telegram.mtproto.client import Client, connected
from tgstudio_dagster.telegram.mtproto.peers import log_out

_LEAVE_SECONDS = 20.0
"""Longest time for logging a session out: whoever waits for it is told to do it on the phone instead."""
_UNREACHABLE = "Telegram can't be reached now"
ON_THE_PHONE = "end it in Telegram: Settings > Devices"


@dataclass(frozen=True)
class Removal:
    """An account that was removed; `still_in` says why its session could not be logged out at Telegram, None: it was."""

    account: TgAccount
    still_in: str | None

    def __str__(self) -> str:
        done = f"Account {self.account.id} ({self.account.name}) is removed and its session erased"
        if self.still_in is None:
            return f"{done}; it is logged out at Telegram."
        return f"{done}. It could not be logged out at Telegram ({self.still_in}): {ON_THE_PHONE}."


def remove_account(
    catalog: Catalog,
    principal: Principal,
    account_id: str,
    *,
    open_vault: Callable[[], Vault],
    settings: TelegramSettings,
    wait: float = WAIT_SECONDS,
) -> Removal:
    """Log the account out at Telegram and erase its session; where it can't be logged out, the session goes all the same.

    Waits so many seconds for whoever uses the session; a listener gives way. Raises NotFoundError, ConflictError for a
    viewer or an account that was removed, LeaseHeldError where the session is still in use: nothing has changed then.
    """
    if not principal.may_edit:
        raise ConflictError("A viewer can't remove an account; ask an owner or editor of the tenant.")
    account = get_account(catalog, principal, account_id)
    if account.status == "removed":
        raise ConflictError(f"Account {account_id} ({account.name}) was removed already.")

    async def remove() -> Removal:
        async with session_turn(catalog, account_id, wait=wait):
            try:
                session = opened(catalog, principal.tenant, open_vault(), account_id)
            except SettingsError as error:
                session = str(error)
            still_in = session if isinstance(session, str) else await log_out_session(settings, session)
            return Removal(erase_account(catalog, principal, account_id), still_in)

    return asyncio.run(remove())


def opened(catalog: Catalog, tenant: str, vault: Vault, account_id: str) -> SecretStr | str:
    """The account's session, or why it can't be had."""
    try:
        return session_of(catalog, tenant, vault, account_id)
    except (VaultError, ConflictError) as error:
        return str(error)


async def log_out_session(settings: TelegramSettings, session: SecretStr) -> str | None:
    """Log a stored session out; why that failed, None where it is out."""
    try:
        async with asyncio.timeout(_LEAVE_SECONDS), connected(settings, session) as client:
            return await leave(client)
    except (TimeoutError, UnreachableError):
        return _UNREACHABLE
    except AuthorityLostError:
        return None  # ended already
    except (TelegramError, SettingsError) as error:
        return str(error)


async def leave(client: Client) -> str | None:
    """Log the client's session out; why that failed, None where it is out (or never was in)."""
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            await log_out(client)
    except (TimeoutError, UnreachableError):
        return _UNREACHABLE
    except TelegramError as error:
        return str(error)
    return None
