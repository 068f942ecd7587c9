"""A connected session: every call to Telegram goes through `Client.call`.

It alone decides how long to wait for an answer, what to repeat, which flood waits to sleep and which to raise, and what
each error means. What is asked belongs to its neighbours; who may use a session, and when, to the reader and the catalog.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr
from telethon import TelegramClient, errors
from telethon.crypto import rsa
from telethon.errors.rpcbaseerrors import ServerError, TimedOutError
from telethon.network import ConnectionTcpAbridged, ConnectionTcpFull, ConnectionTcpIntermediate
from telethon.sessions import StringSession
from telethon.tl import TLRequest

from tgstudio_dagster import __version__
from tgstudio_dagster.errors import (
    AuthorityLostError,
    ChannelLostError,
    FloodError,
    SettingsError,
    TelegramError,
    UnreachableError,
)
from tgstudio_dagster.settings import TelegramSettings

_LOG = logging.getLogger(__name__)
_TRANSPORTS = {
    "full": ConnectionTcpFull,
    "abridged": ConnectionTcpAbridged,
    "intermediate": ConnectionTcpIntermediate,
}
_SLEEPS = 10
"""Flood waits slept in a row for one call before it is given up: a server that always says 5 s would hold a run forever."""
_FLOODS = (errors.FloodWaitError, errors.FloodPremiumWaitError, errors.SlowModeWaitError)
_PASSING = (ServerError, TimedOutError, ConnectionError, OSError, TimeoutError, asyncio.IncompleteReadError)
_BANNED = (errors.UserDeactivatedError, errors.UserDeactivatedBanError, errors.PhoneNumberBannedError)
_EXPIRED = (
    errors.AuthKeyUnregisteredError,
    errors.AuthKeyDuplicatedError,
    errors.AuthKeyInvalidError,
    errors.SessionRevokedError,
    errors.SessionExpiredError,
)
_CHANNEL_LOST = (
    errors.ChannelPrivateError,
    errors.ChannelInvalidError,
    errors.ChannelBannedError,
    errors.ChatForbiddenError,
    errors.ChatIdInvalidError,
    errors.PeerIdInvalidError,
    errors.UserBannedInChannelError,
    errors.UsernameInvalidError,
    errors.UsernameNotOccupiedError,
    errors.InviteHashEmptyError,
    errors.InviteHashExpiredError,
    errors.InviteHashInvalidError,
)


@dataclass(frozen=True)
class Wait:
    """A wait that is slept now: the method, until when, and whether Telegram asked for it (else: our own pace)."""

    method: str
    until: datetime
    flood: bool


class Waits(Protocol):
    """Until when methods of one account must not be called; kept where other runs see it (`catalog/waits.py`)."""

    def not_before(self, method: str) -> datetime | None:
        """When the method may be called again; None: at once."""

    def hold(self, method: str, until: datetime, flood_seconds: int | None) -> None:
        """Don't call the method before `until`; `flood_seconds` is what Telegram asked for, None for our own pace."""


