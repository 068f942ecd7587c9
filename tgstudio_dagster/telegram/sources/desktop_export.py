"""Telegram Desktop exports (`result.json`): one chat, or a whole account with many chats.

Reading that format belongs here; storing files, filters and checkpoints do not.

What an export holds and what it does not: dates come from `date_unixtime`; an export of before 2021 has local times
without a zone instead, which are taken to be of the zone given, and ids of another form (`desktop_ids.py`). There are no
views and no forwards (null), and no album ids: which messages are one is guessed in `desktop_albums.py`. Basic groups and
private chats are taken where the tenant says so, under ids and kinds of their own: message ids there belong to an account,
so an export of another account has others. A message
stands in the forum topic whose root it answers, directly or along the answers before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.posts.shape import Post, landing_frame
from tgstudio_dagster.telegram.sources.decoding import Bad, decode_elements, decode_skeleton
from tgstudio_dagster.telegram.sources.desktop_albums import fold_by_time, follows
from tgstudio_dagster.telegram.sources.desktop_ids import BASIC_GROUP, PRIVATE_CHAT, peer_id
from tgstudio_dagster.telegram.sources.desktop_message import ONE, RUN, Int64, Message, Reader
from tgstudio_dagster.telegram.sources.json_stream import Elements, Index
from tgstudio_dagster.telegram.sources.source import BATCH, Batch, Span, Stretch, media_files

NAME = "desktop_export"
NEWEST = re.compile(rb'_unixtime"\s*:\s*"?(\d{9,11})')
NEWEST_OLD = re.compile(rb'"(?:date|edited)"\s*:\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
NEITHER = "only channels and supergroups are imported (--chats all imports every chat)"
_TAKEN = {
    "public_channel": "channel",
    "private_channel": "channel",
    "public_supergroup": "supergroup",
    "private_supergroup": "supergroup",
}
# Read only where the tenant says so: their ids are of another kind, and what they hold is of a few people.
_OF_A_FEW = {
    "private_group": ("group", BASIC_GROUP),
    **dict.fromkeys(
        ("personal_chat", "bot_chat", "saved_messages", "verify_codes_chat", "replies", "replies_chat"),
        ("private", PRIVATE_CHAT),
    ),
}
_TITLE_WITHIN = 100
"""Messages that are looked at for the title of a channel whose chat has no name."""


class _Chat(msgspec.Struct):
    name: str | None = None
    type: str | None = None
    id: Int64 | str | None = None
    messages: list[int] | None = None


class _ChatList(msgspec.Struct):
    members: list[_Chat] = msgspec.field(default_factory=list, name="list")


class _Export(_Chat):
    chats: _ChatList | None = None
    left_chats: _ChatList | None = None


@dataclass
class DesktopExport:
    """An opened export: a `Source`. `usernames` and `titles` are those known by channel id; `channel` is the username of a
    one-chat export; `zone` that of local times; `old` says that the file is of before 2021 and has no others; `every_chat`
    that basic groups and private chats are read too.
    """

    path: Path
    index: Index
    span: Span
    usernames: Mapping[int, str]
    channel: str | None = None
    batch: int = BATCH
    titles: Mapping[int, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    old: bool = False
    every_chat: bool = False
    name: str = NAME

    def __post_init__(self) -> None:
        exports = [decode_skeleton(root, _Export) for root in self.index.roots]
        chats = [chat for export in exports for chat in _chats(export) if chat.messages]
        known = any(export.chats or export.left_chats or export.messages is not None for export in exports)
        # Desktop writes the chat's name and type before its messages, and has since its first version.
        stranger = chats == exports[:1] and bool(chats) and exports[0].type is None and exports[0].name is None
        if (not chats and not known) or (stranger and self._id_of(chats[0]) is None):
            keys = ", ".join(list(decode_skeleton(self.index.skeleton, dict))[:8]) or "nothing"
            raise SourceError(
                f"{self.path.name}: a JSON object with {keys}, of an unknown shape. Understood are a Telegram Desktop "
                "export in JSON (`messages`, or `chats` with a `list`) and dumps of Telethon messages."
            )
        if self.channel is not None and len(chats) > 1:
            raise SourceError(
                f"{self.path.name}: --channel names the username of a one-chat export, but here are {len(chats)} "
                "chats; leave it out, and choose chats by the tenant's filter `channels`."
            )
        self._chats = {number: chat for chat in chats for number in chat.messages or ()}
        if chats and chats == exports[:1] and self._id_of(chats[0]) is None:
            raise SourceError(
                f"{self.path.name}: the chat has no `id`; export it again with Telegram Desktop 2.0 or later"
                + (", the file breaks off before it." if self.index.broken_at is not None else ".")
            )

    @property
    def total(self) -> int:
        """Number of messages in the file."""
        return self.index.total

    def batches(self, position: int, state: str) -> Iterator[Batch]:  # noqa: ARG002
        """Batches from `position` on; one may span several chats, none cuts an album. `state` is not needed."""
        base = 0
        stretch, seen = Stretch(), dict[int, ChannelSeen]()
        with self.path.open("rb") as stream:
            for number, elements in enumerate(self.index.arrays):
                first, base = max(position - base, 0), base + len(elements)
                offset = base - len(elements)
                if first >= len(elements):
                    continue
                chat = self._chats.get(number)
                channel_id = self._id_of(chat)
                if chat and not chat.type and channel_id and self._title(channel_id, stream, elements):
                    chat.type = "private_channel"  # it posts under its own id
                complaint = _complaint(chat, channel_id, every_chat=self.every_chat)
                if chat is None or channel_id is None or complaint:
                    stretch.filtered[complaint] += len(elements) - first
                    stretch.read += len(elements) - first
                    continue
                channel = self._seen(chat, channel_id, stream, elements)
                reader = Reader(channel, self.span, zone=self.zone, old=self.old)
                reader.follow(stream, elements, first)
                seen[channel.channel_id] = channel
                for local, message, dropped in decode_elements(stream, elements, RUN, ONE, first=first):
                    post = message if isinstance(message, Bad) else reader.post(message)
                    if stretch.read >= self.batch and not _continues(stretch, post):
                        yield self._made(stretch, seen, offset + local)
                        stretch, seen = Stretch(), {channel.channel_id: channel}
                    stretch.read += 1
                    stretch.local_times += reader.take_notes(stretch.dropped, dropped)
                    if isinstance(post, Post):
                        stretch.posts.append(post)
                        stretch.positions.append(offset + local)
                    elif isinstance(post, Bad):
                        message_id = None if isinstance(message, Bad) else message.id
                        stretch.reject(offset + local, message_id, post.reason, post.excerpt)
                    else:
                        stretch.filtered[post] += 1
        if self.index.broken_at is not None:
            stretch.reject(
                base, None,
                f"the file breaks off, or is no JSON: from byte {self.index.broken_at:,} of {self.index.size:,} on; "
                "what stands before is imported",
            )  # fmt: skip
        if stretch.read or stretch.rejects:
            yield self._made(stretch, seen, base)

    def _id_of(self, chat: _Chat | None) -> int | None:
        own = None if chat is None else peer_id(chat.id, old=self.old)
        if chat is None or own is None or chat.type not in _OF_A_FEW:
            return own
        return own + _OF_A_FEW[chat.type][1]

    def _seen(self, chat: _Chat, channel_id: int, stream: BinaryIO, elements: Elements) -> ChannelSeen:
        return ChannelSeen(
            channel_id=channel_id,
            username=self.channel or self.usernames.get(channel_id),
            title=chat.name or self._title(channel_id, stream, elements) or self.titles.get(channel_id, ""),
            kind=_TAKEN.get(chat.type or "") or _OF_A_FEW[chat.type or ""][0],
        )

    def _title(self, channel_id: int, stream: BinaryIO, elements: Elements) -> str | None:
        """The name under which the channel itself posts: for a chat without one."""
        decoded = decode_elements(stream, elements, RUN, ONE, size=_TITLE_WITHIN)
        for _, message, _ in islice(decoded, _TITLE_WITHIN):
            if (
                isinstance(message, Message)
                and message.sender
                and peer_id(message.sender_id, old=self.old) == channel_id
            ):
                return message.sender
        return None

    def _made(self, stretch: Stretch, seen: dict[int, ChannelSeen], position: int) -> Batch:
        posts = fold_by_time(stretch.single())
        return Batch(
            frame=landing_frame(posts, NAME),
            channels=list(seen.values()),
            rejects=stretch.rejects,
            position=position,
            state="",
            read=stretch.read,
            filtered=dict(stretch.filtered),
            dropped=dict(stretch.dropped),
            local_times=stretch.local_times,
            files=media_files(posts),
        )


def _chats(export: _Export) -> Iterator[_Chat]:
    yield export
    for listed in (export.chats, export.left_chats):
        if listed is not None:
            yield from listed.members


def _continues(stretch: Stretch, post: Post | Bad | str) -> bool:
    """Whether the post may belong to an album with the last one: a batch must not end between them."""
    if not stretch.posts or not isinstance(post, Post) or stretch.read > 2 * BATCH:
        return False
    return follows(stretch.posts[-1], post)


def _complaint(chat: _Chat | None, channel_id: int | None, *, every_chat: bool) -> str:
    if chat is None:
        return "not a chat of the export"
    if channel_id is None:
        return "a chat without an id"
    if chat.type not in _TAKEN and not (every_chat and chat.type in _OF_A_FEW):
        return f"{chat.type}: {NEITHER}" if chat.type in _OF_A_FEW else "chat of a type that is not read, or of none"
    return ""
