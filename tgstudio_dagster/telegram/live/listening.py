"""Listening: an account hears what happens in the channels it reads, so that they are read at once.

What is heard is a hint: reading and observing again say what became of a post, so nothing is lost where nobody listens.
Only channels that an account has joined are told by Telegram. Who listens shares the session with whoever reads in the
same process (`accounts/lines.py`), and gives way to another process that wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from tgstudio_dagster.catalog.accounts.accounts import get_account
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.incoming import note_heard
from tgstudio_dagster.catalog.follows.subscriptions import active_subscriptions
from tgstudio_dagster.core.errors import AuthorityLostError, FloodError, TGStudioError

if TYPE_CHECKING:
    from tgstudio_dagster.catalog.leases import Lease
    from tgstudio_dagster.telegram.accounts.session import Keys, OpenSession
    from tgstudio_dagster.telegram.mtproto.client import Client
    from tgstudio_dagster.telegram.mtproto.updates import Heard

_GATHER_SECONDS = 0.3
"""How long what was heard is gathered: an album comes as several posts."""
_CHECK_SECONDS = 15.0
"""How often it is made sure that the session is still this process's."""
_PAUSE_SECONDS = 1.0
"""Between giving way and asking for the session again."""
_AGAIN_SECONDS = 30.0
"""After an error that may pass; the adapter has tried several times before."""
Kind = Literal["listening", "giving way", "failed", "lost", "new", "edit", "delete"]


@dataclass(frozen=True)
class Notice:
    """What listening has to tell: a post that is new, edited or deleted, or what becomes of an account, by its id.

    `lost` is the account, or the `channel` where one is named.
    """

    kind: Kind
    tenant: str
    account_id: str
    channel: str | None = None
    msg_ids: tuple[int, ...] = ()
    detail: str | None = None


class Ear:
    """Listening with one account, term after term: from having its session to giving way.

    `hint` is called with the channels to be read at once, `report` with what happens. Posts that changed are noted in the
    catalog before, to be observed again whatever their age.
    """

    def __init__(
        self,
        keys: Keys,
        account_id: str,
        *,
        session: OpenSession,
        hint: Callable[[frozenset[int]], None],
        report: Callable[[Notice], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys, self._account_id, self._session = keys, account_id, session
        self._hint, self._report, self._now = hint, report, now
        self._pending: list[Heard] = []
        self._news = asyncio.Event()

    def nudge(self) -> None:
        """Look at once whether another process wants the session."""
        self._news.set()

    async def listen(self) -> None:
        """Until it is cancelled, or the session is lost, which is then written on the account."""
        while True:
            try:
                async with self._session(self._keys, self._account_id) as (client, held):
                    await self._term(client, held)
                await asyncio.sleep(_PAUSE_SECONDS)
            except AuthorityLostError as error:
                self._say("lost", detail=str(error))
                return
            except FloodError as error:
                self._say("failed", detail=str(error))
                await asyncio.sleep(max(0.0, (error.until - datetime.now(UTC)).total_seconds()))
            except TGStudioError as error:
                self._say("failed", detail=str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def say_lost(self) -> None:
        """Tell that the account can't be listened with any more, as the catalog says why; nothing where it was removed."""
        account = await self._keys.catalog.ask(get_account, self._keys.tenant, self._account_id)
        if account.status in ("expired", "banned"):
            self._say("lost", detail=account.error)

    async def _term(self, client: Client, held: Lease) -> None:
        """Hear until another process wants the session. Raises what the connection or the lease ends with."""
        if held.wanted:
            return
        hearing = asyncio.create_task(self._hear(client))
        self._say("listening")
        try:
            while not held.wanted and not hearing.done():
                held.check()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), _CHECK_SECONDS)
                self._news.clear()
                if self._pending:
                    await asyncio.sleep(_GATHER_SECONDS)
                    await self._tell()
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})
        await self._tell()
        if not hearing.cancelled():
            hearing.result()
        self._say("giving way")

    async def _hear(self, client: Client) -> None:
        from tgstudio_dagster.telegram.mtproto.updates import heard

        try:
            async for news in heard(client):
                self._pending.append(news)
                self._news.set()
        finally:
            self._news.set()

    async def _tell(self) -> None:
        heard, self._pending = self._pending, []
        if not heard:
            return
        titles = await self._keys.catalog.ask(_titles, self._keys.tenant, self._account_id)
        ours = [news for news in heard if news.channel_id in titles]
        for channel_id in {news.channel_id for news in ours if news.kind != "new"}:
            changed = {
                msg_id
                for news in ours
                if news.channel_id == channel_id and news.kind != "new"
                for msg_id in news.msg_ids
            }
            await self._keys.catalog.ask(note_heard, self._keys.tenant, channel_id, changed, now=self._now())
        if ours:
            self._hint(frozenset(news.channel_id for news in ours))
        for news in ours:
            self._say(news.kind, channel=titles[news.channel_id], msg_ids=news.msg_ids)

    def _say(
        self, kind: Kind, *, channel: str | None = None, msg_ids: tuple[int, ...] = (), detail: str | None = None
    ) -> None:
        self._report(Notice(kind, self._keys.tenant, self._account_id, channel, msg_ids, detail))


def _titles(catalog: Catalog, tenant: str, account_id: str) -> dict[int, str]:
    return {view.channel_id: view.title for view in active_subscriptions(catalog, tenant, account_id)}
