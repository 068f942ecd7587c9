"""Dumps of Telethon messages: JSON Lines, or one JSON array, of `Message.to_dict()` or `.to_json()` (Telethon 1.45).

Reading that format belongs here; storing files, filters and checkpoints do not.

Beside messages a dump may hold entities (`Channel`, `Chat`, `User`, as `to_dict()` gives them), anywhere in the file:
they give titles, usernames and names of senders. Dates are ISO 8601 or seconds since 1970. Keys of our own, both
optional, on any message: `observed_at` (when this state was read; a message may stand in a dump many times) and `file`
(path of its medium, relative to the dump's folder). `MessageEmpty` proves a delete: it lands as type `deleted`, with
the date that the dump gives elsewhere, or the lake; the merge keeps the text. Only channels and supergroups are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import field

from tgstudio_dagster.catalog.channels import ChannelSeen
from tgstudio_dagster.errors import SourceError
from tgstudio_dagster.telegram import normalize
from tgstudio_dagster.telegram.json_stream import Bad, Index, decode_elements
from tgstudio_dagster.telegram.posts import Post, fold_albums, landing_frame
from tgstudio_dagster.telegram.source import BATCH, Batch, Span, Stretch, media_files
from tgstudio_dagster.telegram.telethon_media import Media, attachment_of, kind_of, poll_text

NAME = "telethon_dump"
NEWEST = re.compile(
    rb'"(?:date|edit_date|observed_at)"\s*:\s*"?(\d{4}-\d\d-\d\d[T ][\d:.]+(?:[+-]\d\d:\d\d|Z)?|\d{9,11})'
)
MESSAGES = ("Message", "MessageService", "MessageEmpty")
ENTITIES = ("Channel", "ChannelForbidden", "Chat", "ChatForbidden", "User")
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**48)]
Moment = str | int | float | None


class _Peer(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    channel_id: Int64 | None = None
    chat_id: Int64 | None = None
    user_id: Int64 | None = None


class _Entity(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    offset: int = 0
    length: int = 0
    url: str | None = None


class _Forward(msgspec.Struct, gc=False):
    from_id: _Peer | None = None
    from_name: str | None = None


class _Reply(msgspec.Struct, gc=False):
    reply_to_msg_id: Int64 | None = None
    reply_to_top_id: Int64 | None = None
    forum_topic: bool | None = None
    reply_to_peer_id: _Peer | None = None


class _Replies(msgspec.Struct, gc=False):
    replies: Count = 0


class _Reaction(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    emoticon: str | None = None
    document_id: Int64 | None = None


class _Counted(msgspec.Struct, gc=False):
    reaction: _Reaction
    count: Count = 0


class _Reactions(msgspec.Struct, gc=False):
    results: list[_Counted] = field(default_factory=list)


class _Action(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")


class _Username(msgspec.Struct, gc=False):
    username: str = ""
    active: bool | None = None


class _Item(msgspec.Struct, gc=False):
    """A line of a dump: a message or an entity, by `_`."""

    kind: str = field(name="_")
    id: Int64
    peer_id: _Peer | None = None
    date: Moment = None
    message: str | None = None
    from_id: _Peer | None = None
    post_author: str | None = None
    edit_date: Moment = None
    fwd_from: _Forward | None = None
    reply_to: _Reply | None = None
    media: Media | None = None
    entities: list[_Entity] | None = None
    views: Count | None = None
    forwards: Count | None = None
    replies: _Replies | None = None
    reactions: _Reactions | None = None
    grouped_id: Int64 | None = None
    action: _Action | None = None
    observed_at: Moment = None
    file: str | None = None
    # Of entities:
    title: str | None = None
    username: str | None = None
    usernames: list[_Username] | None = None
    first_name: str | None = None
    last_name: str | None = None
    megagroup: bool | None = None


_RUN = msgspec.json.Decoder(list[_Item])
_ONE = msgspec.json.Decoder(_Item)
Known = Callable[[set[tuple[int, int]]], Mapping[tuple[int, int], int]]


@dataclass
class TelethonDump:
    """An opened dump: a `Source`.

    `usernames` and `titles` are those known by channel id, `channel` is the username of a dump of one channel,
    `known_dates` finds the dates (microseconds) of messages that only the lake holds, for proofs of deletes.
    """

    path: Path
    index: Index
    span: Span
    usernames: Mapping[int, str]
    titles: Mapping[int, str]
    known_dates: Known
    channel: str | None = None
    batch: int = BATCH
    name: str = NAME

    def __post_init__(self) -> None:
        self._channels: dict[int, ChannelSeen] = {}
        self._names: dict[int, str] = {}
        self._dates: dict[tuple[int, int], int] = {}
        self._met: set[int] = set()
        self._prepared = False
        self._earliest, self._latest = self.span.earliest, self.span.latest
        self._observed = normalize.to_micros(self.span.observed_at)

    @property
    def total(self) -> int:
        """Number of elements in the file, entities included."""
        return self.index.total

    def _items(self, start: int = 0) -> Iterator[tuple[int, _Item | Bad]]:
        base = 0
        with self.path.open("rb") as stream:
            for elements in self.index.arrays:
                first, offset, base = max(start - base, 0), base, base + len(elements)
                for local, item in decode_elements(stream, elements, _RUN, _ONE, first=first):
                    yield offset + local, item

    def _prepare(self) -> None:
        """Read the entities, which may stand behind the messages, and the dates of what is proved deleted."""
        wanted: set[tuple[int, int]] = set()
        for _, item in self._items():
            if isinstance(item, Bad):
                continue
            if item.kind in ENTITIES:
                self._meet(item)
            elif (channel_id := _channel_of(item)) is not None:
                self._met.add(channel_id)
                if item.kind == "MessageEmpty":
                    wanted.add((channel_id, item.id))
        if self.channel is not None and len(self._met) > 1:
            raise SourceError(
                f"{self.path.name}: --channel names the username of a dump of one channel, but here are "
                f"{len(self._met)}; leave it out, and add `Channel` entities to the dump for their usernames."
            )
        if wanted:
            for _, item in self._items():
                if isinstance(item, Bad) or item.kind not in MESSAGES or (_channel_of(item), item.id) not in wanted:
                    continue
                with suppress(ValueError):
                    if (date := normalize.parse_time(item.date)) is not None:
                        self._dates.setdefault((_channel_of(item) or 0, item.id), date)
            self._dates.update(self.known_dates(wanted - self._dates.keys()))
        self._prepared = True

    def _meet(self, item: _Item) -> None:
        if item.kind == "User":
            name = " ".join(part for part in (item.first_name, item.last_name) if part) or item.username
            if name:
                self._names[item.id] = name
        elif item.kind.startswith("Channel"):
            channel = normalize.channel_id(item.id)
            active = next((entry.username for entry in item.usernames or () if entry.active is not False), None)
            self._channels[channel] = ChannelSeen(
                channel_id=channel,
                username=item.username or active,
                title=item.title or "",
                kind="supergroup" if item.megagroup else "channel",
            )
            self._names[channel] = item.title or ""

    def batches(self, position: int, state: str) -> Iterator[Batch]:  # noqa: ARG002
        """Batches from `position` on; none cuts an album that stands in one piece. `state` is not needed."""
        if not self._prepared:
            self._prepare()
        stretch = Stretch()
        for at, item in self._items(position):
            made = item if isinstance(item, Bad) else self._made_of(item)
            if stretch.size >= self.batch and not _continues(stretch, made):
                yield self._batch(stretch, at)
                stretch = Stretch()
            stretch.size += 1
            if made is None:
                continue
            stretch.read += 1
            if isinstance(made, Post):
                stretch.posts.append(made)
                stretch.positions.append(at)
            elif isinstance(made, Bad):
                stretch.reject(at, None if isinstance(item, Bad) else item.id, made.reason, made.excerpt)
            else:
                stretch.filtered[made] += 1
        if self.index.broken_at is not None:
            stretch.reject(
                self.total, None,
                f"the file breaks off, or is no JSON, from byte {self.index.broken_at:,} of {self.index.size:,} on; "
                "what stands before is imported",
            )  # fmt: skip
        if stretch.size or stretch.rejects:
            yield self._batch(stretch, self.total)

    def _batch(self, stretch: Stretch, position: int) -> Batch:
        posts = fold_albums(stretch.single())
        met = {post.channel_id for post in posts}
        return Batch(
            frame=landing_frame(posts, NAME),
            channels=[self._seen(channel_id) for channel_id in sorted(met)],
            rejects=stretch.rejects,
            position=position,
            state="",
            read=stretch.read,
            filtered=dict(stretch.filtered),
            files=media_files(posts),
        )

    def _made_of(self, item: _Item) -> Post | Bad | str | None:
        """The post of a line; why there is none (a reject); why it is left out (a text); None for an entity."""
        if item.kind in ENTITIES:
            return None
        if item.kind not in MESSAGES:
            return Bad(f"_ is {item.kind[:40]!r}, neither a message nor an entity of Telethon", item.message or "")
        channel_id = _channel_of(item)
        if channel_id is None:
            if item.peer_id is not None and (item.peer_id.chat_id or item.peer_id.user_id):
                return f"peer of type {item.peer_id.kind}: only channels and supergroups are imported"
            return Bad("no peer_id with a channel_id", item.message or "")
        try:
            date = normalize.parse_time(item.date)
            edited = normalize.parse_time(item.edit_date)
            observed = normalize.parse_time(item.observed_at) or self._observed
        except ValueError as error:
            return Bad(str(error), item.message or "")
        if item.kind == "MessageEmpty":
            date = date or self._dates.get((channel_id, item.id))
            if date is None:
                return Bad("a deleted message of unknown date: neither this dump nor the lake holds it", "")
        if date is None:
            return Bad("no date", item.message or "")
        if not self._earliest <= date <= self._latest:
            return Bad(self.span.complaint(date), item.message or "")
        if item.id <= 0:
            return Bad(f"message id {item.id} is not positive", item.message or "")
        seen = self._seen(channel_id)
        post = Post(channel_id, item.id, date, "", "deleted", seen.username, seen.title, observed_at=observed)
        if item.kind == "MessageEmpty":
            post.deleted_at = observed
            return post
        self._fill(post, item, edited)
        return post

    def _fill(self, post: Post, item: _Item, edited: int | None) -> None:
        """Give the post what its message says."""
        media = item.media
        post.type = "service" if item.kind == "MessageService" else kind_of(media)
        post.service_action = (item.action.kind if item.action else "unknown") if post.type == "service" else None
        post.edit_date = edited
        post.text = item.message or poll_text(media)
        if item.entities:
            post.hashtags, post.links, post.mentions = _entities(post.text, item.entities)
        else:
            post.hashtags, post.links, post.mentions = normalize.found_in(post.text)
        sender = item.from_id.channel_id or item.from_id.user_id or item.from_id.chat_id if item.from_id else None
        post.sender_id = None if sender is None or sender == post.channel_id else sender
        post.author = item.post_author or (self._names.get(post.sender_id) if post.sender_id is not None else None)
        post.reply_to, post.forum_topic = _reply(item.reply_to)
        post.forwarded_from = self._origin(item.fwd_from)
        post.grouped_id = item.grouped_id
        post.views, post.forwards = item.views, item.forwards
        post.comments = item.replies.replies if item.replies else None
        if item.reactions:
            counted = [(_emoji(result.reaction), result.count) for result in item.reactions.results]
            post.reactions_by_emoji = sorted(counted, key=lambda pair: (-pair[1], pair[0]))
            post.reactions = sum(count for _, count in counted)
        attachment = attachment_of(post.msg_id, media, item.file)
        post.attachments = () if attachment is None else (attachment,)

    def _origin(self, header: _Forward | None) -> str | None:
        if header is None:
            return None
        peer = header.from_id
        origin = (peer.channel_id or peer.chat_id or peer.user_id) if peer else None
        return header.from_name or (self._names.get(origin) if origin else None) or str(origin or "unknown")

    def _seen(self, channel_id: int) -> ChannelSeen:
        met = self._channels.get(channel_id)
        return ChannelSeen(
            channel_id=channel_id,
            username=self.channel or (met.username if met else None) or self.usernames.get(channel_id),
            title=(met.title if met else "") or self.titles.get(channel_id, ""),
            kind=met.kind if met else "channel",
        )


def _channel_of(item: _Item) -> int | None:
    peer = item.peer_id
    return None if peer is None or peer.channel_id is None else normalize.channel_id(peer.channel_id)


def _entities(text: str, entities: list[_Entity]) -> tuple[list[str], list[str], list[str]]:
    """Hashtags, links and mentions; offsets count UTF-16 units of the text."""
    encoded = text.encode("utf-16-le", errors="replace")
    hashtags: list[str] = []
    links: list[str] = []
    mentions: list[str] = []
    for entity in entities:
        if entity.kind == "MessageEntityTextUrl":
            links.append(normalize.link(entity.url or ""))
        elif entity.kind == "MessageEntityUrl":
            links.append(normalize.link(normalize.utf16_slice(encoded, entity.offset, entity.length)))
        elif entity.kind == "MessageEntityHashtag":
            hashtags.append(normalize.hashtag(normalize.utf16_slice(encoded, entity.offset, entity.length)))
        elif entity.kind == "MessageEntityMention":
            mentions.append(normalize.mention(normalize.utf16_slice(encoded, entity.offset, entity.length)))
    return normalize.unique(hashtags), normalize.unique(links), normalize.unique(mentions)


def _reply(reply: _Reply | None) -> tuple[int | None, int | None]:
    """What is answered, and the forum topic: the header of a plain post in a topic names the topic's root only."""
    if reply is None:
        return None, None
    to = None if reply.reply_to_peer_id is not None else reply.reply_to_msg_id
    if not reply.forum_topic:
        return to, None
    return (None, to) if reply.reply_to_top_id is None else (to, reply.reply_to_top_id)


def _emoji(reaction: _Reaction) -> str:
    if reaction.emoticon:
        return reaction.emoticon
    return "⭐" if reaction.kind == "ReactionPaid" else f"custom:{reaction.document_id}"


def _continues(stretch: Stretch, made: Post | Bad | str | None) -> bool:
    """Whether the post belongs to an album with the last one: a batch must not end between them."""
    if not stretch.posts or not isinstance(made, Post) or made.grouped_id is None:
        return False
    return made.grouped_id == stretch.posts[-1].grouped_id and stretch.size < 2 * BATCH
