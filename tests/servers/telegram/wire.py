"""One TCP connection: framing, key exchange and encryption, from the server's side.

Bytes in and TL objects out, and back: what a request means is in dispatch.py. Three transports: full, abridged and
intermediate. (https://core.telegram.org/mtproto/description, …/mtproto/auth_key)
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from telethon import functions, helpers, types
from telethon.crypto import AES, AuthKey
from telethon.crypto.rsa import get_byte_array
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState

from tests.servers.telegram.password import GENERATOR, PRIME, Challenge

if TYPE_CHECKING:
    from tests.servers.telegram.model import User
    from tests.servers.telegram.server import TelegramServer

_PQ = 1229739323 * 1402015859
# One exponent for the whole run, and a short one: a test server has nothing to hide, and a new key takes 5 ms then.
_OWN_EXPONENT = int.from_bytes(os.urandom(32), "big")
_OWN_PUBLIC = pow(GENERATOR, _OWN_EXPONENT, PRIME)


@dataclass(eq=False)
class Key:
    """An authorization key: of which data centre, and who has signed in with it."""

    auth: AuthKey
    dc: int
    user: User | None = None
    waiting: bool = False
    """The password is still to come."""
    ticket_of: int | None = None
    """Signed in with a ticket of this session at another data centre, to read files: it hears of no updates."""
    challenge: Challenge | None = None
    scanned: User | None = None
    """Who has accepted the key's QR code, until the client asks what became of it."""
    lost: tuple[int, str] | None = None
    """What calls get since the authority was lost."""

    @property
    def session(self) -> int:
        """The session's number: access hashes that one session was told are refused in any other."""
        return self.auth.key_id if self.ticket_of is None else self.ticket_of

    @property
    def signed_in(self) -> User | None:
        """The user of the key, once signed in entirely."""
        return None if self.waiting else self.user


@dataclass
class _Exchange:
    """What a key exchange has agreed on so far."""

    nonce: int = 0
    server_nonce: int = 0
    new_nonce: int = 0
    cipher: tuple[bytes, bytes] = field(default=(b"", b""))


