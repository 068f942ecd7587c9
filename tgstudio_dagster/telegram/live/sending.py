"""Sending: a tenant posts a text where one of its accounts may write. Off unless the tenant has switched it on.

First a draft says what would be posted where, then it is posted, if confirmed, once per key. The call to Telegram is
`mtproto/sending.py`'s, the record `catalog/accounts/sends.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.accounts.accounts import TgAccount, get_account, list_accounts
from tgstudio_dagster.catalog.accounts.sends import Send, begin_send, finish_send
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.reading import cursor
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.core.errors import ConflictError, FloodError, NotFoundError, TelegramError, UnreachableError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.reading.references import ChannelId, parse_reference

if TYPE_CHECKING:
    from tgstudio_dagster.telegram.mtproto.peers import PeerKey


@dataclass(frozen=True)
class Draft:
    """What would be posted where, and as whom. `chat` is its title, `where` its @username or id."""

    account_id: str
    account: str
    peer: PeerKey
    chat: str
    kind: str
    username: str | None
    text: str
    reply_to: int | None

    @property
    def where(self) -> str:
        """How the chat is named to people."""
        return f"@{self.username}" if self.username else str(self.peer.channel_id)


@dataclass(frozen=True)
class Sent:
    """A message that was posted: now, or (`again`) before with the same key. No id where Telegram no longer tells it."""

    key: str
    msg_id: int | None
    url: str | None
    again: bool


async def draft(
    principal: Principal,
    *,
    catalog: Catalog,
    vault: Vault,
    settings: TelegramSettings,
    to: str,
    text: str,
    reply_to: int | None = None,
    account_id: str | None = None,
) -> Draft:
    """Find the chat that `to` names (@name, a link or an id), as the account sees it now; nothing is posted.

    Without `account_id` it is the tenant's only active account. Raises ConflictError where the tenant or the principal
    may not send, or the text is none that Telegram takes; NotFoundError or ConflictError for the account; SourceError
    for `to`; and what `Client.call` raises.
    """
    from tgstudio_dagster.telegram.accounts.session import Keys, open_session
    from tgstudio_dagster.telegram.mtproto.peers import PeerKey, resolve
    from tgstudio_dagster.telegram.mtproto.sending import check_text
    from tgstudio_dagster.telegram.reading.finding import Finder

    _check_may_send(catalog, principal)
    check_text(text)
    reference = parse_reference(to)
    account = _choose(catalog, principal, account_id)
    async with open_session(Keys(principal.tenant, catalog, vault, settings), account.id) as (client, _):
        if isinstance(reference, ChannelId):
            known = await catalog.ask(cursor, principal.tenant, account.id, reference.id)
            key = None if known.access_hash is None else PeerKey(reference.id, known.access_hash)
            peer = await Finder(client).by_id(reference, key)
        else:
            # A username is asked for each time: it may have moved to another chat since it was last seen.
            peer = await resolve(client, reference)
    return Draft(account.id, account.name, peer.key, peer.title, peer.kind, peer.username, text, reply_to)


async def send(
    principal: Principal,
    draft: Draft,
    *,
    key: str,
    confirmed: bool,
    catalog: Catalog,
    vault: Vault,
    settings: TelegramSettings,
) -> Sent:
    """Post the draft, once per `key`: the same key again gives the message that was posted.

    Raises ConflictError where it is not confirmed, may not be sent, or the key was used for another message;
    TelegramError where Telegram refuses it; UnreachableError where it may or may not have been posted: the same key
    again makes sure. AuthorityLostError marks the account.
    """
    from tgstudio_dagster.telegram.accounts.session import Keys, open_session
    from tgstudio_dagster.telegram.mtproto.sending import send as post

    _check_may_send(catalog, principal)
    if not confirmed:
        raise ConflictError(
            "a message is posted only when somebody has confirmed what is sent where.", field="confirmed"
        )
    chat = str(draft.peer.channel_id) if draft.reply_to is None else f"{draft.peer.channel_id}/{draft.reply_to}"
    row = begin_send(catalog, principal, key=key, account_id=draft.account_id, chat=chat, text=draft.text)
    if row.status == "sent":
        return _sent(draft, row, again=True)
    try:
        async with open_session(Keys(principal.tenant, catalog, vault, settings), draft.account_id) as (client, held):
            held.check()
            msg_id = await post(
                client,
                draft.peer,
                draft.text,
                reply_to=draft.reply_to,
                random_id=row.random_id,
                begun=row.created_at,
            )
    except UnreachableError as error:
        # It stays `sending`: what became of it is not known.
        raise UnreachableError(
            f"Telegram can't be reached now. Send it again with the key {key}: if it was posted already, it is not posted "
            "twice."
        ) from error
    except FloodError as error:
        text = f"Telegram lets this account post again at {error.until:%Y-%m-%d %H:%M:%S} UTC; send it then."
        finish_send(catalog, principal.tenant, key, status="failed", error=text)
        raise TelegramError(text) from error
    except TelegramError as error:
        finish_send(catalog, principal.tenant, key, status="failed", error=str(error))
        raise
    return _sent(draft, finish_send(catalog, principal.tenant, key, status="sent", msg_id=msg_id), again=False)


def _check_may_send(catalog: Catalog, principal: Principal) -> None:
    if not principal.may_edit:
        raise ConflictError("a viewer may read, not send; ask an editor or an owner of the tenant.", field="role")
    if not tenant_settings(catalog, principal.tenant).sending:
        raise ConflictError(
            f"off for tenant {principal.tenant!r}; "
            f"`tgstudio tenant settings {principal.tenant} --set sending=true` switches it on.",
            field="sending",
        )


def _choose(catalog: Catalog, principal: Principal, account_id: str | None) -> TgAccount:
    if account_id is not None:
        account = get_account(catalog, principal, account_id)
        if account.status != "active":
            raise ConflictError(
                f"{account_id} ({account.name}) is {account.status}; pair it again first.", field="account"
            )
        return account
    active = [account for account in list_accounts(catalog, principal) if account.status == "active"]
    if not active:
        raise NotFoundError(
            f"Tenant {principal.tenant!r} has no active account: `tgstudio login --tenant {principal.tenant}`."
        )
    if len(active) > 1:
        names = ", ".join(f"{account.id} ({account.name})" for account in active)
        raise ConflictError(f"say which one is to post: {names}.", field="account")
    return active[0]


def _sent(draft: Draft, row: Send, *, again: bool) -> Sent:
    place = draft.username or f"c/{draft.peer.channel_id}"
    url = None if row.msg_id is None else f"https://t.me/{place}/{row.msg_id}"
    return Sent(row.key, row.msg_id, url, again)
