"""The small Telegram as one object: its world, its keys and connections, and what can be done to them.

A server listens on one loopback port per data centre (1 to 5) in a thread of its own; every method may be called from
any thread. `dispatch.py` answers the calls.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telethon import TelegramClient
from telethon.crypto import AuthKey
from telethon.sessions import StringSession

from tests.servers.telegram import channels, files, login, reading, sending
from tests.servers.telegram.dispatch import Call, receive
from tests.servers.telegram.faults import ChaosKind, Fault, Faults
from tests.servers.telegram.loop import on_loop
from tests.servers.telegram.model import Channel, Event, Viewer
from tests.servers.telegram.render import message_object, updates_object
from tests.servers.telegram.rsa import RsaKey
from tests.servers.telegram.tl import access_hash, error_code, methods, tl_name
from tests.servers.telegram.wire import Connection, Key
from tests.servers.telegram.world import ChannelRef, UserRef, World
from tgstudio_dagster.core.settings import TelegramSettings

HANDLERS = (channels, files, login, reading, sending)
"""The rooms of the handlers: importing them registers what they answer."""

_HOME = 2
_CENTRES = (1, 2, 3, 4, 5)
_CHANCE = random.SystemRandom()  # hypothesis seeds the other one alike in all processes


@dataclass(frozen=True)
class Overlap:
    """One auth key was used on two live connections: the other one had been quiet for so many seconds."""

    at: float
    user_id: int | None
    quiet_seconds: float


class TelegramServer(World):
    """A small Telegram over MTProto; `key_file` keeps its RSA key between runs, `port` is that of data centre 2."""

    def __init__(self, *, rsa: RsaKey | None = None, port: int = 0) -> None:
        super().__init__()
        self.rsa = rsa or _session_rsa()
        self.code = "22222"
        self.code_seconds = 300.0
        self.qr_seconds = 30.0
        self.file_reference_seconds = 3600.0
        self.reference_generation = 1
        self.latency = 0.0
        """Seconds before each answer, as of a network."""
        self.clock_ahead = 0.0
        """Seconds that Telegram's clock is ahead of this machine's."""
        self.strays: list[tuple[Channel, int]] = []
        """Posts that are handed back among the comments of any post, though they are none."""
        self.mute = False
        """Connections are accepted, and nothing at all is answered."""
        self.ports: dict[int, int] = {_HOME: port}
        self.keys: dict[int, Key] = {}
        self.connections: set[Connection] = set()
        self.codes: dict[str, login.SentCode] = {}
        self.tokens: dict[bytes, login.QrToken] = {}
        self.tickets: dict[bytes, Viewer] = {}
        self.faults = Faults()
        self.overlaps: list[Overlap] = []
        self.unhandled: dict[str, int] = {}
        """Methods that clients called and the server does not know."""
        self.failures: list[Exception] = []
        """Mistakes of the server itself."""
        self._calls: list[Call] = []
        self._pairs: set[tuple[int, int]] = set()
        self._listeners: list[asyncio.Server] = []

    # Start and stop

    def start(self) -> TelegramServer:
        """Listen, and return the server; after `stop` once more, on the same ports, with the world as it was."""
        self.start_thread()
        self.run_coroutine(self._listen())
        # Telethon keeps the ports of the data centres per process: those of an earlier server are of no use.
        TelegramClient._config = None
        return self

    def stop(self) -> None:
        """Break all connections and end."""
        if self.loop is not None:
            self.run_coroutine(self._close())
            self.stop_thread()

    async def _listen(self) -> None:
        for dc in _CENTRES:
            listener = await self._listener(dc)
            self._listeners.append(listener)
            self.ports[dc] = listener.sockets[0].getsockname()[1]

    async def _listener(self, dc: int) -> asyncio.Server:
        """On the port it had; at first on one that the machine hands to nobody, or another may have it after a stop."""
        accept, mine = functools.partial(self._accept, dc), self.ports.get(dc)
        while True:
            try:
                return await asyncio.start_server(accept, "127.0.0.1", mine or _CHANCE.randrange(15_000, 32_000))
            except OSError:
                if mine:
                    raise

    async def _close(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self.connections):
            connection.abort()
        # One turn of the loop for each reader to see its end.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=1)

    async def _accept(self, dc: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, dc, (reader, writer), functools.partial(receive, self))
        self.connections.add(connection)
        try:
            await connection.serve()
        finally:
            self.connections.discard(connection)

    # How a client gets here

    @property
    def port(self) -> int:
        """Port of data centre 2."""
        return self.ports[_HOME]

    @property
    def dc(self) -> str:
        """TELEGRAM_DC of the server."""
        return f"{_HOME}:127.0.0.1:{self.port}"

    @property
    def public_key(self) -> str:
        """The server's RSA public key, PEM (PKCS#1)."""
        return self.rsa.public_pem

    def environment(self, folder: Path | str) -> dict[str, str]:
        """The TELEGRAM_* variables of a process that talks to this server, in a hurry; the public key goes to a file."""
        file = Path(folder) / "telegram_rsa_public.pem"
        file.write_text(self.public_key)
        return {
            "TELEGRAM_API_ID": "1",
            "TELEGRAM_API_HASH": "0123456789abcdef0123456789abcdef",
            "TELEGRAM_DC": self.dc,
            "TELEGRAM_RSA_PUBLIC_KEY_FILE": str(file),
            "TELEGRAM_PAGE_SECONDS": "0",
            "TELEGRAM_RETRY_SECONDS": "0.05",
            "TELEGRAM_RESOLVES_PER_MINUTE": "60000",
            "TELEGRAM_DIALOGS_PER_MINUTE": "60000",
            "TELEGRAM_JOINS_PER_MINUTE": "60000",
        }

    def settings(self, folder: Path, **changes: Any) -> TelegramSettings:
        """The same as settings, some of them changed."""
        return settings_of(self.environment(folder), **changes)

    @on_loop
    def session(self, user: UserRef, *, dc: int | None = None) -> str:
        """A StringSession that is signed in as the user already, at the user's data centre unless another is given."""
        one = self.user(user)
        home = dc or one.dc
        key = Key(AuthKey(os.urandom(256)), home, one)
        self.keys[key.auth.key_id] = key
        session = StringSession()
        session.set_dc(home, "127.0.0.1", self.ports[home])
        session.auth_key = key.auth
        return str(session.save())

    @on_loop
    def access_hash(self, channel: ChannelRef, user: UserRef) -> int:
        """What the user's newest session names the channel by; every session has another one."""
        mine = [key for key in self.keys.values() if key.user is self.user(user) and key.ticket_of is None]
        return access_hash("channel", self.channel(channel).id, mine[-1].session)

    # Login and authority

    @on_loop
    def accept_qr(self, url_or_token: str | bytes, user: UserRef) -> None:
        """Scan a QR code (`tg://login?token=…`, or the token) as the user; raises Refusal if it is unknown or old."""
        token = url_or_token
        if isinstance(token, str):
            text = token.rpartition("token=")[2]
            token = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        login.accept(self, token, self.user(user))

    @on_loop
    def move(self, user: UserRef, dc: int) -> None:
        """Let the user's account live in another data centre: logins are sent there."""
        self.user(user).dc = dc

    @on_loop
    def revoke(self, user: UserRef, error: str = "AUTH_KEY_UNREGISTERED") -> None:
        """End all sessions of the user, as "terminate sessions" does; `error` may be SESSION_REVOKED."""
        self._lose(user, (401, error))

    @on_loop
    def duplicate(self, user: UserRef) -> None:
        """Let Telegram find the user's keys in two places at once: they are void (AUTH_KEY_DUPLICATED)."""
        self._lose(user, (406, "AUTH_KEY_DUPLICATED"))

    @on_loop
    def deactivate(self, user: UserRef) -> None:
        """Ban the account."""
        self.user(user).deactivated = True

    @on_loop
    def forget_keys(self, user: UserRef) -> None:
        """Forget the user's keys, as a data centre may for a while: clients get AuthKeyNotFound."""
        for number in [number for number, key in self.keys.items() if key.user is self.user(user)]:
            del self.keys[number]

    def _lose(self, user: UserRef, lost: tuple[int, str]) -> None:
        for key in self.keys.values():
            if key.user is self.user(user):
                key.lost = lost

    @on_loop
    def expire_file_references(self) -> None:
        """Make all file references that were given so far old."""
        self.reference_generation += 1

    # Faults

    @on_loop
    def fail(
        self,
        method: str,
        error: str | None = None,
        *,
        code: int | None = None,
        times: int | None = 1,
        skip: int = 0,
        user: UserRef | None = None,
        delay: float = 0,
        drop: bool = False,
        silent: bool = False,
        after: bool = False,
    ) -> None:
        """Let the next calls of a method (its TL name; `*`: any) meet a fault.

        An error (its code is Telegram's own unless given), a delay in seconds before the answer,
        a drop of the connection instead of it (`after` the work is done, if asked for), or silence. `times` None: for
        good; the first `skip` calls are spared.
        """
        user_id = None if user is None else self.user(user).id
        chosen = code or (error_code(error) if error else 420)
        self.faults.add(Fault(methods(method), error, chosen, times, skip, user_id, delay, drop, silent, after))

    @on_loop
    def chaos(
        self,
        share: float,
        *,
        seed: int = 0,
        kinds: Sequence[ChaosKind] = (),
        spare: Sequence[str] = (),
        flood_seconds: Sequence[int] = (1,),
    ) -> None:
        """Let random faults befall that share of all calls but the spared methods; a share of 0 ends it.

        Kinds: flood, premium, drop, lost_answer (the work is done, then the connection breaks), error500, silent, delay;
        without any, all.
        """
        self.faults.set_chaos(share, seed, kinds, spare, flood_seconds)

    @on_loop
    def heal(self) -> None:
        """Forget all faults that are still to come."""
        self.faults.clear()

    @on_loop
    def drop_connections(self) -> None:
        """Break all connections."""
        for connection in list(self.connections):
            self.cut(connection)

    # What was seen

    @on_loop
    def calls(self, method: str | None = None, *, user: UserRef | None = None) -> list[Call]:
        """The calls so far, oldest first, of a method or a user if given."""
        names = {tl_name(kind) for kind in methods(method) or ()} if method else None
        user_id = None if user is None else self.user(user).id
        return [
            call
            for call in self._calls
            if (names is None or call.method in names) and (user_id is None or call.user_id == user_id)
        ]

    @on_loop
    def forget_calls(self) -> None:
        """Begin the list of calls anew."""
        self._calls.clear()

    # For the rooms of the server itself

    def record(self, call: Call) -> None:
        """Note a call."""
        self._calls.append(call)

    def cut(self, connection: Connection) -> None:
        """Break one connection; it counts as gone at once."""
        self.connections.discard(connection)
        connection.abort()

    def notice_use(self, connection: Connection) -> None:
        """Note that a connection's key is in use, and whether another live session uses the same one."""
        now = time.monotonic()
        for other in self.connections:
            if other.key is connection.key and other.session_id != connection.session_id and not other.closing:
                pair = (min(id(other), id(connection)), max(id(other), id(connection)))
                if pair not in self._pairs:
                    self._pairs.add(pair)
                    user = connection.user
                    self.overlaps.append(Overlap(time.time(), user.id if user else None, now - other.last_used))
        connection.last_used = now

    def announce(self, channel: Channel, event: Event) -> None:
        """Send the members who are connected and listen what happened in the channel."""
        for connection in list(self.connections):
            user, key = connection.user if connection.listens else None, connection.key
            if user is not None and key is not None and user.id in channel.members and not channel.banned:
                viewer = Viewer(user.id, key.session)
                connection.send(bytes(updates_object(self, channel, event, viewer)), reply=False)

    @on_loop
    def warm(self, channel: ChannelRef) -> None:
        """Serialise all messages of a channel now: the first reader is then no slower than the next (benchmarks)."""
        one = self.channel(channel)
        for message in one.messages.values():
            message_object(self, one, message, Viewer(next(iter(self.users), 0), 0))


def settings_of(environment: dict[str, str], **changes: Any) -> TelegramSettings:
    """The settings that the TELEGRAM_* variables stand for, some of them changed."""
    values: dict[str, Any] = {name.removeprefix("TELEGRAM_").lower(): value for name, value in environment.items()}
    return TelegramSettings(**(values | changes))


@functools.cache
def _session_rsa() -> RsaKey:
    """One key for all servers of a test run."""
    return RsaKey()
