"""One message of a Telegram Desktop export, and the post it makes.

Only the fields of a message belong here (Desktop's writer: export_output_json.cpp); chats, files and albums are read in
`desktop_export.py`.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType, field

from tgstudio_dagster.posts import normalize
from tgstudio_dagster.posts.shape import Attachment, Post
from tgstudio_dagster.telegram.sources.decoding import Bad
from tgstudio_dagster.telegram.sources.lenient import UnfitError, convert
from tgstudio_dagster.telegram.sources.source import Span

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
    count: Count | None = None
    type: str = "emoji"
    emoji: str | None = None
    document_id: str | int | None = None


class _Answer(msgspec.Struct, gc=False):
    text: str = ""


class _Poll(msgspec.Struct, gc=False):
    question: str = ""
    answers: list[_Answer] = field(default_factory=list)


class Message(msgspec.Struct, gc=False):
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
    location_information: Any = None
    contact_information: Any = None
    game_title: str | None = None
    invoice_information: Any = None


RUN = msgspec.json.Decoder(list[Message])
ONE = msgspec.json.Decoder(Message)
_ENTITIES = msgspec.json.Decoder(list[str | _Entity])


class Reader:
    """Makes posts of the messages of one chat."""

    def __init__(
        self, channel_id: int, username: str | None, title: str, span: Span, topics: set[tuple[int, int]]
    ) -> None:
        """`topics` are the forum topics known so far, as (channel, message id)."""
        self.channel_id = channel_id
        self._username = username
        self._title = title
        self._topics = topics
        self._span = span
        self.dropped: Counter[str] = Counter()
        self._earliest, self._latest = span.earliest, span.latest
        self._observed = normalize.to_micros(span.observed_at)

    def remember(self, post: Post) -> None:
        """Take note of a forum topic's root."""
        if post.service_action == "topic_created":
            self._topics.add((self.channel_id, post.msg_id))

    def post(self, message: Message) -> Post | Bad:
        """The post of one message, or why there is none. Fields that cannot be read are counted in `dropped`."""
        text, hashtags, links, mentions = self._text(message)
        date = self._date(message)
        if date is None:
            return Bad("no date", text)
        if not self._earliest <= date <= self._latest:
            return Bad(self._span.complaint(date), text)
        if message.id <= 0:
            return Bad(f"not a positive id: {message.id}", text)
        edited = None
        if message.edited_unixtime or message.edited:
            edited = self._time("edited_unixtime", message.edited_unixtime) or self._time("edited", message.edited)
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
        reactions, total = _reactions(message.reactions) if message.reactions else ((), None)
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
            None,
            (),
            None,
            None,
            total,
            None,
            reactions,
            attachments,
            None,
            self._observed,
        )

    def _date(self, message: Message) -> int | None:
        """Microseconds of `date_unixtime`; of `date` where that is missing, odd, or no time that a message can have."""
        unix = message.date_unixtime
        if type(unix) is str and len(unix) == 10 and unix.isdecimal():  # nearly always: spelled out for speed
            date: int | None = int(unix) * 1_000_000
        else:
            date = self._time("date_unixtime", unix)
        if date is not None and self._earliest <= date <= self._latest:
            return date
        local = self._time("date", message.date)
        if local is None or not self._earliest <= local <= self._latest:
            return local if date is None else date
        if date is not None:
            self.dropped["date_unixtime"] += 1
        return local

    def _time(self, name: str, value: str | int | None) -> int | None:
        """Microseconds of a field; None, and counted as dropped, where it is no time."""
        try:
            return normalize.parse_time(value)
        except ValueError:
            self.dropped[name] += 1
            return None

    def _text(self, message: Message) -> tuple[str, list[str], list[str], list[str]]:
        """Text, hashtags, links and mentions; the text is that of the entities where the message has no other."""
        text = message.text
        if text is UNSET:
            text = self._entities(message.text_entities)
        if isinstance(text, str):
            if not text and message.poll is not None:
                text = "\n".join([message.poll.question, *(f"• {answer.text}" for answer in message.poll.answers)])
            text = normalize.clean(text)
            if "#" in text or "@" in text or "://" in text or "www." in text or "t.me/" in text:
                return text, *normalize.found_in(text)
            return text, _NONE, _NONE, _NONE
        return _of_parts(text)

    def _entities(self, raw: Any) -> str | list[str | _Entity]:
        """The parts of `text_entities`: undecoded, or (in a message that was read leniently) plain."""
        if not isinstance(raw, msgspec.Raw):
            plain = raw
        elif not bytes(raw):
            return ""
        else:
            try:
                return _ENTITIES.decode(raw)
            except msgspec.DecodeError:
                plain = msgspec.json.decode(raw)
        try:
            parts, dropped = convert(plain, str | list[str | _Entity], "text_entities")
        except UnfitError:
            parts, dropped = "", Counter({"text_entities": 1})
        self.dropped.update(dropped)
        return parts  # type: ignore[no-any-return]


def _of_parts(text: list[str | _Entity]) -> tuple[str, list[str], list[str], list[str]]:
    hashtags = links = mentions = _NONE
    parts: list[str] = []
    for part in text:
        if type(part) is str:
            parts.append(part)
            continue
        assert isinstance(part, _Entity)
        parts.append(part.text)
        kind = part.type
        if kind == "hashtag":
            hashtags = [*hashtags, normalize.hashtag(part.text)]
        elif kind == "link":
            links = [*links, normalize.link(part.text)]
        elif kind == "text_link":
            links = [*links, normalize.link(part.href or "")]
        elif kind == "mention":
            mentions = [*mentions, normalize.mention(part.text)]
    return (
        normalize.clean("".join(parts)),
        normalize.unique(hashtags),
        normalize.unique(links),
        normalize.unique(mentions),
    )


_NONE: list[str] = []


@lru_cache(maxsize=65536)
def _peer(value: str | int | None) -> int | None:
    """The id in `user123`, `channel123` or 123; None for a deleted account or anything else."""
    if isinstance(value, int):
        return normalize.channel_id(value)
    digits = (value or "").removeprefix("user").removeprefix("channel").removeprefix("chat")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _reactions(reactions: list[_Reaction]) -> tuple[list[tuple[str, int]], int | None]:
    """Counts by emoji, most first, and their sum: None where none of the counts can be read."""
    counted: list[tuple[str, int]] = []
    total = 0
    for item in reactions:
        if item.count is None:
            continue
        counted.append((item.emoji or ("⭐" if item.type == "paid" else "custom"), item.count))
        total += item.count
    if len(counted) > 1:
        counted.sort(key=_most_first)
    return counted, total if counted else None


def _most_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def _media(message: Message) -> tuple[str, list[Attachment] | tuple[()]]:
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


def _attachment(message: Message, kind: str, path: str, size: int | None) -> Attachment:
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
