"""A connected session: every call to Telegram goes through `Client.call`.

It alone decides how long to wait for an answer, what to repeat, which flood waits to sleep and which to raise; what an
error means is said in meaning.py. What is asked belongs to its neighbours; who may use a session, and when, to the reader
and the catalog.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from pydantic import SecretStr
from telethon import TelegramClient, errors
from telethon.tl import TLRequest

from tgstudio_dagster.core.errors import FloodError, RefusedError
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.mtproto.meaning import (
    GARBAGE,
    MOVED,
    PASSING,
    NotTelegramError,
    cause_of,
    meaning,
    unreachable,
)
from tgstudio_dagster.telegram.mtproto.raw_client import raw_client

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)
_SLEEPS = 10
"""Flood waits slept in a row for one call before it is given up: a server that always says 5 s would hold a run forever."""
_FLOODS = (errors.FloodWaitError, errors.FloodPremiumWaitError, errors.SlowModeWaitError)
_CONNECT = "connect"


@dataclass(frozen=True)
class Wait:
    """A wait that is slept now: the method, until when, and whether Telegram asked for it (else: our own pace)."""

    method: str
    until: datetime
    flood: bool


class Waits(Protocol):
    """Until when methods of one account must not be called; kept where other runs see it (`catalog/accounts/waits.py`)."""

    async def not_before(self, method: str) -> datetime | None:
        """When the method may be called again; None: at once."""

    async def hold(self, method: str, until: datetime, flood_seconds: int | None) -> None:
        """Don't call the method before `until`; `flood_seconds` is what Telegram asked for, None for our own pace."""


