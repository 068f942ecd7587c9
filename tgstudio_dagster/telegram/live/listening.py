"""Listening: a tenant's accounts hear what happens in the channels they read, and make the tenant due at once.

What is heard is a hint: reading and observing again say what became of a post, so nothing is lost where nobody listens.
Only channels that an account has joined are told by Telegram. A listener holds an account's session only as long as
nobody else wants it (turns.py): a run that reads always gets its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from tgstudio_dagster.catalog.accounts.accounts import (
    TgAccount,
    get_account,
    list_accounts,
    mark_account,
    session_lease,
    session_of,
)
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.accounts.waits import AccountWaits
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.incoming import note_heard
from tgstudio_dagster.catalog.follows.reading import wake
from tgstudio_dagster.catalog.follows.subscriptions import active_subscriptions
from tgstudio_dagster.catalog.leases import Lease, is_held, lease
from tgstudio_dagster.core.errors import AuthorityLostError, FloodError, LeaseHeldError, NotFoundError, TGStudioError
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.turns import is_wanted

if TYPE_CHECKING:
    from tgstudio_dagster.telegram.mtproto.client import Client
    from tgstudio_dagster.telegram.mtproto.updates import Heard

_TICK_SECONDS = 0.5
"""How long what was heard is gathered, and how soon a wish for the session is seen."""
_LOOK_SECONDS = 5.0
"""How soon a newly paired account is listened with."""
_AGAIN_SECONDS = 30.0
"""After an error that may pass; the adapter has tried several times before."""
_END_SECONDS = 8.0
"""How long accounts may take to disconnect by themselves at the end."""


@dataclass(frozen=True)
class Notice:
    """What listening has to tell: a post that is new, edited or deleted, or what becomes of an account."""

    kind: Literal["listening", "giving way", "failed", "lost", "new", "edit", "delete"]
    account: str
    channel: str | None = None
    msg_ids: tuple[int, ...] = ()
    detail: str | None = None


async def listen(
    tenant: str,
    *,
    catalog: Catalog,
    vault: Vault,
    settings: TelegramSettings,
    report: Callable[[Notice], None],
    stop: asyncio.Event,
) -> None:
    """Listen with every active account of the tenant, also with those paired later, until `stop` is set.

    An account's trouble is reported, and tried again; a session that is lost marks its account. Raises NotFoundError for
    an unknown tenant, and where no active account is left.
    """
    ears: dict[str, asyncio.Task[None]] = {}
    try:
        while not stop.is_set():
            for account in list_accounts(catalog, tenant):
                if account.status == "active" and account.id not in ears:
                    ear = _Ear(tenant, account, catalog, vault, settings, report, stop)
                    ears[account.id] = asyncio.create_task(ear.listen())
            if not ears:
                raise NotFoundError(
                    f"Tenant {tenant!r} has no active account to listen with: `tgstudio login --tenant {tenant}`."
                )
            await _pause(stop, _LOOK_SECONDS)
            for account_id in [name for name, ear in ears.items() if ear.done()]:
                ears.pop(account_id).result()
    finally:
        stop.set()
        if ears:
            _, late = await asyncio.wait(ears.values(), timeout=_END_SECONDS)
            for one in late:
                one.cancel()
            await asyncio.gather(*ears.values(), return_exceptions=True)


class _Ear:
    """Listening with one account, term after term: from taking its session to giving way."""

    def __init__(
        self,
        tenant: str,
        account: TgAccount,
        catalog: Catalog,
        vault: Vault,
        settings: TelegramSettings,
        report: Callable[[Notice], None],
        stop: asyncio.Event,
    ) -> None:
        self._tenant = tenant
        self._account = account
        self._catalog = catalog
        self._vault = vault
        self._settings = settings
        self._report = report
        self._stop = stop

    async def listen(self) -> None:
        """Until the account is no longer active, or listening is stopped."""
        name = session_lease(self._account.id)
        while not self._stop.is_set() and self._active():
            if self._wanted() or is_held(self._catalog, name):
                await _pause(self._stop, _TICK_SECONDS)
                continue
            try:
                with lease(self._catalog, name) as held:
                    await self._term(held)
            except LeaseHeldError:
                await _pause(self._stop, _TICK_SECONDS)
            except AuthorityLostError as error:
                mark_account(self._catalog, self._tenant, self._account.id, error.status, str(error))
                self._say("lost", detail=str(error))
            except FloodError as error:
                self._say("failed", detail=str(error))
                await _pause(self._stop, (error.until - datetime.now(UTC)).total_seconds())
            except TGStudioError as error:
                self._say("failed", detail=str(error))
                await _pause(self._stop, _AGAIN_SECONDS)

    async def _term(self, held: Lease) -> None:
        """Hear until somebody wants the session."""
        from tgstudio_dagster.telegram.mtproto.client import connected

        session = session_of(self._catalog, self._tenant, self._vault, self._account.id)
        waits = AccountWaits(self._catalog, self._tenant, self._account.id)
        pending: list[Heard] = []
        async with connected(self._settings, session, waits=waits, updates=True, check=held.check) as client:
            hearing = asyncio.create_task(_hear(client, pending))
            try:
                self._say("listening")
                while not (self._stop.is_set() or hearing.done() or self._wanted()):
                    held.check()
                    await asyncio.wait({hearing}, timeout=_TICK_SECONDS)
                    self._tell(pending)
            finally:
                hearing.cancel()
                await asyncio.wait({hearing})
            self._tell(pending)
            if not hearing.cancelled():
                hearing.result()
            if not self._stop.is_set():
                self._say("giving way")

    def _tell(self, pending: list[Heard]) -> None:
        """Make the tenant due for what was heard; posts that changed are observed again whatever their age."""
        if not pending:
            return
        titles = {
            one.channel_id: one.title for one in active_subscriptions(self._catalog, self._tenant, self._account.id)
        }
        hints = [hint for hint in pending if hint.channel_id in titles]
        pending.clear()
        if not hints:
            return
        now = datetime.now(UTC)
        for channel_id in titles:
            changed = {
                msg_id
                for hint in hints
                if hint.channel_id == channel_id and hint.kind != "new"
                for msg_id in hint.msg_ids
            }
            if changed:
                note_heard(self._catalog, self._tenant, channel_id, changed, now=now)
        wake(self._catalog, self._tenant, now=now)
        for hint in hints:
            self._say(hint.kind, channel=titles[hint.channel_id], msg_ids=hint.msg_ids)

    def _active(self) -> bool:
        return get_account(self._catalog, self._tenant, self._account.id).status == "active"

    def _wanted(self) -> bool:
        return is_wanted(self._catalog, self._account.id)

    def _say(
        self,
        kind: Literal["listening", "giving way", "failed", "lost", "new", "edit", "delete"],
        *,
        channel: str | None = None,
        msg_ids: tuple[int, ...] = (),
        detail: str | None = None,
    ) -> None:
        self._report(Notice(kind, self._account.name, channel, msg_ids, detail))


async def _hear(client: Client, pending: list[Heard]) -> None:
    from tgstudio_dagster.telegram.mtproto.updates import heard

    async for hint in heard(client):
        pending.append(hint)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, seconds))