class Unkept:
    """Waits of a session that is no account yet: kept as long as the process."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def not_before(self, method: str) -> datetime | None:
        """When the method may be called again."""
        return self._until.get(method)

    def hold(self, method: str, until: datetime, flood_seconds: int | None) -> None:
        """Keep the later of the two."""
        self._until[method] = max(until, self._until.get(method, until))


class Client:
    """One connected session. Made by `connected`."""

    def __init__(
        self, raw: TelegramClient, settings: TelegramSettings, waits: Waits, on_wait: Callable[[Wait], None]
    ) -> None:
        self.raw = raw
        self.settings = settings
        self._waits = waits
        self._on_wait = on_wait
        self._until: dict[str, datetime | None] = {}
        self._last_page = 0.0
        self._page_turn = asyncio.Lock()
        self._reconnecting = asyncio.Lock()
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

    async def call(self, request: TLRequest, *, raising: tuple[type[Exception], ...] = (), paged: bool = False) -> Any:
        """Telegram's answer. `raising` are errors of telethon that the caller handles; `paged` keeps the pace of pages.

        Raises FloodError for a wait that is too long to sleep, UnreachableError when it can't be had now, AuthorityLostError,
        ChannelLostError, and TelegramError for any other refusal.
        """
        method = method_name(request)
        slept = attempt = 0
        while True:
            await self._wait_turn(method)
            if paged:
                await self._turn_page()
            try:
                return await asyncio.wait_for(self.raw(request), self.settings.request_seconds)
            except raising:
                raise
            except _FLOODS as error:
                slept += 1
                self._hold(method, int(error.seconds), give_up=slept > _SLEEPS)
            except _PASSING as error:
                attempt += 1
                if attempt > self.settings.retries:
                    raise UnreachableError(_unreachable(method, error)) from error
                _LOG.info("%s: %s; asking again", method, _kind(error))
                await asyncio.sleep(self.settings.retry_seconds * 2 ** (attempt - 1))
                await self._reconnect(stale=isinstance(error, TimeoutError))
            except errors.RPCError as error:
                raise _meaning(error, method) from error
            except errors.TypeNotFoundError as error:
                raise TelegramError(f"{method}: the answer holds what this version of telethon can't read.") from error

    async def _wait_turn(self, method: str) -> None:
        """Sleep until the method may be called, in the open; then count this call against its pace."""
        if method not in self._until:
            self._until[method] = self._waits.not_before(method)
        until = self._until[method]
        now = datetime.now(UTC)
        if until is not None and until > now:
            seconds = (until - now).total_seconds()
            if seconds > self.settings.flood_sleep_seconds:
                raise FloodError(method, until)
            await self._sleep(Wait(method, until, flood=method not in self._pace), seconds)
        pace = self._pace.get(method)
        if pace is not None:
            self._until[method] = after = datetime.now(UTC) + timedelta(seconds=pace)
            self._waits.hold(method, after, None)

    async def _turn_page(self) -> None:
        async with self._page_turn:
            rest = self._last_page + self.settings.page_seconds - time.monotonic()
            if rest > 0:
                await asyncio.sleep(rest)
            self._last_page = time.monotonic()

    def _hold(self, method: str, seconds: int, *, give_up: bool) -> None:
        # A second more: Telegram counts in whole seconds and its clock is not ours.
        self._until[method] = until = datetime.now(UTC) + timedelta(seconds=seconds + 1)
        self._waits.hold(method, until, seconds)
        if give_up or seconds > self.settings.flood_sleep_seconds:
            raise FloodError(method, until)

    async def _sleep(self, wait: Wait, seconds: float) -> None:
        if wait.flood:
            _LOG.info("%s: waiting %.0f s, as Telegram asks", wait.method, seconds)
        self._on_wait(wait)
        await asyncio.sleep(seconds)

    async def _reconnect(self, *, stale: bool) -> None:
        """Connect again where the connection is gone, or (`stale`) no longer answers."""
        async with self._reconnecting:
            if stale:
                await _disconnect(self.raw)
            if not self.raw.is_connected():
                # A connection that can't be had is noticed by the call that follows, and counted there.
                with suppress(*_PASSING):
                    await asyncio.wait_for(self.raw.connect(), self.settings.connect_seconds)


@asynccontextmanager
async def connected(
    settings: TelegramSettings,
    session: SecretStr | None,
    *,
    waits: Waits | None = None,
    updates: bool = False,
    on_wait: Callable[[Wait], None] = lambda _: None,
) -> AsyncIterator[Client]:
    """A connected session, disconnected at the end; `session` None begins a new one, for pairing.

    Raises SettingsError where settings are missing, UnreachableError where Telegram can't be reached.
    """
    raw = _raw_client(settings, session, updates=updates)
    try:
        await _connect(raw, settings)
        yield Client(raw, settings, waits or Unkept(), on_wait)
    finally:
        await _disconnect(raw)


def method_name(request: TLRequest) -> str:
    """Telegram's name of a call, for example `messages.getHistory`."""
    kind = type(request)
    name = kind.__name__.removesuffix("Request")
    name = name[0].lower() + name[1:]
    module = kind.__module__.rsplit(".", 1)[-1]
    return name if module == "functions" else f"{module}.{name}"


