"""Listing: the channels that an account has among its chats, or in one of its folders, as references to follow."""

from __future__ import annotations

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.follows.channels import remember_channels
from tgstudio_dagster.catalog.follows.reading import remember_peer
from tgstudio_dagster.core.errors import ConflictError
from tgstudio_dagster.telegram.accounts.session import Keys, open_session
from tgstudio_dagster.telegram.mtproto.peers import dialogs


async def list_dialogs(keys: Keys, *, folder: str | None = None, account_id: str | None = None) -> list[str]:
    """References (`@name`, else the id) of the account's channels; by default the first active account's.

    What opens them is remembered, so that following them asks Telegram for no name. Raises ConflictError where no account
    is active, NotFoundError for an unknown folder or account, and what `open_session` does.
    """
    accounts = await keys.catalog.ask(list_accounts, keys.tenant)
    active = (account.id for account in accounts if account.status == "active")
    account_id = account_id or next(active, None)
    if account_id is None:
        raise ConflictError(f"No active account to list channels with: `tgstudio login --tenant {keys.tenant}`.")
    async with open_session(keys, account_id) as (client, _):
        found = await dialogs(client, folder=folder)
    await keys.catalog.ask(remember_channels, keys.tenant, [peer.seen for peer in found])
    for peer in found:
        await keys.catalog.ask(remember_peer, keys.tenant, account_id, peer.key.channel_id, peer.key.access_hash)
    return [f"@{peer.username}" if peer.username else str(peer.key.channel_id) for peer in found]
