"""Files of messages: what Telegram has of them now, and their bytes, part by part.

References to files expire and are never kept: a message's id leads to a fresh one. What is wanted, and where it is
stored, is decided in `posts/attachments.py` and `telegram/files/downloads.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from telethon import TelegramClient, errors, functions, types
from telethon.tl import TLRequest

from tgstudio_dagster.core.errors import TelegramError
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.meaning import code_of
from tgstudio_dagster.telegram.mtproto.peers import PeerKey

PART = 512 * 1024
"""Bytes to one call: the most that upload.getFile gives (core.telegram.org/api/files)."""
AHEAD = 4
"""Parts of one file asked for at once."""
TOGETHER = 8
"""Parts asked for at once in a session: on a line of 1.2 Mbit/s their 4 MiB still come within `request_seconds`."""
THUMBNAIL_SIDE = 320
"""Longer side of a thumbnail, in pixels: Telegram's size `m` (core.telegram.org/api/files)."""
_TRIES = 3
_EXPIRED = (
    errors.FileReferenceExpiredError,
    errors.FileReferenceInvalidError,
    errors.FileReferenceEmptyError,
    errors.FilerefUpgradeNeededError,
)
_SIZED = (types.PhotoSize, types.PhotoSizeProgressive)


class Sink(Protocol):
    """Where a file's bytes go."""

    async def write(self, content: bytes, /) -> None:
        """Take the next bytes: all of them, also where the wait for it is cancelled."""


@dataclass(frozen=True)
class RemoteFile:
    """A file as Telegram has it now. `name` is made of Telegram's own id of it: the same name is the same bytes."""

    key: PeerKey
    msg_id: int
    name: str
    size: int
    dc: int
    location: types.InputPhotoFileLocation | types.InputDocumentFileLocation


@dataclass(frozen=True)
class Found:
    """A message's file (of a photo, its largest size), and the thumbnail that comes with it, if any."""

    file: RemoteFile
    thumbnail: RemoteFile | None


