"""Chats: the channels that accounts have, asking Telegram for them anew, and posting a message in one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from tgstudio_dagster.catalog.follows.channels import Channel, list_channels
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.settings import TelegramSettings, telegram_settings
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.posts.counting import NO_COMMENT
from tgstudio_dagster.services.scope import Service, does
from tgstudio_dagster.telegram.live import sending
from tgstudio_dagster.telegram.live.sending import Draft, Sent

__all__ = ["Chat", "Chats", "Draft", "ImportedChannel", "Sent", "patient_settings"]

PATIENCE = 5
"""Seconds of a wait that are slept while somebody waits for the answer."""


@dataclass(frozen=True)
class Chat:
    """A channel that an account or an import has shown. `followed` is its subscription's status, None without one."""

    channel_id: int
    username: str | None
    title: str
    kind: str
    seen_at: datetime
    followed: str | None


@dataclass(frozen=True)
class ImportedChannel:
    """A channel that nobody follows and that posts have come of, by an import; `first` and `last` are their days (UTC)."""

    channel_id: int
    username: str | None
    title: str
    posts: int
    first: date
    last: date


class Chats(Service):
    """The chats of the tenant. What asks Telegram takes the account's lease and is for threads, not for the event loop."""

    @does("chats.all")
    def all(self) -> list[Chat]:
        """All channels that the tenant has seen, by title."""
        return self._all()

    @does("chats.get")
    def get(self, named: str) -> Chat:
        """The channel of an id or a username. Raises NotFoundError for one that the tenant has not seen."""
        name = named.strip().removeprefix("@").lower()
        for chat in self._all():
            if name in (str(chat.channel_id), (chat.username or "").lower()):
                return chat
        raise NotFoundError(
            f"{named} is none that an account has shown. POST /v1/sync/chats asks Telegram anew.", field="chat"
        )

    @does("chats.imported")
    def imported(self) -> list[ImportedChannel]:
        """The channels whose posts came by imports only, by title."""
        unfollowed = {chat.channel_id: chat for chat in self._all() if chat.followed is None}
        if not unfollowed:
            return []
        lake, ids = self.scope.lake, sorted(unfollowed)

        def read() -> pl.DataFrame:
            where = [NO_COMMENT, pl.col("channel_id").is_in(ids)]
            posts = lake.read(MESSAGES, columns=["channel_id", "date", "comment_on"], where=where)
            day = pl.col("date").dt.date()
            return posts.group_by("channel_id").agg(posts=pl.len(), first=day.min(), last=day.max())

        counts = read_cache.frame(lake, "imported", f"{read_cache.stamp(lake, MESSAGES)} {ids}", read)
        rows = [
            ImportedChannel(
                username=unfollowed[row["channel_id"]].username, title=unfollowed[row["channel_id"]].title, **row
            )
            for row in counts.iter_rows(named=True)
        ]
        return sorted(rows, key=lambda row: (row.title, row.channel_id))

    @does("chats.sync")
    def sync(self, *, account_id: str | None = None, folder: str | None = None) -> list[str]:
        """Ask an account (default: the first active one) for its channels, and keep what it says; returns their references.

        Raises what `telegram.reading.listing.list_dialogs` does.
        """
        from tgstudio_dagster.telegram.accounts.session import Keys
        from tgstudio_dagster.telegram.reading.listing import list_dialogs

        keys = Keys(self.scope.principal.tenant, self.scope.catalog, self.scope.open_vault(), patient_settings())
        return asyncio.run(list_dialogs(keys, folder=folder, account_id=account_id))

    @does("chats.draft")
    def draft(self, *, to: str, text: str, reply_to: int | None = None, account_id: str | None = None) -> Draft:
        """What would be posted where, and as whom; nothing is posted. Raises what `telegram.live.sending.draft` does."""
        return asyncio.run(
            sending.draft(
                self.scope.principal,
                catalog=self.scope.catalog,
                vault=self.scope.open_vault(),
                settings=patient_settings(),
                to=to,
                text=text,
                reply_to=reply_to,
                account_id=account_id,
            )
        )

    @does("chats.send")
    def send(self, draft: Draft, *, key: str, confirmed: bool) -> Sent:
        """Post what was drafted, once per key. Raises what `telegram.live.sending.send` does."""
        return asyncio.run(
            sending.send(
                self.scope.principal,
                draft,
                key=key,
                confirmed=confirmed,
                catalog=self.scope.catalog,
                vault=self.scope.open_vault(),
                settings=patient_settings(),
            )
        )

    def _all(self) -> list[Chat]:
        followed = {row.channel_id: row.status for row in list_subscriptions(self.scope.catalog, self.scope.principal)}
        return [_chat(row, followed) for row in list_channels(self.scope.catalog, self.scope.tenant.slug)]


def patient_settings() -> TelegramSettings:
    """The settings, but no long wait that Telegram asks for is slept: who asks here is told until when it is."""
    known = telegram_settings()
    return known.model_copy(update={"flood_sleep_seconds": min(known.flood_sleep_seconds, PATIENCE)})


def _chat(row: Channel, followed: dict[int, str]) -> Chat:
    return Chat(row.channel_id, row.username, row.title, row.kind, row.seen_at, followed.get(row.channel_id))