def _raw_client(settings: TelegramSettings, session: SecretStr | None, *, updates: bool) -> TelegramClient:
    if settings.api_id is None or settings.api_hash is None:
        raise SettingsError(
            "TELEGRAM_API_ID and TELEGRAM_API_HASH: not set; make an application at my.telegram.org and set both."
        )
    store = StringSession(session.get_secret_value() if session else None)
    if settings.dc is not None:
        _use_data_centre(settings, store)
    return TelegramClient(
        store,
        settings.api_id,
        settings.api_hash.get_secret_value(),
        connection=_TRANSPORTS[settings.transport],
        proxy=_proxy(settings),
        timeout=settings.connect_seconds,
        # Repeats and waits are `call`'s: one owner, in the open.
        request_retries=1,
        connection_retries=1,
        retry_delay=0,
        flood_sleep_threshold=0,
        raise_last_call_error=True,
        receive_updates=updates,
        device_model=settings.device_name,
        system_version="-",
        app_version=__version__,
    )


def _use_data_centre(settings: TelegramSettings, store: StringSession) -> None:
    assert settings.dc is not None
    if settings.rsa_public_key_file is None:
        raise SettingsError("TELEGRAM_RSA_PUBLIC_KEY_FILE: not set; a data centre of TELEGRAM_DC has its own key.")
    try:
        pem = settings.rsa_public_key_file.read_text()
        rsa.add_key(pem, old=False)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"TELEGRAM_RSA_PUBLIC_KEY_FILE: {settings.rsa_public_key_file} can't be read as a PEM public key: {error}."
        ) from error
    if store.auth_key is None:
        number, host, port = settings.dc.split(":")
        store.set_dc(int(number), host, int(port))


def _proxy(settings: TelegramSettings) -> dict[str, Any] | None:
    if settings.proxy is None:
        return None
    if importlib.util.find_spec("python_socks") is None:
        # Telethon would only warn, and connect without the proxy.
        raise SettingsError("TELEGRAM_PROXY: needs the library python-socks; pip install 'tgstudio[proxy]'.")
    parts = urlsplit(settings.proxy.get_secret_value())
    if parts.scheme not in ("socks5", "socks4", "http") or not parts.hostname or not parts.port:
        raise SettingsError("TELEGRAM_PROXY: write socks5://user:password@host:port (or socks4, http).")
    return {
        "proxy_type": parts.scheme,
        "addr": parts.hostname,
        "port": parts.port,
        "username": parts.username,
        "password": parts.password,
        "rdns": True,
    }


async def _connect(raw: TelegramClient, settings: TelegramSettings) -> None:
    for attempt in range(settings.retries + 1):
        try:
            await asyncio.wait_for(raw.connect(), settings.connect_seconds)
            return
        except (*_PASSING, errors.AuthKeyNotFound) as error:
            # An unknown key may pass too: a data centre that is being moved says so.
            await _disconnect(raw)
            if attempt == settings.retries:
                raise UnreachableError(_unreachable("connect", error)) from error
            await asyncio.sleep(settings.retry_seconds * 2**attempt)
        except errors.RPCError as error:
            raise _meaning(error, "connect") from error


async def _disconnect(raw: TelegramClient) -> None:
    with suppress(*_PASSING):
        await asyncio.wait_for(raw.disconnect(), 5)


def _meaning(error: errors.RPCError, method: str) -> TelegramError:
    """What an error of Telegram means to the product."""
    code = str(error).partition(" (caused by")[0]
    if isinstance(error, _BANNED):
        return AuthorityLostError("banned", f"Telegram has closed this account ({code}). Its reading stops.")
    if isinstance(error, errors.AuthKeyDuplicatedError):
        return AuthorityLostError(
            "expired", f"The session was used in two places at once, so Telegram ended it ({code}). Pair it again."
        )
    if isinstance(error, _EXPIRED):
        return AuthorityLostError("expired", f"The session was ended on another device ({code}). Pair it again.")
    if isinstance(error, _CHANNEL_LOST):
        return ChannelLostError(f"This account can't see it ({code}).")
    return TelegramError(f"{method}: Telegram refused it: {code}.")


def _unreachable(method: str, error: Exception) -> str:
    return f"{method}: Telegram can't be reached now ({_kind(error)}). It is tried again; nothing is lost."


def _kind(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
