"""What Telegram is asked for while somebody waits: an account's chats, a message to be posted, a session's end.

Each takes the account's lease, as whoever uses a session does; a listener gives way. For threads, not for the event loop.
"""

from __future__ import annotations

import asyncio

from tgstudio_dagster.core.errors import ForbiddenError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings, telegram_settings
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.telegram.accounts.removal import Removal
from tgstudio_dagster.telegram.accounts.removal import remove_account as remove
from tgstudio_dagster.telegram.live.sending import Draft, Sent, draft, send

PATIENCE = 5
"""Seconds of a wait that are slept while somebody waits for the answer."""


def sync_chats(
    platform: Platform, principal: Principal, *, account_id: str | None = None, folder: str | None = None
) -> list[str]:
    """Ask an account (default: the first active one) for its channels, and keep what it says; returns their references.

    Raises ForbiddenError for a viewer, and what `telegram.listing.list_dialogs` does.
    """
    from tgstudio_dagster.telegram.accounts.session import Keys
    from tgstudio_dagster.telegram.reading.listing import list_dialogs

    if not principal.may_edit:
        raise ForbiddenError("a viewer may read, not ask Telegram for chats; ask an editor or an owner.", field="role")
    keys = Keys(principal.tenant, platform.catalog, platform.vault, _settings())
    return asyncio.run(list_dialogs(keys, folder=folder, account_id=account_id))


def post_message(
    platform: Platform,
    principal: Principal,
    *,
    to: str,
    text: str,
    reply_to: int | None = None,
    account_id: str | None = None,
    key: str,
    confirmed: bool,
) -> tuple[Draft, Sent | None]:
    """What would be posted where; and, where it is confirmed, the message that was posted, once per key.

    Raises what `telegram.sending` does.
    """

    catalog, vault, settings = platform.catalog, platform.vault, _settings()

    async def work() -> tuple[Draft, Sent | None]:
        made = await draft(
            principal, catalog=catalog, vault=vault, settings=settings, to=to, text=text, reply_to=reply_to,
            account_id=account_id,
        )  # fmt: skip
        if not confirmed:
            return made, None
        return made, await send(
            principal, made, key=key, confirmed=True, catalog=catalog, vault=vault, settings=settings
        )

    return asyncio.run(work())


def remove_account(platform: Platform, principal: Principal, account_id: str) -> Removal:
    """Log the account out and erase its session. Raises what `telegram.removal.remove_account` does."""
    return remove(
        platform.catalog,
        principal,
        account_id,
        open_vault=lambda: platform.vault,
        settings=_settings(),
    )


def _settings() -> TelegramSettings:
    """The settings, but no long wait that Telegram asks for is slept: who asks here is told until when it is."""
    known = telegram_settings()
    return known.model_copy(update={"flood_sleep_seconds": min(known.flood_sleep_seconds, PATIENCE)})
