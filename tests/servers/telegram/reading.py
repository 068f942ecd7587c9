"""Reading messages: history, search, comments, single messages, counters, topics and missed updates."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from telethon import functions, types

from tests.servers.telegram.dispatch import Context, handles
from tests.servers.telegram.model import Channel, Message
from tests.servers.telegram.render import (
    channel_messages,
    channel_object,
    companions,
    message_object,
    replies_object,
    update_object,
)
from tests.servers.telegram.tl import Packed, Refusal, fill, real_date

_MOST = 100
"""Messages to one answer, whatever the client asks for."""

_KINDS: dict[type, tuple[str, ...]] = {
    types.InputMessagesFilterPhotos: ("photo",),
    types.InputMessagesFilterVideo: ("video",),
    types.InputMessagesFilterPhotoVideo: ("photo", "video"),
    types.InputMessagesFilterDocument: ("document",),
    types.InputMessagesFilterVoice: ("voice",),
    types.InputMessagesFilterMusic: ("audio",),
}


@handles(functions.messages.GetHistoryRequest)
def get_history(context: Context, request: Any) -> Any:
    channel = context.channel(request.peer)
    return _page(context, channel, channel.ids, request)


@handles(functions.messages.SearchRequest)
def search(context: Context, request: Any) -> Any:
    channel = context.channel(request.peer)
    ids = channel.threads.get(request.top_msg_id, []) if request.top_msg_id else channel.ids
    wanted = _matcher(context, request)
    return _page(context, channel, [number for number in ids if wanted(channel.messages[number])], request)


@handles(functions.messages.GetRepliesRequest)
def get_replies(context: Context, request: Any) -> Any:
    channel, top = _thread(context.channel(request.peer), request.msg_id)
    answer = _page(context, channel, channel.threads.get(top, []), request)
    for owner, number in context.server.strays:
        answer.messages.append(message_object(context.server, owner, owner.messages[number], context.viewer))
        answer.chats.append(channel_object(owner, context.viewer))
    return answer


@handles(functions.messages.GetDiscussionMessageRequest)
def get_discussion_message(context: Context, request: Any) -> Any:
    channel = context.channel(request.peer)
    group, top = _thread(channel, request.msg_id)
    thread = group.threads.get(top, [])
    first = [group.messages[top]] if top in group.messages else []
    chats, users = companions(context.server, group, first, context.viewer)
    chats += [channel_object(channel, context.viewer)] if channel is not group and not first else []
    objects = [message_object(context.server, group, message, context.viewer) for message in first]
    return types.messages.DiscussionMessage(objects, 0, chats, users, max_id=thread[-1] if thread else top)


def _thread(channel: Channel, msg_id: int) -> tuple[Channel, int]:
    """The group where the replies to a message are, and the first message of their thread in it."""
    if msg_id not in channel.messages:
        raise Refusal(400, "MSG_ID_INVALID")
    if channel.discussion is not None and msg_id in channel.copies:
        return channel.discussion, channel.copies[msg_id]
    if not channel.megagroup:
        raise Refusal(400, "MSG_ID_INVALID")
    return channel, msg_id


def _matcher(context: Context, request: Any) -> Callable[[Message], bool]:
    text = request.q.lower()
    kinds = _KINDS.get(type(request.filter))
    first, last = real_date(request.min_date), real_date(request.max_date)
    author = getattr(request.from_id, "user_id", None)

    def matches(message: Message) -> bool:
        file = context.server.files.get(message.media or 0)
        return (
            text in message.text.lower()
            and (kinds is None or (file is not None and file.kind in kinds))
            and (first is None or message.date > first)
            and (last is None or message.date < last)
            and (author is None or message.from_user == author)
        )

    return matches


def _page(context: Context, channel: Channel, ids: Sequence[int], request: Any) -> Any:
    page = [channel.messages[number] for number in _window(channel, ids, request)]
    return channel_messages(context.server, channel, page, len(ids), context.viewer)


def _window(channel: Channel, ids: Sequence[int], request: Any) -> list[int]:
    """The ids that a request means, newest first.

    Counted from the newest, the window is [offset + add_offset, … + limit): clipped at the ends, never shifted.
    """
    total = len(ids)
    before = real_date(getattr(request, "offset_date", None))
    if request.offset_id:
        position = total - bisect.bisect_left(ids, request.offset_id)
    elif before is not None:
        position = total - bisect.bisect_left(ids, before, key=lambda number: channel.messages[number].date)
    else:
        position = 0
    first = position + request.add_offset
    last = first + min(request.limit, _MOST)
    window = ids[max(total - max(last, 0), 0) : total - max(first, 0)] if first < total else []
    return [
        number
        for number in reversed(window)
        if number > request.min_id and (not request.max_id or number < request.max_id)
    ]


# Single messages


@handles(functions.channels.GetMessagesRequest)
def get_channel_messages(context: Context, request: Any) -> Any:
    channel = context.channel(request.channel)
    if len(request.id) > _MOST:
        raise Refusal(400, "LIMIT_INVALID")
    numbers = [_number(channel, given) for given in request.id]
    found = [channel.messages[number] for number in numbers if number in channel.messages]
    answer = channel_messages(context.server, channel, found, len(numbers), context.viewer)
    objects = iter(answer.messages)
    empty = types.PeerChannel(channel.id)
    answer.messages = [
        next(objects) if number in channel.messages else Packed(bytes(types.MessageEmpty(number, empty)))
        for number in numbers
    ]
    return answer


@handles(functions.messages.GetMessagesRequest)
def get_messages(context: Context, request: Any) -> Any:
    # The small world has no private chats: whatever id is asked for is not there.
    numbers = [given.id for given in request.id]
    return types.messages.Messages([types.MessageEmpty(number) for number in numbers], [], [], [])


def _number(channel: Channel, given: Any) -> int:
    if isinstance(given, types.InputMessageReplyTo):
        asking = channel.messages.get(given.id)
        return (asking.reply_to or 0) if asking else 0
    return int(given.id)


@handles(functions.messages.GetMessagesViewsRequest)
def get_messages_views(context: Context, request: Any) -> Any:
    channel = context.channel(request.peer)
    counters = []
    for number in request.id:
        message = channel.messages.get(number)
        if message is None:
            counters.append(types.MessageViews())
            continue
        if request.increment:
            context.server.count(channel, number, views=message.views + 1)
        counters.append(types.MessageViews(message.views, message.forwards, replies_object(channel, message)))
    return types.messages.MessageViews(counters, [channel_object(channel, context.viewer)], [])


@handles(functions.channels.ReadHistoryRequest, functions.channels.ReadMessageContentsRequest)
def read_history(context: Context, request: Any) -> Any:
    context.channel(request.channel)
    return True


@handles(functions.messages.GetForumTopicsRequest)
def get_forum_topics(context: Context, request: Any) -> Any:
    channel = context.channel(request.peer)
    if not channel.forum:
        raise Refusal(400, "CHANNEL_FORUM_MISSING")
    numbers = sorted(channel.topics, reverse=True)
    page = [number for number in numbers if not request.offset_topic or number < request.offset_topic]
    topics = [_topic(channel, number) for number in page[: min(request.limit, _MOST)]]
    chats = [channel_object(channel, context.viewer)]
    return types.messages.ForumTopics(len(numbers), topics, [], chats, [], channel.pts)


def _topic(channel: Channel, number: int) -> Any:
    thread = channel.threads.get(number, [])
    return fill(
        types.ForumTopic,
        id=number,
        peer=types.PeerChannel(channel.id),
        title=channel.topics[number],
        icon_color=0x6FB9F0,
        top_message=thread[-1] if thread else number,
        from_id=types.PeerChannel(channel.id),
        notify_settings=types.PeerNotifySettings(),
    )


# Missed updates


@handles(functions.updates.GetStateRequest)
def get_state(context: Context, request: Any) -> Any:
    return types.updates.State(1, 0, datetime.now(UTC), 1, 0)


@handles(functions.updates.GetDifferenceRequest)
def get_difference(context: Context, request: Any) -> Any:
    return types.updates.DifferenceEmpty(datetime.now(UTC), 1)


@handles(functions.updates.GetChannelDifferenceRequest)
def get_channel_difference(context: Context, request: Any) -> Any:
    channel, server, viewer = context.channel(request.channel), context.server, context.viewer
    events = channel.events_after(request.pts, min(request.limit, _MOST))
    if not events:
        return types.updates.ChannelDifferenceEmpty(channel.pts, final=True, timeout=30)
    fresh = [event.message for event in events if event.message is not None and event.kind == "new"]
    chats, users = companions(server, channel, [event.message for event in events if event.message], viewer)
    return types.updates.ChannelDifference(
        events[-1].pts,
        [message_object(server, channel, message, viewer) for message in fresh],
        [update_object(server, channel, event, viewer) for event in events if event.kind != "new"],
        chats,
        users,
        final=events[-1].pts == channel.pts,
        timeout=30,
    )