class Files:
    """The files of the channels that one session sees. Made once per session: it keeps who answers in each data centre."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._elsewhere: dict[int, _Elsewhere] = {}
        self._asking = asyncio.Semaphore(TOGETHER)

    async def find(self, key: PeerKey, ids: Sequence[int]) -> dict[int, Found]:
        """The files of at most 100 messages of a channel, by message id; a message without a file is left out.

        Raises as `Client.call` does.
        """
        channel = types.InputChannel(key.channel_id, key.access_hash)
        request = functions.channels.GetMessagesRequest(channel, [types.InputMessageID(number) for number in ids])
        answer = await self._client.call(request, paged=True)
        found = {message.id: _file_of(key, message) for message in answer.messages}
        return {number: files for number, files in found.items() if files is not None and number in ids}

    async def download(
        self, file: RemoteFile, sink: Sink, *, offset: int = 0, part: int = PART, ahead: int = AHEAD
    ) -> None:
        """Write the file's bytes from `offset` (a multiple of `part`) on into the sink, in order, part by part.

        Whatever happens, the sink holds whole parts, so that the download can go on where it broke off. An expired
        reference is renewed, and a file that lives in another data centre is fetched there. Raises TelegramError where
        the message has lost the file or the file is not as long as Telegram says, else as `Client.call` does.
        """
        tries = 0
        while offset < file.size:
            try:
                async with aclosing(self._parts(file, offset, part, ahead)) as parts:
                    async for content in parts:
                        await sink.write(content)
                        offset += len(content)
                        tries = 0
            except (*_EXPIRED, errors.FileMigrateError) as error:
                tries += 1
                if tries > _TRIES:
                    raise TelegramError(
                        f"upload.getFile: Telegram refused it {tries} times ({code_of(error)})."
                    ) from error
                if isinstance(error, errors.FileMigrateError):
                    file = replace(file, dc=error.new_dc)
                else:
                    file = await self._renewed(file)

    async def _parts(self, file: RemoteFile, offset: int, part: int, ahead: int) -> AsyncGenerator[bytes, None]:
        """The rest of the file in order; the next parts are on their way while one is used."""
        asked: deque[asyncio.Task[bytes]] = deque()
        try:
            while True:
                while offset < file.size and len(asked) < ahead:
                    asked.append(asyncio.create_task(self._part(file, offset, part)))
                    offset += part
                if not asked:
                    return
                yield await asked.popleft()
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _part(self, file: RemoteFile, offset: int, part: int) -> bytes:
        request = functions.upload.GetFileRequest(file.location, offset=offset, limit=part, cdn_supported=False)
        async with self._asking:
            answer = await self._centre(file.dc).call(request, raising=(*_EXPIRED, errors.FileMigrateError))
        if not isinstance(answer, types.upload.File):
            raise TelegramError(f"upload.getFile: answered with {type(answer).__name__}, which is not supported.")
        content: bytes = answer.bytes
        if len(content) != min(part, file.size - offset):
            raise TelegramError(
                f"upload.getFile: Telegram says {file.size} bytes, and sends {len(content)} of them from {offset} on."
            )
        return content

    async def _renewed(self, file: RemoteFile) -> RemoteFile:
        """The same file with a fresh reference."""
        found = (await self.find(file.key, [file.msg_id])).get(file.msg_id)
        for fresh in (found.file, found.thumbnail) if found else ():
            if fresh is not None and fresh.name == file.name:
                return replace(fresh, dc=file.dc)
        raise TelegramError(f"Message {file.msg_id} has another file now, or none.")

    def _centre(self, dc: int) -> Client:
        """Who answers for data centre `dc`."""
        if dc in (0, self._client.raw.session.dc_id):
            return self._client
        if dc not in self._elsewhere:
            self._elsewhere[dc] = _Elsewhere(self._client, dc)
        return self._elsewhere[dc]


def _file_of(key: PeerKey, message: Any) -> Found | None:
    media = getattr(message, "media", None)
    if isinstance(media, types.MessageMediaPhoto) and isinstance(media.photo, types.Photo):
        sizes = _sizes(media.photo.sizes)
        if not sizes:
            return None
        largest = max(sizes, key=_area)
        return Found(
            _remote(key, message.id, media.photo, largest),
            _thumbnail(key, message.id, media.photo, [size for size in sizes if _area(size) < _area(largest)]),
        )
    if isinstance(media, types.MessageMediaDocument) and isinstance(media.document, types.Document):
        document = media.document
        return Found(
            _remote(key, message.id, document, None), _thumbnail(key, message.id, document, _sizes(document.thumbs))
        )
    return None


def _remote(key: PeerKey, msg_id: int, medium: types.Photo | types.Document, size: Any | None) -> RemoteFile:
    photo = isinstance(medium, types.Photo)
    location = (types.InputPhotoFileLocation if photo else types.InputDocumentFileLocation)(
        medium.id, medium.access_hash, medium.file_reference, thumb_size=size.type if size else ""
    )
    name = f"{'photo' if photo else 'document'}-{medium.id}{f'-{size.type}' if size else ''}"
    return RemoteFile(key, msg_id, name, _bytes(size) if size else medium.size, medium.dc_id, location)


def _thumbnail(
    key: PeerKey, msg_id: int, medium: types.Photo | types.Document, sizes: Sequence[Any]
) -> RemoteFile | None:
    nearest = min(sizes, key=lambda size: abs(max(size.w, size.h) - THUMBNAIL_SIDE), default=None)
    return _remote(key, msg_id, medium, nearest) if nearest else None


def _sizes(sizes: Sequence[Any] | None) -> list[Any]:
    # The others are outlines and blurs of a few bytes, sent within the message.
    return [size for size in sizes or () if isinstance(size, _SIZED)]


def _area(size: Any) -> int:
    return int(size.w * size.h)


def _bytes(size: Any) -> int:
    return int(max(size.sizes) if isinstance(size, types.PhotoSizeProgressive) else size.size)


class _Elsewhere(Client):
    """The session in another data centre, on a connection of its own: the same waits, paces and repeats."""

    def __init__(self, home: Client, dc: int) -> None:
        super().__init__(home.raw, home.settings, home._waits, home._on_wait, home._check)
        self._until, self._flooded = home._until, home._flooded
        self._home, self._dc = home, dc
        self.raw = cast(TelegramClient, self._send)

    async def _send(self, request: TLRequest) -> Any:
        # Telethon signs in there. It is never given back: it would be closed between two files.
        sender = await self._home.raw._borrow_exported_sender(self._dc)
        return await self._home.raw._call(sender, request)

    async def _reconnect(self, connection: int, *, stale: bool) -> None:
        """Give a broken or silent connection up, so that the next call makes a new one; that needs the session's own."""
        async with self._reconnecting:
            _, sender = self._home.raw._borrowed_senders.get(self._dc, (None, None))
            if connection == self._connections and sender is not None and (stale or not sender.is_connected()):
                self._connections += 1
                del self._home.raw._borrowed_senders[self._dc]
                with suppress(OSError):
                    await asyncio.wait_for(sender.disconnect(), 5)
        await self._home._reconnect(self._home._connections, stale=False)
