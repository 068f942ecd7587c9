"""Landing: one channel's posts on their way from pages to the lake, batch by batch, each with its checkpoint.

The order is: land the posts, make sure that the session is still this run's, move the cursor. A kill between any two
repeats what was not landed (a batch, and what came while it was on its way), and landing a batch twice changes nothing.
What is asked of Telegram, and when, is the business of `history.py`, `observing.py` and `commenting.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Concatenate, ParamSpec, TypeVar

import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.reading import ChannelCursor, save_cursor
from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView
from tgstudio_dagster.catalog.leases import Lease
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.posts.filters import left_out
from tgstudio_dagster.posts.shape import Post, fold_albums, landing_frame
from tgstudio_dagster.telegram.accounts.session import Keys
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.messages import Page
from tgstudio_dagster.telegram.reading.read_report import ChannelReport, Kind, ReadEvent, ReadReport
from tgstudio_dagster.telegram.sources.source import Span
from tgstudio_dagster.telegram.sources.telethon_message import Messages, posts_of

_P = ParamSpec("_P")
_T = TypeVar("_T")
SOURCE = "telegram"
_LARGEST = 4
"""How many times a batch may outgrow its size while the one before it is still on its way to a slow lake."""


@dataclass
class AccountReading:
    """A reading by one account: its connected session and the lease on it, and what all of its channels share.

    `known` are the tenant's posts that may be observed again (known_posts.py), `seen` its channels by id.
    """

    keys: Keys
    account_id: str
    client: Client
    held: Lease
    lake: TenantLake
    filters: Filters
    first_day: date
    now: Callable[[], datetime]
    deadline: datetime
    known: pl.DataFrame
    seen: dict[int, ChannelSeen]
    report: ReadReport
    tell: Callable[[ReadEvent], None]
    enough: Callable[[], bool] = lambda: False

    def over(self) -> bool:
        """Whether the reading's time is over, or another process waits for the session; then there is more to read."""
        over = self.held.wanted or self.now() >= self.deadline or self.enough()
        self.report.more = self.report.more or over
        return over

    async def ask(
        self, function: Callable[Concatenate[Catalog, str, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """What `function(catalog, tenant, …)` returns or raises; the loop goes on meanwhile."""
        return await self.keys.catalog.ask(function, self.keys.tenant, *args, **kwargs)


class Landing:
    """One channel's way to the lake; `cursor` is how far it has been read, batches on their way included."""

    def __init__(
        self, reading: AccountReading, subscription: SubscriptionView, cursor: ChannelCursor, report: ChannelReport
    ) -> None:
        self.reading = reading
        self.subscription = subscription
        self.cursor = cursor
        self.report = report
        seen = reading.seen.values()
        self._messages = Messages(
            Span(reading.first_day, reading.now()),
            usernames={one.channel_id: one.username for one in seen if one.username},
            titles={one.channel_id: one.title for one in seen},
        )
        self.threads: dict[int, int] = {}
        """The newest comment of each post that came in this reading, where comments are wanted and Telegram tells."""
        self._storing: asyncio.Task[None] | None = None

    def posts(self, page: Page, *, comment_on: int | None = None) -> list[Post]:
        """The posts of a page that came just now, in its order; with `comment_on`, as comments of that post."""
        dropped: Counter[str] = Counter()
        target = None if comment_on is None else (self.cursor.channel_id, comment_on)
        made = posts_of(page, self._messages, self.reading.now(), comment_on=target, left_out=dropped)
        self.report.rejected += dropped.total()
        if comment_on is None and self.subscription.comments:
            replies = {message["id"]: message.get("replies") or {} for message in page.messages}
            self.threads.update({msg_id: one["max_id"] for msg_id, one in replies.items() if one.get("max_id")})
        return made

    def channel(self) -> ChannelSeen:
        """The channel as the newest page shows it."""
        return self._messages.seen(self.cursor.channel_id)

    def wants(self, waiting: int) -> bool:
        """Whether so many posts are a batch: waiting for the one before would only stop the reading."""
        size = self.reading.keys.settings.batch_messages
        busy = self._storing is not None and not self._storing.done()
        return waiting >= (_LARGEST * size if busy else size)

    async def put(self, posts: Sequence[Post], kind: Kind, cursor: ChannelCursor | None = None) -> None:
        """Land the posts and then move the cursor, while the caller goes on; one batch is on its way at a time.

        Raises what the batch before has met: LakeError, LeaseHeldError where another run has the session now.
        """
        await self.settle()
        if cursor is not None:
            self.cursor = cursor
        self._storing = asyncio.create_task(self._store(posts, kind, cursor))

    async def settle(self) -> None:
        """Wait until all that was put is landed; raises as `put` does."""
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing

    async def abandon(self) -> None:
        """Let the batch on its way go, whatever becomes of it: another error is on its way up."""
        storing, self._storing = self._storing, None
        if storing is not None:
            storing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await storing

    async def _store(self, posts: Sequence[Post], kind: Kind, cursor: ChannelCursor | None) -> None:
        reading, report = self.reading, self.report
        await self._remember({post.channel_id for post in posts})
        frame, refused = await asyncio.to_thread(_frame, posts, reading.filters)
        landed = await asyncio.to_thread(reading.lake.land, frame)
        reading.held.check()
        if cursor is not None:
            moved = replace(cursor, read_at=reading.now(), error=None)
            await reading.ask(save_cursor, reading.account_id, moved)
            report.gaps = cursor.gaps
        reading.report.days.update(landing.day for landing in landed)
        report.left_out += refused
        deleted = frame.filter(pl.col("type") == "deleted").height
        report.deleted += deleted
        setattr(report, kind, getattr(report, kind) + frame.height - deleted)
        if frame.height:
            reading.tell(ReadEvent(kind, reading.account_id, self.cursor.channel_id, frame.height))

    async def _remember(self, channel_ids: set[int]) -> None:
        """Write down titles and usernames that changed: of the channel, and of its discussion group."""
        seen = {one: self._messages.seen(one) for one in channel_ids}
        changed = [one for channel_id, one in seen.items() if self.reading.seen.get(channel_id) != one]
        if changed:
            await self.reading.ask(remember_channels, changed)
            self.reading.seen.update({one.channel_id: one for one in changed})


def _frame(posts: Sequence[Post], filters: Filters) -> tuple[pl.DataFrame, int]:
    """The landing rows that pass the filters, and how many do not."""
    observed: dict[tuple[int, int], int] = {}
    for post in posts:
        if post.grouped_id is not None:
            # Members of an album that came with two pages are one observation: the earlier.
            post.observed_at = observed.setdefault((post.channel_id, post.grouped_id), post.observed_at)
    frame = landing_frame(fold_albums(posts), SOURCE)
    kept = frame.filter(frame.select(left_out(filters))["reason"].is_null())
    return kept, frame.height - kept.height
