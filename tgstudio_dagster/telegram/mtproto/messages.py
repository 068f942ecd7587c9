"""What was posted in a channel: pages of its history, messages by id, comments of a post.

Questions to Telegram and nothing else: what a message means is `telethon_message.py`, what to ask for is `reader.py`.
Nothing here counts as a view: only messages.getMessagesViews would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from telethon import errors
from telethon.tl import TLObject, functions, types

from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.peers import PeerKey, input_channel, input_peer

_FIELDS = (
    "id", "peer_id", "date", "message", "from_id", "post_author", "edit_date", "fwd_from", "reply_to", "media",
    "entities", "views", "forwards", "replies", "reactions", "grouped_id", "action", "post", "out",
)  # fmt: skip
PAGE = 100
"""The most that Telegram gives to one request (messages.getHistory, getReplies, channels.getMessages)."""


@dataclass(frozen=True)
class Page:
    """Messages as Telethon's `to_dict()` gives them, newest first, and the users and chats that they name.

    Of a message, the fields that a post is made of (`telethon_message.Item`), those left out that are not set.

    `total` is Telegram's count of the whole history or thread. A page may hold fewer messages than were asked for (some
    are hidden by local law); only an empty one says that there are no more.
    """

    messages: list[dict[str, Any]]
    entities: list[dict[str, Any]]
    total: int

    @property
    def ids(self) -> list[int]:
        """The messages' ids, newest first."""
        return [message["id"] for message in self.messages]


async def newer(client: Client, key: PeerKey, *, after: int, limit: int = PAGE, before: int = 0) -> Page:
    """The messages that follow id `after` (0: from the first on), the oldest `limit` of them; with `before`, only ids below."""
    request = _history(key, limit, offset_id=after + 1, add_offset=-limit)
    return _page(key, await client.call(request, paged=True), above=after, below=before)


async def older(
    client: Client,
    key: PeerKey,
    *,
    before: int = 0,
    until: int = 0,
    limit: int = PAGE,
    at_or_before: datetime | None = None,
) -> Page:
    """The newest `limit` messages with ids below `before` (0: all) and above `until`.

    `at_or_before`, instead of `before`: those not posted after it, by the second.
    """
    if before and at_or_before is not None:
        raise ValueError("older: give before or at_or_before, not both; Telegram would heed one of them only")
    # Telegram's offset_date leaves out what was posted in that very second.
    date = None if at_or_before is None else at_or_before + timedelta(seconds=1)
    request = _history(key, limit, offset_id=before, offset_date=date)
    return _page(key, await client.call(request, paged=True), above=until, below=before)


async def by_ids(client: Client, key: PeerKey, ids: Sequence[int]) -> Page:
    """The messages with these ids, at most 100, in Telegram's order: pair them by id.

    A deleted one, or one that never was, is a `MessageEmpty`; one that is left out is unknown.
    """
    if len(ids) > PAGE:
        raise ValueError(f"by_ids: {len(ids)} ids; Telegram takes at most {PAGE} at once")
    wanted: list[Any] = [types.InputMessageID(msg_id) for msg_id in ids]
    request = functions.channels.GetMessagesRequest(input_channel(key), wanted)
    page = _page(key, await client.call(request, paged=True))
    asked = set(ids)
    return Page([message for message in page.messages if message["id"] in asked], page.entities, page.total)


async def comments(client: Client, key: PeerKey, msg_id: int, *, after: int, limit: int = PAGE) -> Page:
    """The comments of a post that follow id `after`, the oldest `limit` of them; they stand in the discussion group.

    A post without a thread (comments closed, or the post is gone) has an empty page. What does not stand in a group is
    left out: a channel's own post that is handed back here is no comment.
    """
    request = functions.messages.GetRepliesRequest(
        peer=input_peer(key), msg_id=msg_id, offset_id=after + 1, offset_date=None, add_offset=-limit, limit=limit,
        max_id=0, min_id=0, hash=0,
    )  # fmt: skip
    try:
        answer = await client.call(request, raising=(errors.MsgIdInvalidError,), paged=True)
    except errors.MsgIdInvalidError:
        return Page([], [], 0)
    groups = {chat.id for chat in answer.chats if isinstance(chat, types.Channel) and chat.megagroup} - {key.channel_id}
    answer.messages = [message for message in answer.messages if _group_of(message) in groups]
    return _page(None, answer, above=after)


def _group_of(message: Any) -> int | None:
    return message.peer_id.channel_id if isinstance(message.peer_id, types.PeerChannel) else None


def _history(
    key: PeerKey, limit: int, *, offset_id: int = 0, offset_date: datetime | None = None, add_offset: int = 0
) -> functions.messages.GetHistoryRequest:
    # min_id and max_id stay 0: Telegram answers with nothing where they are low, so the bounds are kept here.
    return functions.messages.GetHistoryRequest(
        peer=input_peer(key), offset_id=offset_id, offset_date=offset_date, add_offset=add_offset, limit=limit,
        max_id=0, min_id=0, hash=0,
    )  # fmt: skip


def _page(key: PeerKey | None, answer: Any, *, above: int = 0, below: int = 0) -> Page:
    """The answer's messages with ids above and below the bounds (0: no bound)."""
    kept = [message for message in answer.messages if message.id > above and (not below or message.id < below)]
    messages = [_fields(message) for message in kept]
    for message in messages:
        # A MessageEmpty names its channel only now and then.
        if key is not None and message.get("peer_id") is None:
            message["peer_id"] = {"_": "PeerChannel", "channel_id": key.channel_id}
    entities = [entity.to_dict() for entity in (*answer.chats, *answer.users)]
    return Page(messages, entities, getattr(answer, "count", len(answer.messages)))


def _fields(message: Any) -> dict[str, Any]:
    # Not to_dict(): most of its time goes into fields that nobody reads.
    told: dict[str, Any] = {"_": type(message).__name__}
    for name in _FIELDS:
        value = getattr(message, name)
        if isinstance(value, TLObject):
            told[name] = value.to_dict()
        elif value is not None:
            told[name] = value if name != "entities" else [entity.to_dict() for entity in value]
    return told
