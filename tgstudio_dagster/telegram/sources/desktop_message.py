"""One message of a Telegram Desktop export, and the post it makes.

Only the fields of a message belong here (Desktop's writer: export_output_json.cpp); chats, files and albums are read in
`desktop_export.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Annotated, Any, BinaryIO

import msgspec
from msgspec import UNSET, UnsetType, field

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.posts import normalize
from tgstudio_dagster.posts.shape import Attachment, Post
from tgstudio_dagster.telegram.sources.decoding import Bad, decode_elements
from tgstudio_dagster.telegram.sources.desktop_described import Medium, described, is_other, plain
from tgstudio_dagster.telegram.sources.desktop_ids import peer_id
from tgstudio_dagster.telegram.sources.json_stream import Elements
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


OF_BASIC_GROUP = "messages of the basic group that became this supergroup: their ids are of another chat"
_MIGRATED = -1_000_000_000
"""Desktop adds this to the ids of an upgraded group's old messages (kMigratedMessagesIdShift)."""
_NO_TIME = 2 * 86_400_000_000
"""The zero of 1970, in whatever zone."""


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
    text: Any = ""


class _Poll(msgspec.Struct, gc=False):
    question: Any = ""
    answers: list[_Answer] = field(default_factory=list)


class Message(Medium, gc=False, kw_only=True):
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
    reply_to_peer_id: str | Int64 | None = None
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


UNSUPPORTED = "the Telegram that exported it was too old for it, and wrote neither text nor date"
RUN = msgspec.json.Decoder(list[Message])
ONE = msgspec.json.Decoder(Message)
_ENTITIES = msgspec.json.Decoder(list[str | _Entity])


class _Answering(msgspec.Struct, gc=False):
    """What tells the forum topic of a message."""

    id: Int64 = 0
    action: str | None = None
    reply_to_message_id: Int64 | None = None
    reply_to_peer_id: str | Int64 | None = None


_RUN_OF_ANSWERS = msgspec.json.Decoder(list[_Answering])
_ONE_ANSWER = msgspec.json.Decoder(_Answering)


class Reader:
    """Makes posts of the messages of one chat, in the order of the file. `zone` is that of local times."""

    def __init__(self, channel: ChannelSeen, span: Span, *, zone: tzinfo = UTC, old: bool = False) -> None:
        """`old` says that the file is of before 2021, with shifted ids and no times but local ones."""
        self.channel_id = channel.channel_id
        self.dropped: Counter[str] = Counter()
        self.local_times = 0
        self._username = channel.username
        self._title = channel.title
        # Of every message that stands in a forum topic, the topic: its root's id.
        self._topics: dict[int, int] = {}
        self._span = span
        self._zone = zone
        self._old = old
        self._earliest, self._latest = span.earliest, span.latest
        self._observed = normalize.to_micros(span.observed_at)

    def follow(self, stream: BinaryIO, elements: Elements, stop: int) -> None:
        """Learn the forum topics of the messages before `stop`, which were read before the import was cut short."""
        if not stop:
            return
        for at, message, _ in decode_elements(stream, elements, _RUN_OF_ANSWERS, _ONE_ANSWER):
            if at >= stop:
                return
            if isinstance(message, _Answering):
                self._note_topic(message.id, message.action, self._answered(message))

    def take_notes(self, dropped: Counter[str], more: Mapping[str, int]) -> int:
        """Add the fields dropped of the last message, and `more` of them; returns how many local times were read in it."""
        if not (more or self.dropped or self.local_times):
            return 0
        dropped.update(more)
        dropped.update(self.dropped)
        self.dropped.clear()
        times, self.local_times = self.local_times, 0
        return times

    def post(self, message: Message) -> Post | Bad | str:
        """The post of one message; why there is none (`Bad`: it can't be read); why it is left out (a text)."""
        text, hashtags, links, mentions = self._text(message)
        date = self._date(message)
        if date is None:
            return UNSUPPORTED if message.type == "unsupported" else Bad("no date", text)
        if not self._earliest <= date <= self._latest:
            return Bad(self._span.complaint(date), text)
        if _MIGRATED <= message.id < 0:
            return OF_BASIC_GROUP
        if message.id <= 0:
            return Bad(f"not a positive id: {message.id}", text)
        edited = None
        if message.edited_unixtime or message.edited:
            edited = self._time("edited_unixtime", message.edited_unixtime) or self._time("edited", message.edited)
            if edited is not None and edited < date:  # an old export writes 1970 for "never"
                edited = None
        service = message.type == "service"
        sender_id = peer_id(message.actor_id if service else message.sender_id, old=self._old)
        name = message.actor if service else message.sender
        # Posts of the channel itself are signed with `author` at most; `from` repeats its title.
        own = sender_id == self.channel_id
        if own or (sender_id is None and name == self._title):
            name = None
        reply = self._answered(message)
        topic = self._note_topic(message.id, message.action, reply)
        if reply is not None and reply == topic:
            reply = None
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
            message.author or name,
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

    def _answered(self, message: Message | _Answering) -> int | None:
        """The message of this chat that is answered."""
        chat = message.reply_to_peer_id
        if chat is not None and peer_id(chat, old=self._old) != self.channel_id:
            return None
        reply = message.reply_to_message_id
        return reply if reply is not None and reply > 0 else None

    def _note_topic(self, message_id: int, action: str | None, reply: int | None) -> int | None:
        """The forum topic that a message stands in, along the chain of answers; a topic's root opens it."""
        topic = self._topics.get(reply) if self._topics and reply is not None else None
        if action == "topic_created":
            self._topics[message_id] = message_id
        elif topic is not None:
            self._topics[message_id] = topic
        return topic

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
        if local is not None and local < _NO_TIME:
            local = None
        if local is None or not self._earliest <= local <= self._latest:
            return local if date is None else date
        if date is not None:
            self.dropped["date_unixtime"] += 1
        self.local_times += 1
        return local

    def _time(self, name: str, value: str | int | None) -> int | None:
        """Microseconds of a field; None, and counted as dropped, where it is no time."""
        try:
            return normalize.parse_time(value, self._zone)
        except ValueError:
            self.dropped[name] += 1
            return None

    def _text(self, message: Message) -> tuple[str, list[str], list[str], list[str]]:
        """Text, hashtags, links and mentions; the text is that of the entities where the message has no other."""
        text = message.text
        if text is UNSET or not _has_words(text):
            text = self._entities(message.text_entities)
            text = text if _has_words(text) else ""
        if isinstance(text, str):
            if not text and message.poll is not None:
                answers = (f"• {plain(answer.text)}" for answer in message.poll.answers)
                text = "\n".join([plain(message.poll.question), *answers]).strip()
            text = text or described(message, service=message.type == "service")
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


def _has_words(text: str | list[str | _Entity]) -> bool:
    return any(part if isinstance(part, str) else part.text for part in text)


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
    return ("other" if is_other(message) or message.type == "unsupported" else "text"), ()


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
