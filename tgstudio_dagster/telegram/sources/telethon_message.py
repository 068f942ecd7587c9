"""The one mapping from a Telethon message to a post, for dumps and for what is read live.

A message is what `to_dict()` gives; what entities tell (titles, usernames, names of senders) is kept beside it. Files of
dumps are read in `telethon_dump.py`, media in `telethon_media.py`; asking Telegram belongs to `mtproto/`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.posts import normalize
from tgstudio_dagster.posts.shape import Post
from tgstudio_dagster.telegram.sources.decoding import Bad
from tgstudio_dagster.telegram.sources.lenient import UnfitError, convert
from tgstudio_dagster.telegram.sources.source import Span
from tgstudio_dagster.telegram.sources.telethon_item import (
    MESSAGES,
    Entity,
    Forward,
    Item,
    Moment,
    Peer,
    Reaction,
    Reply,
    channel_of,
    id_of,
)
from tgstudio_dagster.telegram.sources.telethon_media import attachments_of, caption_of, described, kind_of, told

if TYPE_CHECKING:
    from tgstudio_dagster.telegram.mtproto.messages import Page

_LOG = logging.getLogger(__name__)
_MOMENTS = ("date", "edit_date", "observed_at")


class Messages:
    """Makes posts of messages, with what the entities it has met tell of their channels and senders.

    `usernames` and `titles` are those known by channel id, `channel` is the username of them all where a dump is of one
    channel; `absent` is the status of a medium whose file nothing names. `dates` (microseconds, by channel and message
    id) may be filled by the caller: a `MessageEmpty` tells no date, and is a post only where one is known. `dropped` counts
    the fields that could not be read, by name, until the caller clears it.
    """

    def __init__(
        self,
        span: Span,
        *,
        usernames: Mapping[int, str],
        titles: Mapping[int, str],
        channel: str | None = None,
        absent: str = "pending",
    ) -> None:
        self.dates: dict[tuple[int, int], int] = {}
        self.dropped: Counter[str] = Counter()
        self._span = span
        self._usernames = usernames
        self._titles = titles
        self._channel = channel
        self._absent = absent
        self._channels: dict[int, ChannelSeen] = {}
        self._seen: dict[int, ChannelSeen] = {}
        self._names: dict[int, str] = {}
        self._earliest, self._latest = span.earliest, span.latest
        self._observed = normalize.to_micros(span.observed_at)

    def meet(self, given: Item | Mapping[str, Any]) -> None:
        """Keep what an entity tells; anything else is passed over."""
        item = given if isinstance(given, Item) else self._item(given)
        if isinstance(item, Bad) or not item.id:
            return
        if item.kind == "User":
            name = " ".join(part for part in (item.first_name, item.last_name) if part) or item.username
            if name:
                self._names[item.id] = name
        elif item.kind in ("Channel", "ChannelForbidden"):
            channel = normalize.channel_id(item.id)
            active = next((entry.username for entry in item.usernames or () if entry.active is not False), None)
            self._channels[channel] = ChannelSeen(
                channel_id=channel,
                username=item.username or active,
                title=item.title or "",
                kind="supergroup" if item.megagroup else "channel",
            )
            self._names[channel] = item.title or ""
            self._seen.pop(channel, None)

    def post(self, given: Item | Mapping[str, Any], observed_at: datetime | None = None) -> Post | Bad | str:
        """The post of a message; why there is none (`Bad`: it can't be read); why it is left out (a text).

        Observed at `observed_at`, else when the message says, else when the span does.
        """
        item = given if isinstance(given, Item) else self._item(given)
        if isinstance(item, Bad):
            return item
        if item.kind not in MESSAGES:
            return Bad(f"neither a message nor an entity of Telethon: _ is {item.kind[:40]!r}", item.message or "")
        channel_id = channel_of(item)
        if channel_id is None:
            peer = item.peer_id or item.to_id
            if isinstance(peer, Peer) and (peer.chat_id or peer.user_id):
                return (
                    f"{'basic group' if peer.chat_id else 'private chat'}: only channels and supergroups are imported"
                )
            return Bad("no peer_id with a channel_id", item.message or "")
        try:
            date = normalize.parse_time(item.date)
        except ValueError as error:
            return Bad(f"no date: {error}", item.message or "")
        edited = self._time("edit_date", item.edit_date)
        observed = self._time("observed_at", item.observed_at) or self._observed
        if observed_at is not None:
            observed = normalize.to_micros(observed_at)
        if item.kind == "MessageEmpty":
            date = date or self.dates.get((channel_id, item.id))
            if date is None:
                return Bad("a deleted message of unknown date: neither its source nor the lake holds it", "")
        if date is None:
            return Bad("no date", item.message or "")
        if not self._earliest <= date <= self._latest:
            return Bad(self._span.complaint(date), item.message or "")
        if item.id <= 0:
            return Bad(f"not a positive id: {item.id}", item.message or "")
        if edited is not None and edited < date:  # no edit: a zero of some writer's
            edited = None
        seen = self.seen(channel_id)
        post = Post(channel_id, item.id, date, "", "deleted", seen.username, seen.title, observed_at=observed)
        if item.kind == "MessageEmpty":
            post.deleted_at = observed
            return post
        self._fill(post, item, edited)
        return post

    def seen(self, channel_id: int) -> ChannelSeen:
        """The channel, from what was met and what was known before."""
        if channel_id not in self._seen:
            met = self._channels.get(channel_id)
            self._seen[channel_id] = ChannelSeen(
                channel_id=channel_id,
                username=self._channel or (met.username if met else None) or self._usernames.get(channel_id),
                title=(met.title if met else "") or self._titles.get(channel_id, ""),
                kind=met.kind if met else "channel",
            )
        return self._seen[channel_id]

    def _item(self, given: Mapping[str, Any]) -> Item | Bad:
        """The fields that are used of what `to_dict()` gives; why not, where one that must be there is missing."""
        plain = dict(given)
        for name in _MOMENTS:
            moment = plain.get(name)
            if isinstance(moment, datetime):
                plain[name] = normalize.to_micros(moment) / 1_000_000
        try:
            return msgspec.convert(plain, Item)
        except msgspec.ValidationError:
            try:
                item, dropped = convert(plain, Item)
            except UnfitError as error:
                return Bad(f"cannot be read: {error}", str(given.get("message") or ""))
            self.dropped.update(dropped)
            return item  # type: ignore[no-any-return]

    def _time(self, name: str, value: Moment) -> int | None:
        """Microseconds of a field; None, and counted as dropped, where it is no time."""
        try:
            return normalize.parse_time(value)
        except ValueError:
            self.dropped[name] += 1
            return None

    def _fill(self, post: Post, item: Item, edited: int | None) -> None:
        """Give the post what its message says."""
        media = item.media
        post.type = "service" if item.kind == "MessageService" else kind_of(media)
        post.service_action = ((item.action and item.action.kind) or "unknown") if post.type == "service" else None
        post.edit_date = edited
        action = told(item.action.title, item.action.message) if item.action else ""
        post.text = normalize.clean(item.message or caption_of(media) or described(media) or action)
        if item.entities and any(entity.kind for entity in item.entities):
            post.hashtags, post.links, post.mentions = _entities(post.text, item.entities)
        else:
            post.hashtags, post.links, post.mentions = normalize.found_in(post.text)
        sender = id_of(item.from_id)
        post.sender_id = None if sender is None or sender == post.channel_id else sender
        post.author = item.post_author or (self._names.get(post.sender_id) if post.sender_id is not None else None)
        post.reply_to, post.forum_topic = (
            _reply(item.reply_to, post.channel_id) if item.reply_to else (item.reply_to_msg_id, None)
        )
        post.forwarded_from = self._origin(item.fwd_from)
        post.grouped_id = item.grouped_id
        post.views, post.forwards = item.views, item.forwards
        post.comments = item.replies.replies if item.replies else None
        if item.reactions:
            counted = [
                (_emoji(result.reaction), result.count) for result in item.reactions.results if result.count is not None
            ]
            post.reactions_by_emoji = sorted(counted, key=lambda pair: (-pair[1], pair[0]))
            if counted or not item.reactions.results:
                post.reactions = sum(count for _, count in counted)
        post.attachments = attachments_of(post.msg_id, media, item.file, absent=self._absent)

    def _origin(self, header: Forward | None) -> str | None:
        if header is None:
            return None
        origin = header.channel_id or id_of(header.from_id)
        return header.from_name or (self._names.get(origin) if origin else None) or str(origin or "unknown")


def posts_of(
    page: Page,
    messages: Messages,
    observed_at: datetime,
    *,
    comment_on: tuple[int, int] | None = None,
    left_out: Counter[str] | None = None,
) -> list[Post]:
    """The posts of a page, albums not folded, in the page's order; its entities are met first.

    `comment_on` is the post (channel id, message id) that they comment. What is no post is logged, and counted by
    reason in `left_out`.
    """
    for entity in page.entities:
        messages.meet(entity)
    posts: list[Post] = []
    for message in page.messages:
        made = messages.post(message, observed_at)
        if isinstance(made, Post):
            if comment_on is not None:
                made.comment_channel, made.comment_on = comment_on
            posts.append(made)
            continue
        reason = made.reason if isinstance(made, Bad) else made
        _LOG.warning("message %s is left out: %s", message.get("id"), reason)
        if left_out is not None:
            left_out[reason] += 1
    if messages.dropped:
        _LOG.warning("fields of messages that cannot be read were dropped: %s", dict(messages.dropped))
        messages.dropped.clear()
    return posts


def _entities(text: str, entities: list[Entity]) -> tuple[list[str], list[str], list[str]]:
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


def _reply(reply: Reply, channel_id: int) -> tuple[int | None, int | None]:
    """What is answered, and the forum topic: the header of a plain post in a topic names the topic's root only.

    An answer to a message of another chat answers none of this one.
    """
    elsewhere = reply.reply_to_peer_id is not None and id_of(reply.reply_to_peer_id) != channel_id
    to = None if elsewhere else reply.reply_to_msg_id
    if not reply.forum_topic:
        return to, None
    return (None, to) if reply.reply_to_top_id is None else (to, reply.reply_to_top_id)


def _emoji(reaction: Reaction | str | None) -> str:
    if reaction is None or isinstance(reaction, str):
        return reaction or "unknown"
    if reaction.emoticon:
        return reaction.emoticon
    return "⭐" if reaction.kind == "ReactionPaid" else f"custom:{reaction.document_id}"