class Connection:
    """A client's connection to the data centre `dc`; each request in it goes to `receive`."""

    def __init__(
        self,
        server: TelegramServer,
        dc: int,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        receive: Callable[[Connection, int, Any], None],
    ) -> None:
        self.dc = dc
        self.key: Key | None = None
        self.session_id = 0
        self.updates = True
        """Whether the client wants to hear of updates."""
        self.last_used = time.monotonic()
        self._server = server
        self._reader, self._writer = streams
        self._receive = receive
        self._mode: Literal["", "full", "abridged", "intermediate"] = ""
        self._first_length = 0
        self._packets = 0
        self._messages = 0
        self._last_id = 0
        self._exchange = _Exchange()

    @property
    def user(self) -> User | None:
        """Who has signed in here."""
        return self.key.signed_in if self.key else None

    @property
    def listens(self) -> bool:
        """Whether updates are to be sent here."""
        return self.updates and self.key is not None and self.key.ticket_of is None

    @property
    def closing(self) -> bool:
        """Whether the connection is over."""
        return self._writer.transport.is_closing()

    def abort(self) -> None:
        """Break the connection at once."""
        self._writer.transport.abort()

    async def serve(self) -> None:
        """Read packets until the client is gone."""
        try:
            await self._read_mode()
            while True:
                packet = await self._read_packet()
                if self._server.mute:
                    continue
                if packet[:8] == b"\0" * 8:
                    self._exchange_keys(packet)
                else:
                    self._read_message(packet)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.abort()

    # Framing

    async def _read_mode(self) -> None:
        first = await self._reader.readexactly(1)
        if first == b"\xef":
            self._mode = "abridged"
            return
        first += await self._reader.readexactly(3)
        self._mode = "intermediate" if first == b"\xee" * 4 else "full"
        if self._mode == "full":
            self._first_length = struct.unpack("<i", first)[0]

    async def _read_packet(self) -> bytes:
        if self._mode == "full":
            length, self._first_length = self._first_length, 0
            if not length:
                length = struct.unpack("<i", await self._reader.readexactly(4))[0]
            return (await self._reader.readexactly(length - 4))[4:-4]
        if self._mode == "intermediate":
            return await self._reader.readexactly(struct.unpack("<i", await self._reader.readexactly(4))[0])
        words = (await self._reader.readexactly(1))[0]
        if words == 127:
            words = int.from_bytes(await self._reader.readexactly(3), "little")
        return await self._reader.readexactly(words * 4)

    def _write_packet(self, body: bytes) -> None:
        if self.closing:
            return
        if self._mode == "full":
            data = struct.pack("<ii", len(body) + 12, self._packets) + body
            self._packets += 1
            self._writer.write(data + struct.pack("<I", zlib.crc32(data)))
        elif self._mode == "intermediate":
            self._writer.write(struct.pack("<i", len(body)) + body)
        else:
            words = len(body) // 4
            head = bytes([words]) if words < 127 else b"\x7f" + words.to_bytes(3, "little")
            self._writer.write(head + body)

    def _message_id(self, *, reply: bool) -> int:
        now = time.time() + self._server.clock_ahead
        wanted = (int(now) << 32) | (int((now % 1) * 2**30) << 2)
        self._last_id = max(wanted, (self._last_id & ~3) + 4)
        return self._last_id | (1 if reply else 3)

    # Key exchange

    def _exchange_keys(self, packet: bytes) -> None:
        with BinaryReader(packet[20:]) as reader:
            request = reader.tgread_object()
        if isinstance(request, functions.ReqPqMultiRequest | functions.ReqPqRequest):
            answer = self._offer(request)
        elif isinstance(request, functions.ReqDHParamsRequest):
            answer = self._send_parameters(request)
        else:
            answer = self._agree(request)
        body = bytes(answer)
        self._write_packet(struct.pack("<qqi", 0, self._message_id(reply=True), len(body)) + body)

    def _offer(self, request: Any) -> Any:
        self._exchange = _Exchange(request.nonce, int.from_bytes(os.urandom(16), "little", signed=True))
        pq = get_byte_array(_PQ)
        return types.ResPQ(request.nonce, self._exchange.server_nonce, pq, [self._server.rsa.fingerprint])

    def _send_parameters(self, request: Any) -> Any:
        # Telethon sends sha1 + data + padding (not RSA_PAD): a raw RSA decryption is enough.
        raw = self._server.rsa.decrypt(request.encrypted_data)[1:]
        with BinaryReader(raw[20:]) as reader:
            inner = reader.tgread_object()
        agreed = self._exchange
        agreed.new_nonce = inner.new_nonce
        agreed.cipher = helpers.generate_key_data_from_nonce(agreed.server_nonce, inner.new_nonce)
        own = types.ServerDHInnerData(
            agreed.nonce,
            agreed.server_nonce,
            GENERATOR,
            get_byte_array(PRIME),
            get_byte_array(_OWN_PUBLIC),
            int(time.time() + self._server.clock_ahead),
        )
        data = hashlib.sha1(bytes(own)).digest() + bytes(own)
        data += os.urandom(-len(data) % 16)
        return types.ServerDHParamsOk(agreed.nonce, agreed.server_nonce, AES.encrypt_ige(data, *agreed.cipher))

    def _agree(self, request: Any) -> Any:
        agreed = self._exchange
        with BinaryReader(AES.decrypt_ige(request.encrypted_data, *agreed.cipher)[20:]) as reader:
            inner = reader.tgread_object()
        shared = pow(int.from_bytes(inner.g_b, "big"), _OWN_EXPONENT, PRIME)
        # Always 256 bytes, as at Telegram: a client that strips leading zeros fails here and tries once more.
        key = Key(AuthKey(shared.to_bytes(256, "big")), self.dc)
        self._server.keys[key.auth.key_id] = key
        return types.DhGenOk(agreed.nonce, agreed.server_nonce, key.auth.calc_new_nonce_hash(agreed.new_nonce, 1))

    # Encrypted messages: MTProtoState from the other side

    def _read_message(self, packet: bytes) -> None:
        key = self._server.keys.get(struct.unpack("<Q", packet[:8])[0])
        if key is None or key.dc != self.dc:
            self._write_packet(struct.pack("<i", -404))
            return
        data = AES.decrypt_ige(packet[24:], *MTProtoState._calc_key(key.auth.key, packet[8:24], True))
        if hashlib.sha256(key.auth.key[88:120] + data).digest()[8:24] != packet[8:24]:
            raise ConnectionError("The message key does not fit.")
        _, session_id, message_id, _, length = struct.unpack("<qqqii", data[:32])
        self.key, self.session_id = key, session_id
        self._server.notice_use(self)
        with BinaryReader(data[32 : 32 + length]) as reader:
            request = reader.tgread_object()
        self._receive(self, message_id, request)

    def send(self, body: bytes, *, reply: bool = True) -> None:
        """Send serialised content: an answer, or (`reply` off) something that nobody asked for."""
        if self.closing or self.key is None:
            return
        message_id = self._message_id(reply=reply)
        data = struct.pack("<qqqii", 0, self.session_id, message_id, self._messages * 2 + 1, len(body)) + body
        self._messages += 1
        data += os.urandom(-(len(data) + 12) % 16 + 12)
        auth = self.key.auth
        message_key = hashlib.sha256(auth.key[96:128] + data).digest()[8:24]
        cipher = AES.encrypt_ige(data, *MTProtoState._calc_key(auth.key, message_key, False))
        self._write_packet(struct.pack("<Q", auth.key_id) + message_key + cipher)
