"""One channel of a reading: the steps it takes, the key it is opened with, and what is written down when one fails.

How a step reads is in `history.py`, `observing.py` and `commenting.py`; in which order, and for how long, in `reader.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Unpack

from tgstudio_dagster.catalog.follows.channels import remember_channels
from tgstudio_dagster.catalog.follows.reading import ChannelCursor, note_channel_error, remember_peer
from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionChanges, SubscriptionView, mark_subscription
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import (
    AuthorityLostError,
    ChannelLostError,
    FloodError,
    TelegramError,
    UnreachableError,
)
from tgstudio_dagster.telegram.mtproto import peers
from tgstudio_dagster.telegram.mtproto.peers import PeerKey
from tgstudio_dagster.telegram.reading import history, observing
from tgstudio_dagster.telegram.reading.commenting import read_comments
from tgstudio_dagster.telegram.reading.finding import Finder
from tgstudio_dagster.telegram.reading.landing import AccountReading, Landing
from tgstudio_dagster.telegram.reading.read_report import ChannelReport, ReadEvent

LOOK_EVERY = timedelta(days=1)
"""How often it is checked that the account still sees a channel, and how many members it has."""


class ChannelReader:
    """Reads one subscribed channel; `days` is the history that is asked for."""

    def __init__(
        self,
        reading: AccountReading,
        subscription: SubscriptionView,
        known: ChannelCursor,
        finder: Finder,
        days: DayRange | None,
    ) -> None:
        self._reading = reading
        self._subscription = subscription
        self._finder = finder
        self._days = days
        self._began = reading.now()
        self._hash = known.access_hash
        self._filled_from = subscription.filled_from
        self._filling: date | None = None
        self._had_error = bool(subscription.error or known.error)
        self.report = ChannelReport(subscription.channel_id, reading.account_id, gaps=known.gaps)
        self._landing = Landing(reading, subscription, known, self.report)

    @property
    def wants_comments(self) -> bool:
        """Whether there may be comments to read now; in a supergroup, replies are posts like any other."""
        asked = self._subscription.comments and self._subscription.kind != "supergroup"
        seen = self.report.landed + self.report.observed > 0 or self._days is not None
        return asked and seen and not self.report.lost

    async def attempt(self, step: Step) -> None:
        """Take a step; what goes wrong with this channel is written down, and the next one is read.

        Raises what concerns the whole account: AuthorityLostError, UnreachableError, and that the lease was lost.
        """
        if self.report.lost:
            return
        try:
            await self._landed(step)
        except FloodError as error:
            self._reading.report.wait(self._reading.account_id, error)
        except ChannelLostError as error:
            self.report.lost = True
            await self._failed(error, lost=True)
        except AuthorityLostError:
            raise
        except UnreachableError as error:
            await self._failed(error)
            raise
        except TelegramError as error:
            await self._failed(error)

    async def read_new(self) -> None:
        """Land what is new."""
        first = await history.read_new(self._landing, await self._key())
        await self._landing.settle()
        if first is not None:
            await self._write_filled(first)

    async def observe(self) -> None:
        """Observe again what is due."""
        await observing.observe(self._landing, await self._key())

    async def fill_gaps(self) -> None:
        """Fill what is missing."""
        self._filling = await history.fill_gaps(self._landing, await self._key(), self._days)
        if self._filling is not None and not self.wants_comments:
            await self._write_filled(self._filling)

    async def read_comments(self) -> None:
        """Land comments, where the subscription asks for them."""
        if not self.wants_comments:
            return
        key = await self._key()
        in_time = await read_comments(self._landing, key, since=self._began, days=self._days)
        if in_time and self._filling is not None:
            await self._write_filled(self._filling)

    async def look(self) -> None:
        """Once a day: see that the channel is still seen, and what it is called now."""
        now, checked = self._reading.now(), self._subscription.checked_at
        if checked is not None and now - checked < LOOK_EVERY:
            return
        peer = await peers.look(self._reading.client, await self._key())
        await self._reading.ask(remember_channels, [peer.seen])
        await self._mark(visibility=peer.visibility, members=peer.members, checked_at=now)

    async def done(self) -> None:
        """All steps were taken: an error of an earlier reading is over, one of this reading stands."""
        if self.report.lost:
            return
        if self.report.error is not None:
            await self._say(self.report.error)
        elif self._had_error:
            await self._say(None)

    async def _landed(self, step: Step) -> None:
        """Take the step, and see what it has read into the lake, also where it fails at Telegram half way."""
        try:
            await self._opened(step)
        except TelegramError:
            await self._landing.settle()
            raise
        except BaseException:
            await self._landing.abandon()
            raise
        await self._landing.settle()

    async def _opened(self, step: Step) -> None:
        """Take the step; where the key is refused, look for the channel anew and take it once more.

        A single refusal loses no channel: the key may be of a former session, or Telegram's answer a passing one.
        """
        try:
            await step(self)
        except ChannelLostError:
            if self._hash is None or not await self._seek():
                raise
            await step(self)

    async def _key(self) -> PeerKey:
        if self._hash is None and not await self._seek():
            raise ChannelLostError(
                "This account does not see the channel: neither by its username or invite nor among its dialogs. Join it "
                "with this account, or choose another."
            )
        assert self._hash is not None
        return PeerKey(self._subscription.channel_id, self._hash)

    async def _seek(self) -> bool:
        """Look for the channel again; whether the session has a key to it now."""
        key = await self._finder.find(self._subscription, refused=self._hash is not None)
        if key is None:
            return False
        self._hash = key.access_hash
        reading = self._reading
        await reading.ask(remember_peer, reading.account_id, key.channel_id, key.access_hash)
        return True

    async def _write_filled(self, first: date) -> None:
        """Move the watermark of history down to this day, where the days up to it are filled too."""
        before = self._filled_from or self._reading.now().date() + timedelta(days=1)
        if first >= before and self._filled_from is not None:
            return
        if self._days is not None and self._days.last < before - timedelta(days=1) and first < before:
            return
        self._filled_from = first
        await self._mark(filled_from=first)

    async def _failed(self, error: TelegramError, *, lost: bool = False) -> None:
        self.report.error = str(error)
        self._reading.tell(
            ReadEvent(
                "lost" if lost else "error",
                self._reading.account_id,
                self._subscription.channel_id,
                text=str(error),
                channel=self._subscription.title,
            )
        )
        await self._say(str(error), lost=lost)

    async def _say(self, error: str | None, *, lost: bool = False) -> None:
        reading = self._reading
        await reading.ask(note_channel_error, reading.account_id, self._subscription.channel_id, error)
        if lost:
            await self._mark(status="lost", error=error)
        else:
            await self._mark(error=error)

    async def _mark(self, **changes: Unpack[SubscriptionChanges]) -> None:
        await self._reading.ask(mark_subscription, self._subscription.channel_id, **changes)


Step = Callable[[ChannelReader], Awaitable[None]]
