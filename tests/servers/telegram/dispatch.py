"""From a request to its handler and back: the registry of handlers, the log of calls, and faults on the way.

A handler is a plain function of (context, request) that returns a TL object, a truth value or a list, or raises Refusal.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telethon import functions, types
from telethon.extensions import BinaryReader
from telethon.tl import TLObject
from telethon.tl.core import GzipPacked, MessageContainer

from tests.servers.telegram.faults import Fault
from tests.servers.telegram.model import Channel, User, Viewer
from tests.servers.telegram.tl import Refusal, access_hash, serialise, tl_name
from tests.servers.telegram.wire import Connection, Key

if TYPE_CHECKING:
    from tests.servers.telegram.server import TelegramServer

_RPC_RESULT = 0xF35C6D01
_SERVICE = (types.MsgsAck, types.MsgsStateReq, types.MsgsStateInfo, types.MsgsAllInfo, functions.DestroySessionRequest)
_PINGS = (functions.PingRequest, functions.PingDelayDisconnectRequest)
_log = logging.getLogger(__name__)

Handler = Callable[["Context", Any], Any]
_handlers: dict[type, Handler] = {}
_public: set[type] = set()


@dataclass(frozen=True)
class Call:
    """One call that the server got: when (`time.time()`), from whom, and what."""

    at: float
    user_id: int | None
    method: str
    request: Any


@dataclass(frozen=True)
class Context:
    """Who asks, and where."""

    server: TelegramServer
    connection: Connection
    key: Key

    @property
    def user(self) -> User:
        """The user who asks; AUTH_KEY_UNREGISTERED if nobody has signed in."""
        user = self.key.signed_in
        if user is None:
            raise Refusal(401, "AUTH_KEY_UNREGISTERED")
        return user

    @property
    def me(self) -> int:
        """Id of the user who asks."""
        return self.user.id

    @property
    def viewer(self) -> Viewer:
        """The user who asks, in this session."""
        return Viewer(self.me, self.key.session)

    def channel(self, given: Any) -> Channel:
        """The channel that an InputPeerChannel or InputChannel means, if the user may see it."""
        channel = self.server.channels.get(getattr(given, "channel_id", 0))
        if (
            channel is None
            or channel.basic
            or given.access_hash != access_hash("channel", channel.id, self.key.session)
        ):
            raise Refusal(400, "CHANNEL_INVALID")
        if channel.banned:
            raise Refusal(400, channel.banned)
        if channel.private and self.me not in channel.members:
            raise Refusal(400, "CHANNEL_PRIVATE")
        return channel


def handles(*kinds: type, public: bool = False) -> Callable[[Handler], Handler]:
    """Register the handler of request classes; a public one answers those who have not signed in too."""

    def register(handler: Handler) -> Handler:
        for kind in kinds:
            _handlers[kind] = handler
            if public:
                _public.add(kind)
        return handler

    return register


def receive(server: TelegramServer, connection: Connection, message_id: int, content: Any) -> None:
    """Take what a client sent: a container, a ping, or a request, which is answered."""
    if isinstance(content, MessageContainer):
        for message in content.messages:
            receive(server, connection, message.msg_id, message.obj)
    elif isinstance(content, GzipPacked):
        with BinaryReader(content.data) as reader:
            receive(server, connection, message_id, reader.tgread_object())
    elif isinstance(content, _PINGS):
        connection.send(bytes(types.Pong(message_id, content.ping_id)))
    elif not isinstance(content, _SERVICE):
        _meet(server, connection, message_id, content)


def _meet(server: TelegramServer, connection: Connection, message_id: int, request: Any) -> None:
    while isinstance(getattr(request, "query", None), TLObject):
        connection.updates = connection.updates and not isinstance(request, functions.InvokeWithoutUpdatesRequest)
        request = request.query
    user = connection.user
    user_id = user.id if user else None
    server.record(Call(time.time(), user_id, tl_name(type(request)), request))
    fault = server.faults.strike(type(request), user_id)
    delay = server.latency + (fault.delay if fault else 0)
    if delay and server.loop is not None:
        server.loop.call_later(delay, _answer, server, connection, message_id, request, fault)
    else:
        _answer(server, connection, message_id, request, fault)


def _answer(server: TelegramServer, connection: Connection, message_id: int, request: Any, fault: Fault | None) -> None:
    if fault is not None and fault.drop and not fault.after:
        server.cut(connection)
        return
    if fault is not None and fault.silent:
        return
    body = _result(server, connection, request, fault)
    if fault is not None and fault.drop:
        server.cut(connection)
    else:
        connection.send(struct.pack("<Iq", _RPC_RESULT, message_id) + body)


def _result(server: TelegramServer, connection: Connection, request: Any, fault: Fault | None) -> bytes:
    assert connection.key is not None
    try:
        if fault is not None and fault.error:
            raise Refusal(fault.code, fault.error)
        _admit(connection.key, type(request))
        handler = _handlers.get(type(request))
        if handler is None:
            name = tl_name(type(request))
            server.unhandled[name] = server.unhandled.get(name, 0) + 1
            raise Refusal(400, "INPUT_METHOD_INVALID")
        return serialise(handler(Context(server, connection, connection.key), request))
    except Refusal as refusal:
        return bytes(types.RpcError(refusal.code, refusal.name))
    except Exception as error:  # noqa: BLE001 (a mistake of a handler must not end the connection)
        # The test learns of it from `failures`.
        _log.exception("%s failed", tl_name(type(request)))
        server.failures.append(error)
        return bytes(types.RpcError(500, "INTERNAL"))


def _admit(key: Key, kind: type) -> None:
    if key.lost and key.lost[1] == "AUTH_KEY_DUPLICATED":
        raise Refusal(*key.lost)
    if kind in _public:
        return
    if key.lost:
        raise Refusal(*key.lost)
    if key.signed_in is None:
        raise Refusal(401, "AUTH_KEY_UNREGISTERED")
    if key.signed_in.deactivated:
        raise Refusal(401, "USER_DEACTIVATED_BAN")
