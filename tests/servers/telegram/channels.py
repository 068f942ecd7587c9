"""Finding, joining and listing channels, and what else an account sees: users, dialogs, folders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from telethon import functions, types

from tests.servers.telegram.dispatch import Context, handles
from tests.servers.telegram.model import Channel
from tests.servers.telegram.render import channel_object, companions, full_channel, message_object, user_object
from tests.servers.telegram.tl import Refusal, access_hash, fill, real_date


@handles(functions.users.GetUsersRequest)
def get_users(context: Context, request: Any) -> Any:
    return [_user(context, given) for given in request.id]


@handles(functions.users.GetFullUserRequest)
def get_full_user(context: Context, request: Any) -> Any:
    user = _user(context, request.id)
    if isinstance(user, types.UserEmpty):
        raise Refusal(400, "USER_ID_INVALID")
    full = fill(types.UserFull, id=user.id, settings=types.PeerSettings(), notify_settings=types.PeerNotifySettings())
    return types.users.UserFull(full, [], [user])


def _user(context: Context, given: Any) -> Any:
    if isinstance(given, types.InputUserSelf):
        return user_object(context.user, context.viewer)
    user = context.server.users.get(getattr(given, "user_id", 0))
    if user is None or given.access_hash != access_hash("user", user.id, context.key.session):
        return types.UserEmpty(getattr(given, "user_id", 0))
    return user_object(user, context.viewer)


@handles(functions.contacts.ResolveUsernameRequest)
def resolve_username(context: Context, request: Any) -> Any:
    channel = context.server.channel_by_name(request.username)
    if channel is not None:
        return types.contacts.ResolvedPeer(types.PeerChannel(channel.id), [channel_object(channel, context.viewer)], [])
    for user in context.server.users.values():
        if user.username and user.username.lower() == request.username.lower():
            return types.contacts.ResolvedPeer(types.PeerUser(user.id), [], [user_object(user, context.viewer)])
    raise Refusal(400, "USERNAME_NOT_OCCUPIED")


@handles(functions.channels.GetChannelsRequest)
def get_channels(context: Context, request: Any) -> Any:
    return types.messages.Chats([channel_object(context.channel(given), context.viewer) for given in request.id])


@handles(functions.channels.GetFullChannelRequest)
def get_full_channel(context: Context, request: Any) -> Any:
    return full_channel(context.server, context.channel(request.channel), context.viewer)


# Membership


@handles(functions.channels.JoinChannelRequest)
def join_channel(context: Context, request: Any) -> Any:
    return _join(context, context.channel(request.channel))


@handles(functions.channels.LeaveChannelRequest)
def leave_channel(context: Context, request: Any) -> Any:
    channel = context.channel(request.channel)
    if context.me not in channel.members:
        raise Refusal(400, "USER_NOT_PARTICIPANT")
    channel.members.discard(context.me)
    return _channel_updates(context, channel)


@handles(functions.messages.CheckChatInviteRequest)
def check_chat_invite(context: Context, request: Any) -> Any:
    channel = _invited(context, request.hash)
    if context.me in channel.members:
        return types.ChatInviteAlready(channel_object(channel, context.viewer))
    flags = {"broadcast": not channel.megagroup, "megagroup": channel.megagroup, "public": not channel.private}
    return fill(
        types.ChatInvite,
        title=channel.title,
        photo=types.PhotoEmpty(0),
        participants_count=len(channel.members),
        request_needed=channel.approval,
        **({} if channel.basic else {"channel": True, **flags}),
    )


@handles(functions.messages.ImportChatInviteRequest)
def import_chat_invite(context: Context, request: Any) -> Any:
    return _join(context, _invited(context, request.hash))


def _invited(context: Context, invite: str) -> Channel:
    for channel in context.server.channels.values():
        if channel.invite == invite and not channel.banned:
            return channel
    raise Refusal(400, "INVITE_HASH_EXPIRED")


def _join(context: Context, channel: Channel) -> Any:
    if context.me in channel.members:
        raise Refusal(400, "USER_ALREADY_PARTICIPANT")
    if channel.approval:
        channel.requests.add(context.me)
        raise Refusal(400, "INVITE_REQUEST_SENT")
    channel.members.add(context.me)
    return types.messages.ChatInviteJoinResultOk(_channel_updates(context, channel))


def _channel_updates(context: Context, channel: Channel) -> Any:
    chats = [channel_object(channel, context.viewer)]
    return types.Updates([types.UpdateChannel(channel.id)], [], chats, datetime.now(UTC), 0)


# Dialogs and folders


@handles(functions.messages.GetDialogsRequest)
def get_dialogs(context: Context, request: Any) -> Any:
    # Newest first, as Telegram lists them; the page begins after the dialog that the offset names.
    joined = sorted(_joined(context), key=lambda one: (_last_date(one), one.id), reverse=True)
    start = 0
    offset = real_date(request.offset_date)
    at = getattr(request.offset_peer, "channel_id", None)
    if at is not None:
        start = next((index + 1 for index, one in enumerate(joined) if one.id == at), len(joined))
    elif offset is not None:
        start = sum(_last_date(one) >= offset for one in joined)
    page = joined[start : start + min(request.limit, 100)]
    tops = [(one, one.messages[one.ids[-1]]) for one in page if one.ids]
    chats, users = {}, {context.me: user_object(context.user, context.viewer)}
    for one in page:
        mine, theirs = companions(
            context.server, one, [message for owner, message in tops if owner is one], context.viewer
        )
        chats.update({chat.id: chat for chat in mine})
        users.update({user.id: user for user in theirs})
    return types.messages.DialogsSlice(
        len(joined),
        [_dialog(one) for one in page],
        [message_object(context.server, one, message, context.viewer) for one, message in tops],
        list(chats.values()),
        list(users.values()),
    )


@handles(functions.messages.GetDialogFiltersRequest)
def get_dialog_filters(context: Context, request: Any) -> Any:
    filters: list[Any] = [types.DialogFilterDefault()]
    for folder in context.user.folders:
        peers = [
            types.InputPeerChannel(one.id, access_hash("channel", one.id, context.key.session))
            for one in folder.channels
        ]
        filters.append(
            fill(
                types.DialogFilter,
                id=folder.id,
                title=types.TextWithEntities(folder.title, []),
                include_peers=peers,
            )
        )
    return types.messages.DialogFilters(filters)


def _joined(context: Context) -> list[Channel]:
    return [
        one for one in context.server.channels.values() if context.me in one.members and not (one.banned or one.basic)
    ]


def _last_date(channel: Channel) -> datetime:
    return channel.messages[channel.ids[-1]].date if channel.ids else channel.date


def _dialog(channel: Channel) -> Any:
    return fill(
        types.Dialog,
        peer=types.PeerChannel(channel.id),
        top_message=channel.ids[-1] if channel.ids else 0,
        notify_settings=types.PeerNotifySettings(),
        pts=channel.pts,
    )