class Unkept:
    """Waits of a session that is no account yet: kept as long as the process."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    async def not_before(self, method: str) -> datetime | None:
        """When the method may be called again."""
        return self._until.get(method)

    async def hold(self, method: str, until: datetime, flood_seconds: int | None) -> None:
        """Keep the later of the two."""
        self._until[method] = max(until, self._until.get(method, until))


class Client:
    """One connected session. Made by `connected`."""

    def __init__(
        self,
        raw: TelegramClient,
        settings: TelegramSettings,
        waits: Waits,
        on_wait: Callable[[Wait], None],
        check: Callable[[], None],
    ) -> None:
        self.raw = raw
        self.settings = settings
        self._waits = waits
        self._on_wait = on_wait
        self._check = check
        self._until: dict[str, datetime | None] = {}
        self._flooded: set[str] = set()
        self._last_page = 0.0
        self._page_turn = asyncio.Lock()
        self._reconnecting = asyncio.Lock()
        self._connections = 0
        self._pace = {
            "contacts.resolveUsername": 60 / settings.resolves_per_minute,
            "messages.getDialogs": 60 / settings.dialogs_per_minute,
            "channels.joinChannel": 60 / settings.joins_per_minute,
            "messages.importChatInvite": 60 / settings.joins_per_minute,
            "messages.checkChatInvite": 60 / settings.resolves_per_minute,
        }

    def session(self) -> SecretStr:
        """The session as it is now, for the vault."""
        return SecretStr(self.raw.session.save())

    async def call(
        self,
        request: TLRequest,
        *,
        raising: tuple[type[Exception], ...] = (),
        paged: bool = False,
        follows: bool = False,
    ) -> Any:
        """Telegram's answer. `raising` are errors of telethon that the caller handles; `paged` keeps the pace of pages.

        `follows`: the next page of one listing, which the pace of the method has counted already.
        Raises FloodError for a wait that is too long to sleep, UnreachableError when it can't be had now, AuthorityLostError,
        ChannelLostError, and TelegramError for any other refusal; and what `check` raises.
        """
        method = method_name(request)
        slept = attempt = 0
        while True:
            if not follows or method in self._flooded:
                await self._wait_turn(method)
            if paged:
                await self._turn_page()
            self._check()
            connection = self._connections
            try:
                async with asyncio.timeout(self.settings.request_seconds):
                    return await asked(self.raw(request))
            except raising:
                raise
            except _FLOODS as error:
                slept += 1
                await self._hold(method, int(error.seconds), give_up=slept > _SLEEPS)
            except (*PASSING, *MOVED) as error:
                attempt += 1
                if attempt > self.settings.retries:
                    raise unreachable(method, error) from error
                _LOG.info("%s: %s; asking again", method, cause_of(error))
                if isinstance(error, MOVED):
                    continue  # telethon has gone to the other data centre already
                await asyncio.sleep(self.settings.retry_seconds * 2 ** (attempt - 1))
                await self._reconnect(connection, stale=isinstance(error, TimeoutError))
            except errors.RPCError as error:
                raise meaning(error, method) from error
            except GARBAGE as error:
                raise RefusedError(f"{method}: Telegram's answer can't be read by this version.") from error

    async def connect(self) -> None:
        """Connect, as often as settings say. Raises as `call` does."""
        for attempt in range(self.settings.retries + 1):
            try:
                await self._open()
                return
            except PASSING as error:
                if attempt == self.settings.retries:
                    raise unreachable(_CONNECT, error) from error
                await asyncio.sleep(self.settings.retry_seconds * 2**attempt)

    async def _open(self) -> None:
        """Connect and greet the server, once; what is half done is undone, or it would pass for connected."""
        for slept in range(_SLEEPS + 1):
            await self._wait_turn(_CONNECT)
            try:
                try:
                    async with asyncio.timeout(self.settings.connect_seconds):
                        await asked(self.raw.connect())
                    return
                finally:
                    _hush(self.raw)
            except _FLOODS as error:
                await _disconnect(self.raw)
                await self._hold(_CONNECT, int(error.seconds), give_up=slept == _SLEEPS)
            except PASSING:
                await _disconnect(self.raw)
                raise
            except errors.RPCError as error:
                await _disconnect(self.raw)
                raise meaning(error, _CONNECT) from error
            except GARBAGE as error:
                await _disconnect(self.raw)
                raise NotTelegramError from error

    async def _wait_turn(self, method: str) -> None:
        """Sleep until the method may be called, in the open; then count this call against its pace."""
        if method not in self._until:
            kept = await self._waits.not_before(method)
            # Telegram may have asked another call of the method to wait meanwhile.
            self._until.setdefault(method, kept)
        # Looked at again after each sleep: another call may have taken the turn.
        while (until := self._until[method]) is not None and until > (now := datetime.now(UTC)):
            seconds = (until - now).total_seconds()
            if seconds > self.settings.flood_sleep_seconds:
                raise FloodError(method, until)
            flood = method in self._flooded or method not in self._pace
            await self._sleep(Wait(method, until, flood), seconds)
        pace = self._pace.get(method)
        if pace is not None:
            self._flooded.discard(method)
            self._until[method] = after = datetime.now(UTC) + timedelta(seconds=pace)
            await self._waits.hold(method, after, None)

    async def _turn_page(self) -> None:
        async with self._page_turn:
            rest = self._last_page + self.settings.page_seconds - time.monotonic()
            if rest > 0:
                await asyncio.sleep(rest)
            self._last_page = time.monotonic()

    async def _hold(self, method: str, seconds: int, *, give_up: bool) -> None:
        # A second more: Telegram counts in whole seconds and its clock is not ours.
        self._until[method] = until = datetime.now(UTC) + timedelta(seconds=seconds + 1)
        self._flooded.add(method)
        await self._waits.hold(method, until, seconds)
        if give_up or seconds > self.settings.flood_sleep_seconds:
            raise FloodError(method, until)

    async def _sleep(self, wait: Wait, seconds: float) -> None:
        if wait.flood:
            _LOG.info("%s: waiting %.0f s, as Telegram asks", wait.method, seconds)
        self._on_wait(wait)
        # The clock that sleeps is not the one that dates: a moment more, or a sliver of the wait is left.
        await asyncio.sleep(seconds + 0.01)

    async def _reconnect(self, connection: int, *, stale: bool) -> None:
        """Connect again where the connection is gone, or (`stale`) no longer answers.

        `connection` is the one that the call was made on: where another call has made a new one since, that one is used.
        """
        async with self._reconnecting:
            if stale and connection == self._connections:
                await _disconnect(self.raw)
            if not self.raw.is_connected():
                self._connections += 1
                # A connection that can't be had is noticed by the call that follows, and counted there.
                with suppress(*PASSING):
                    await self._open()


@asynccontextmanager
async def connected(
    settings: TelegramSettings,
    session: SecretStr | None,
    *,
    waits: Waits | None = None,
    updates: bool = False,
    on_wait: Callable[[Wait], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> AsyncIterator[Client]:
    """A connected session, disconnected at the end; `session` None begins a new one, for pairing.

    `check` is asked before each call, and raises where the session is another process's by now.
    Raises SettingsError where settings are missing, UnreachableError where Telegram can't be reached.
    """
    raw = raw_client(settings, session, updates=updates)
    try:
        client = Client(raw, settings, waits or Unkept(), on_wait, check)
        await client.connect()
        yield client
    finally:
        await _disconnect(raw)


def method_name(request: TLRequest) -> str:
    """Telegram's name of a call, for example `messages.getHistory`."""
    kind = type(request)
    name = kind.__name__.removesuffix("Request")
    name = name[0].lower() + name[1:]
    module = kind.__module__.rsplit(".", 1)[-1]
    return name if module == "functions" else f"{module}.{name}"


async def asked(answer: Awaitable[_T]) -> _T:
    """What telethon answers; a cancellation is raised where this task was cancelled, and only there.

    Raises ConnectionError where telethon has given the connection up.
    """
    task = asyncio.current_task()
    cancelled = task.cancelling() if task else 0
    try:
        found = await answer
    except asyncio.CancelledError:
        # Telethon cancels whatever waits on a connection that is given up; nobody has cancelled this task.
        if task is None or task.cancelling():
            raise
        raise ConnectionError("the connection was given up") from None
    if task is not None and task.cancelling() > cancelled:
        # `asyncio.wait_for` of Python 3.11, by which telethon connects, forgets one that comes as its answer does.
        raise asyncio.CancelledError
    return found


def _hush(raw: TelegramClient) -> None:
    """Let asyncio not complain of how a connection ends: the call that waits on it is told, and nobody else asks."""
    if isinstance(raw, TelegramClient):
        asyncio.ensure_future(raw.disconnected).add_done_callback(lambda end: end.cancelled() or end.exception())


async def _disconnect(raw: TelegramClient) -> None:
    with suppress(*PASSING):
        async with asyncio.timeout(5):
            await asked(raw.disconnect())
