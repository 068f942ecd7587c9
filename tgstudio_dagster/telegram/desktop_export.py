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
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType, field

from tgstudio_dagster.catalog.channels import ChannelSeen
from tgstudio_dagster.errors import SourceError
from tgstudio_dagster.telegram import normalize
from tgstudio_dagster.telegram.json_stream import Bad, Index, decode_elements, decode_skeleton
from tgstudio_dagster.telegram.posts import ALBUM_LIMIT, Attachment, Post, fold_album, landing_frame
from tgstudio_dagster.telegram.source import BATCH, Batch, Span, Stretch, media_files

NAME = "desktop_export"
NEWEST = re.compile(rb'_unixtime"\s*:\s*"?(\d{9,11})')
NEWEST_OLD = re.compile(rb'"(?:date|edited)"\s*:\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
_TAKEN = {
    "public_channel": "channel",
    "private_channel": "channel",
    "public_supergroup": "supergroup",
    "private_supergroup": "supergroup",
}
_KINDS = {
    "sticker": "sticker",
    "video_message": "video_note",
    "voice_message": "voice",
    "animation": "animation",
    "video_file": "video",
    "audio_file": "audio",
}
_ABSENT = {
    "(File not included": "skipped: not included in the export",
    "(File exceeds maximum size": "skipped: over the export's own size limit",
    "(File unavailable": "failed: unavailable when exported",
}
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**48)]


class _Entity(msgspec.Struct, gc=False):
    type: str = "plain"
    text: str = ""
    href: str | None = None


class _Reaction(msgspec.Struct, gc=False):
    count: Count = 0
    type: str = "emoji"
    emoji: str | None = None
    document_id: str | int | None = None


class _Answer(msgspec.Struct, gc=False):
    text: str = ""


class _Poll(msgspec.Struct, gc=False):
    question: str = ""
    answers: list[_Answer] = field(default_factory=list)


class _Message(msgspec.Struct, gc=False):
    id: Int64
    type: str = "message"
    date: str | None = None
    date_unixtime: str | Int64 | None = None
    edited: str | None = None
    edited_unixtime: str | Int64 | None = None
    sender: str | None = field(default=None, name="from")
    sender_id: str | Int64 | None = field(default=None, name="from_id")
    actor: str | None = None
    actor_id: str | Int64 | None = None
    action: str | None = None
    author: str | None = None
    forwarded_from: str | UnsetType | None = UNSET
    forwarded_from_id: str | None = None
    reply_to_message_id: Int64 | None = None
    text: str | list[str | _Entity] | UnsetType = UNSET
    text_entities: msgspec.Raw = msgspec.Raw(b"")
    photo: str | None = None
    photo_file_size: Int64 | None = None
    file: str | None = None
    file_name: str | None = None
    file_size: Int64 | None = None
    media_type: str | None = None
    mime_type: str | None = None
    width: Int32 | None = None
    height: Int32 | None = None
    duration_seconds: float | None = None
    reactions: list[_Reaction] | None = None
    poll: _Poll | None = None
    location_information: dict[str, Any] | None = None
    contact_information: dict[str, Any] | None = None
    game_title: str | None = None
    invoice_information: dict[str, Any] | None = None


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


_RUN = msgspec.json.Decoder(list[_Message])
_ONE = msgspec.json.Decoder(_Message)
_ENTITIES = msgspec.json.Decoder(list[str | _Entity])


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
                reader = _Reader(chat, chat.id, self, topics)
                seen[reader.channel_id] = reader.seen
                for local, message in decode_elements(stream, elements, _RUN, _ONE, first=first):
                    post = message if isinstance(message, Bad) else reader.post(message)
                    if stretch.read >= self.batch and not _continues(stretch, post):
                        yield self._made(stretch, seen, offset + local, topics)
                        stretch, seen = Stretch(), {reader.channel_id: reader.seen}
                    stretch.read += 1
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
            files=media_files(posts),
        )


