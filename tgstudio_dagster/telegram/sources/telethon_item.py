"""What is read of Telethon's `to_dict()`: the fields of messages, entities and pages of results, of every generation.

Only their shapes and their ids belong here; posts are made of them in `telethon_message.py`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import field

from tgstudio_dagster.posts import normalize
from tgstudio_dagster.telegram.sources.telethon_media import Media, Words

MESSAGES = ("Message", "MessageService", "MessageEmpty")
ENTITIES = ("Channel", "ChannelForbidden", "Chat", "ChatForbidden", "User")
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**48)]
Moment = str | int | float | None


class Peer(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    channel_id: Int64 | None = None
    chat_id: Int64 | None = None
    user_id: Int64 | None = None


class Entity(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    offset: int = -1
    length: int = 0
    url: str | None = None


class Forward(msgspec.Struct, gc=False):
    # A user's id, and `channel_id` for a channel's post, in Telethon before 1.17.
    from_id: Peer | Int64 | None = None
    from_name: str | None = None
    channel_id: Int64 | None = None


class Reply(msgspec.Struct, gc=False):
    reply_to_msg_id: Int64 | None = None
    reply_to_top_id: Int64 | None = None
    forum_topic: bool | None = None
    reply_to_peer_id: Peer | Int64 | None = None


class _Replies(msgspec.Struct, gc=False):
    replies: Count = 0


class Reaction(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    emoticon: str | None = None
    document_id: Int64 | None = None


class _Counted(msgspec.Struct, gc=False):
    # Telethon 1.25 wrote the emoji itself.
    reaction: Reaction | str | None = None
    count: Count | None = None


class _Reactions(msgspec.Struct, gc=False):
    results: list[_Counted] = field(default_factory=list)


class _Action(msgspec.Struct, gc=False):
    kind: str = field(default="", name="_")
    title: str | Words | None = None
    message: str | Words | None = None


class _Username(msgspec.Struct, gc=False):
    username: str = ""
    active: bool | None = None


class Item(msgspec.Struct, gc=False):
    """A message or an entity, by `_`: the fields of `to_dict()` that are used, and two of a dump's own.

    Telethon before 1.17 (2020) wrote `to_id`, `reply_to_msg_id` and plain ids of users; before 0.18 (2018) no `_`. A page
    of results (`messages.ChannelMessages` …) has `messages`, `chats` and `users`.
    """

    kind: str = field(default="", name="_")
    id: Int64 = 0
    peer_id: Peer | Int64 | None = None
    to_id: Peer | Int64 | None = None
    date: Moment = None
    message: str | None = None
    from_id: Peer | Int64 | None = None
    reply_to_msg_id: Int64 | None = None
    post_author: str | None = None
    edit_date: Moment = None
    fwd_from: Forward | None = None
    reply_to: Reply | None = None
    media: Media | None = None
    entities: list[Entity] | None = None
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
    # Of a page of results:
    messages: list[msgspec.Raw] | None = None
    chats: list[msgspec.Raw] | None = None
    users: list[msgspec.Raw] | None = None

    def __post_init__(self) -> None:
        if not self.kind:
            self.kind = _kind_by_fields(self)


def channel_of(item: Item) -> int | None:
    """The id of the channel that a message stands in; None for any other peer."""
    peer = item.peer_id if item.peer_id is not None else item.to_id
    if isinstance(peer, int):
        return normalize.channel_id(peer) if normalize.is_marked(peer) else None
    return None if peer is None or peer.channel_id is None else normalize.channel_id(peer.channel_id)


def id_of(peer: Peer | int | None) -> int | None:
    if peer is None or isinstance(peer, int):
        return None if peer is None else normalize.channel_id(peer)
    return peer.channel_id or peer.user_id or peer.chat_id


def _kind_by_fields(item: Item) -> str:
    """The class of what Telethon before 0.18 wrote without `_`; empty for what is nothing of Telethon's."""
    if item.peer_id is not None or item.to_id is not None:
        return "Message" if item.action is None else "MessageService"
    if item.title is not None and item.date is not None:
        return "Channel" if item.megagroup is not None else "Chat"
    return "User" if item.first_name is not None else ""
