"""Telegram Desktop exports (`result.json`): one chat, or a whole account with many chats.

Reading that format belongs here; storing files, filters and checkpoints do not.

What an export holds and what it does not: dates come from `date_unixtime`; an old export without it has local times
without a zone, which are taken as UTC. There are no views and no forwards (null), and no album ids: consecutive
messages of one sender within the same second, each with a photo or a video, at most one of them with a text, are taken
as one album of up to ten (Telegram gives the messages of `messages.sendMultiMedia` one date; the field `grouped_id`
is left out by Desktop's writer, export_output_json.cpp). Only channels and supergroups are taken: in private chats and
basic groups ids belong to an account, so they are no keys. A forum topic is known for messages that answer its root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import field

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.posts import normalize
from tgstudio_dagster.posts.shape import ALBUM_LIMIT, Post, fold_album, landing_frame
from tgstudio_dagster.telegram.sources.decoding import Bad, decode_elements, decode_skeleton
from tgstudio_dagster.telegram.sources.desktop_message import ONE, RUN, Int64, Reader
from tgstudio_dagster.telegram.sources.json_stream import Index
from tgstudio_dagster.telegram.sources.source import BATCH, Batch, Span, Stretch, media_files

NAME = "desktop_export"
NEWEST = re.compile(rb'_unixtime"\s*:\s*"?(\d{9,11})')
NEWEST_OLD = re.compile(rb'"(?:date|edited)"\s*:\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
_TAKEN = {
    "public_channel": "channel",
    "private_channel": "channel",
    "public_supergroup": "supergroup",
    "private_supergroup": "supergroup",
}


class _Chat(msgspec.Struct):
    name: str | None = None
    type: str | None = None
    id: Int64 | None = None
    messages: list[int] | None = None


class _ChatList(msgspec.Struct):
    members: list[_Chat] = field(default_factory=list, name="list")


class _Export(_Chat):
    chats: _ChatList | None = None
    left_chats: _ChatList | None = None


class _State(msgspec.Struct):
    """What resuming needs beside the position: the forum topics met so far, as [channel, message id]."""

    topics: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class DesktopExport:
    """An opened export: a `Source`. `usernames` are those known by channel id; `channel` that of a one-chat export."""

    path: Path
    index: Index
    span: Span
    usernames: Mapping[int, str]
    channel: str | None = None
    batch: int = BATCH
    name: str = NAME

    def __post_init__(self) -> None:
        export = decode_skeleton(self.index.skeleton, _Export)
        listed = chain(
            export.chats.members if export.chats else (), export.left_chats.members if export.left_chats else ()
        )
        chats = [chat for chat in (export, *listed) if chat.messages]
        if not chats and not export.chats and not export.left_chats and export.messages is None:
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
        if chats == [export] and export.id is None:
            raise SourceError(
                f"{self.path.name}: the chat has no `id`; export it again with Telegram Desktop 2.0 or later"
                + (", the file breaks off before it." if self.index.broken_at is not None else ".")
            )

    @property
    def total(self) -> int:
        """Number of messages in the file."""
        return self.index.total

    def channel_ids(self) -> list[int]:
        """Ids of the channels in the file."""
        return [normalize.channel_id(chat.id) for chat in self._chats.values() if chat.id is not None]

    def batches(self, position: int, state: str) -> Iterator[Batch]:
        """Batches from `position` on; one may span several chats, none cuts an album."""
        topics = set(msgspec.json.decode(state or "{}", type=_State).topics)
        base = 0
        stretch, seen = Stretch(), dict[int, ChannelSeen]()
        with self.path.open("rb") as stream:
            for number, elements in enumerate(self.index.arrays):
                first, base = max(position - base, 0), base + len(elements)
                offset = base - len(elements)
                if first >= len(elements):
                    continue
                chat = self._chats.get(number)
                complaint = _complaint(chat)
                if chat is None or chat.id is None or complaint:
                    stretch.filtered[complaint] += len(elements) - first
                    stretch.read += len(elements) - first
                    continue
                channel = self._seen(chat, chat.id)
                reader = Reader(channel.channel_id, channel.username, channel.title, self.span, topics)
                seen[channel.channel_id] = channel
                for local, message, dropped in decode_elements(stream, elements, RUN, ONE, first=first):
                    post = message if isinstance(message, Bad) else reader.post(message)
                    if stretch.read >= self.batch and not _continues(stretch, post):
                        yield self._made(stretch, seen, offset + local, topics)
                        stretch, seen = Stretch(), {channel.channel_id: channel}
                    stretch.read += 1
                    if dropped or reader.dropped:
                        stretch.dropped.update(dropped)
                        stretch.dropped.update(reader.dropped)
                        reader.dropped.clear()
                    if isinstance(post, Post):
                        stretch.posts.append(post)
                        stretch.positions.append(offset + local)
                        reader.remember(post)
                    else:
                        message_id = None if isinstance(message, Bad) else message.id
                        stretch.reject(offset + local, message_id, post.reason, post.excerpt)
        if self.index.broken_at is not None:
            stretch.reject(
                base, None,
                f"the file breaks off, or is no JSON, from byte {self.index.broken_at:,} of {self.index.size:,} on; "
                "what stands before is imported",
            )  # fmt: skip
        if stretch.read or stretch.rejects:
            yield self._made(stretch, seen, base, topics)

    def _seen(self, chat: _Chat, chat_id: int) -> ChannelSeen:
        channel_id = normalize.channel_id(chat_id)
        return ChannelSeen(
            channel_id=channel_id,
            username=self.channel or self.usernames.get(channel_id),
            title=chat.name or "",
            kind=_TAKEN[chat.type or ""],
        )

    def _made(
        self, stretch: Stretch, seen: dict[int, ChannelSeen], position: int, topics: set[tuple[int, int]]
    ) -> Batch:
        posts = fold_by_time(stretch.single())
        return Batch(
            frame=landing_frame(posts, NAME),
            channels=list(seen.values()),
            rejects=stretch.rejects,
            position=position,
            state=msgspec.json.encode(_State(sorted(topics))).decode(),
            read=stretch.read,
            filtered=dict(stretch.filtered),
            dropped=dict(stretch.dropped),
            files=media_files(posts),
        )


def fold_by_time(posts: list[Post]) -> list[Post]:
    """Posts with albums folded by the heuristic of this module, in order."""
    folded: list[Post] = []
    group: list[Post] = []
    for post in posts:
        if post.type not in ("photo", "video"):
            if group:
                folded.append(fold_album(group) if len(group) > 1 else group[0])
                group = []
            folded.append(post)
            continue
        if group and not _together(group, post):
            folded.append(fold_album(group) if len(group) > 1 else group[0])
            group = []
        group.append(post)
    if group:
        folded.append(fold_album(group) if len(group) > 1 else group[0])
    return folded


def _together(group: list[Post], post: Post) -> bool:
    last = group[-1]
    return (
        last.date == post.date
        and last.channel_id == post.channel_id
        and last.msg_id < post.msg_id
        and (last.author, last.sender_id, last.forwarded_from) == (post.author, post.sender_id, post.forwarded_from)
        and len(group) < ALBUM_LIMIT
        and not (post.text and any(member.text for member in group))
    )


def _continues(stretch: Stretch, post: Post | Bad) -> bool:
    """Whether the post may belong to an album with the last one: a batch must not end between them."""
    if not stretch.posts or isinstance(post, Bad) or stretch.read > 2 * BATCH:
        return False
    last = stretch.posts[-1]
    return last.date == post.date and last.type in ("photo", "video") and post.type in ("photo", "video")


def _complaint(chat: _Chat | None) -> str:
    if chat is None:
        return "not a chat of the export"
    if chat.id is None:
        return "a chat without an id"
    if chat.type not in _TAKEN:
        return f"chat of type {chat.type}: only channels and supergroups are imported"
    return ""