class _Reader:
    """Makes posts of the messages of one chat."""

    def __init__(self, chat: _Chat, chat_id: int, export: DesktopExport, topics: set[tuple[int, int]]) -> None:
        self.channel_id = normalize.channel_id(chat_id)
        self._username = export.channel or export.usernames.get(self.channel_id)
        self._title = chat.name or ""
        self._topics = topics
        self._span = export.span
        self._earliest, self._latest = export.span.earliest, export.span.latest
        self._observed = normalize.to_micros(export.span.observed_at)
        self.seen = ChannelSeen(
            channel_id=self.channel_id, username=self._username, title=self._title, kind=_TAKEN[chat.type or ""]
        )

    def remember(self, post: Post) -> None:
        """Take note of a forum topic's root."""
        if post.service_action == "topic_created":
            self._topics.add((self.channel_id, post.msg_id))

    def post(self, message: _Message) -> Post | Bad:
        """The post of one message, or why there is none."""
        try:
            date = normalize.parse_time(message.date_unixtime) or normalize.parse_time(message.date)
            edited = normalize.parse_time(message.edited_unixtime) or normalize.parse_time(message.edited)
            text, hashtags, links, mentions = _text(message)
        except (ValueError, msgspec.DecodeError) as error:
            return Bad(str(error), str(message.text))
        if date is None:
            return Bad("no date", str(message.text))
        if not self._earliest <= date <= self._latest:
            return Bad(self._span.complaint(date), text)
        if message.id <= 0:
            return Bad(f"message id {message.id} is not positive", text)
        service = message.type == "service"
        sender_id = _peer(message.actor_id if service else message.sender_id)
        # Posts of the channel itself are signed with `author` at most; `from` repeats the title.
        own = sender_id is None or sender_id == self.channel_id
        name = message.actor if service else message.sender
        reply, topic = message.reply_to_message_id, None
        if reply is not None and (self.channel_id, reply) in self._topics:
            reply, topic = None, reply
        kind, attachments = ("service", ()) if service else _media(message)
        forwarded = message.forwarded_from
        reactions = _reactions(message.reactions) if message.reactions else ()
        return Post(
            self.channel_id,
            message.id,
            date,
            text,
            kind,
            self._username,
            self._title,
            edited,
            message.author or (None if own and name == self._title else name),
            None if own else sender_id,
            (message.action or "unknown") if service else None,
            hashtags,
            links,
            mentions,
            reply,
            topic,
            (forwarded or message.forwarded_from_id or "unknown") if forwarded is not UNSET else None,
            reactions=sum(count for _, count in reactions) if reactions else None,
            reactions_by_emoji=reactions,
            attachments=attachments,
            observed_at=self._observed,
        )


def fold_by_time(posts: list[Post]) -> list[Post]:
    """Posts with albums folded by the heuristic of this module, in order."""
    folded: list[Post] = []
    group: list[Post] = []
    for post in posts:
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
        and last.type in ("photo", "video")
        and post.type in ("photo", "video")
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


def _text(message: _Message) -> tuple[str, list[str], list[str], list[str]]:
    text = message.text
    if text is UNSET:
        text = _ENTITIES.decode(message.text_entities) if len(bytes(message.text_entities)) else ""
    if isinstance(text, str):
        if not text and message.poll is not None:
            text = "\n".join([message.poll.question, *(f"• {answer.text}" for answer in message.poll.answers)])
        if "#" in text or "@" in text or "://" in text or "www." in text or "t.me/" in text:
            return text, *normalize.found_in(text)
        return text, _NONE, _NONE, _NONE
    hashtags: list[str] = []
    links: list[str] = []
    mentions: list[str] = []
    parts: list[str] = []
    for part in text:
        if isinstance(part, str):
            parts.append(part)
            continue
        parts.append(part.text)
        if part.type == "hashtag":
            hashtags.append(normalize.hashtag(part.text))
        elif part.type == "link":
            links.append(normalize.link(part.text))
        elif part.type == "text_link":
            links.append(normalize.link(part.href or ""))
        elif part.type == "mention":
            mentions.append(normalize.mention(part.text))
    return "".join(parts), normalize.unique(hashtags), normalize.unique(links), normalize.unique(mentions)


_NONE: list[str] = []


@lru_cache(maxsize=65536)
def _peer(value: str | int | None) -> int | None:
    """The id in `user123`, `channel123` or 123; None for a deleted account or anything else."""
    if isinstance(value, int):
        return normalize.channel_id(value)
    digits = (value or "").removeprefix("user").removeprefix("channel").removeprefix("chat")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _reactions(reactions: list[_Reaction]) -> list[tuple[str, int]]:
    counted = [(_emoji(item), item.count) for item in reactions]
    return sorted(counted, key=lambda item: (-item[1], item[0])) if len(counted) > 1 else counted


def _emoji(item: _Reaction) -> str:
    if item.emoji:
        return item.emoji
    return "⭐" if item.type == "paid" else "custom"


def _media(message: _Message) -> tuple[str, list[Attachment] | tuple[()]]:
    """Type and attachments of a message."""
    if message.photo is not None:
        return "photo", [_attachment(message, "photo", message.photo, message.photo_file_size)]
    if message.file is not None or message.media_type is not None:
        kind = _KINDS.get(message.media_type or "", "document")
        return kind, [_attachment(message, kind, message.file or "(File not included", message.file_size)]
    if message.poll is not None:
        return "poll", ()
    if message.location_information is not None:
        return "location", ()
    if message.contact_information is not None:
        return "contact", ()
    if message.game_title is not None or message.invoice_information is not None:
        return "other", ()
    return "text", ()


def _attachment(message: _Message, kind: str, path: str, size: int | None) -> Attachment:
    absent = next((status for text, status in _ABSENT.items() if path.startswith(text)), None)
    name = message.file_name or ("" if absent else path)
    return Attachment(
        message.id,
        kind,
        message.mime_type or ("image/jpeg" if kind == "photo" else None),
        normalize.safe_file_name(name) if name else None,
        size,
        message.width,
        message.height,
        message.duration_seconds,
        status=absent or "pending",
        path=None if absent else path,
    )
