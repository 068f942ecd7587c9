"""Sending messages as a user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from telethon import functions, types

from tests.servers.telegram.dispatch import Context, handles
from tests.servers.telegram.model import Channel
from tests.servers.telegram.render import updates_object
from tests.servers.telegram.tl import Refusal

_LONGEST = 4096


@handles(functions.messages.SendMessageRequest)
def send_message(context: Context, request: Any) -> Any:
    channel = context.channel(request.peer)
    _may_write(context, channel)
    if not request.message:
        raise Refusal(400, "MESSAGE_EMPTY")
    if len(request.message) > _LONGEST:
        raise Refusal(400, "MESSAGE_TOO_LONG")
    if request.random_id in context.user.sent:
        raise Refusal(500, "RANDOM_ID_DUPLICATE")
    reply_to = getattr(request.reply_to, "reply_to_msg_id", None)
    if reply_to is not None and reply_to not in channel.messages:
        raise Refusal(400, "REPLY_MESSAGE_ID_INVALID")
    topic = reply_to if reply_to in channel.topics else getattr(request.reply_to, "top_msg_id", None)
    number = context.server.post(
        channel,
        request.message,
        reply_to=None if reply_to in channel.topics else reply_to,
        forum_topic=topic if channel.forum else None,
        entities=request.entities,
        from_user=context.me if channel.megagroup else None,
    )
    context.user.sent[request.random_id] = number
    answer = updates_object(context.server, channel, _posted(channel, number), context.viewer)
    answer.updates.insert(0, types.UpdateMessageID(number, request.random_id))
    answer.date = datetime.now(UTC)
    return answer


def _may_write(context: Context, channel: Channel) -> None:
    allowed = channel.members if channel.megagroup else channel.admins
    if context.me not in allowed:
        raise Refusal(403, "CHAT_WRITE_FORBIDDEN")


def _posted(channel: Channel, number: int) -> Any:
    return next(event for event in reversed(channel.events) if event.message and event.message.id == number)
