"""How users, channels, files and messages look to one session: TL objects made of plain data.

Access hashes differ from session to session, and a file reference lasts for a while only.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from telethon import types

from tests.servers.telegram.model import Channel, Event, File, Message, User, Viewer
from tests.servers.telegram.tl import Packed, access_hash, fill

if TYPE_CHECKING:
    from tests.servers.telegram.server import TelegramServer


def user_object(user: User, viewer: Viewer) -> Any:
    """The User as the viewer sees it."""
    return types.User(
        id=user.id,
        is_self=user.id == viewer.user_id,
        access_hash=access_hash("user", user.id, viewer.session),
        first_name=user.first,
        username=user.username,
        phone=user.phone if user.id == viewer.user_id else None,
    )


def channel_object(channel: Channel, viewer: Viewer) -> Any:
    """The Channel (or basic group) as the viewer sees it."""
    if channel.basic:
        return fill(
            types.Chat, id=channel.id, title=channel.title, photo=types.ChatPhotoEmpty(), date=channel.date,
            participants_count=len(channel.members), version=1,
        )  # fmt: skip
    admin = viewer.user_id in channel.admins
    return types.Channel(
        id=channel.id,
        title=channel.title,
        photo=types.ChatPhotoEmpty(),
        date=channel.date,
        left=viewer.user_id not in channel.members,
        broadcast=not channel.megagroup,
        megagroup=channel.megagroup,
        forum=channel.forum,
        has_link=channel.discussion is not None,
        access_hash=access_hash("channel", channel.id, viewer.session),
        username=channel.username,
        admin_rights=types.ChatAdminRights(post_messages=True, edit_messages=True) if admin else None,
        participants_count=len(channel.members),
    )


def media_object(server: TelegramServer, file: File, viewer: Viewer) -> Any:
    """The MessageMedia of a file, with a fresh file reference."""
    reference = file_reference(server)
    identity = (file.id, access_hash("file", file.id, viewer.session), reference)
    home = file.dc or server.users[viewer.user_id].dc
    now = server.now()
    small = [types.PhotoSize("m", file.width // 4, file.height // 4, len(file.thumb))] if file.thumb else []
    if file.kind == "photo":
        sizes = [*small, types.PhotoSize("y", file.width, file.height, len(file.data))]
        return types.MessageMediaPhoto(photo=types.Photo(*identity, now, sizes, home))
    document = types.Document(
        *identity, now, file.mime, len(file.data), home, attributes=_attributes(file), thumbs=small or None
    )
    return types.MessageMediaDocument(document=document)


def _attributes(file: File) -> list[Any]:
    attributes: list[Any] = []
    if file.kind == "video":
        attributes.append(types.DocumentAttributeVideo(file.duration, file.width, file.height))
    elif file.kind in ("voice", "audio"):
        attributes.append(types.DocumentAttributeAudio(int(file.duration), voice=file.kind == "voice"))
    if file.name:
        attributes.append(types.DocumentAttributeFilename(file.name))
    return attributes


def file_reference(server: TelegramServer) -> bytes:
    """A reference that says until when it is good, and of which generation it is."""
    return struct.pack("<Id", server.reference_generation, time.time() + server.file_reference_seconds)


def reference_is_good(server: TelegramServer, reference: bytes) -> bool:
    """Whether a file may be read with the reference now."""
    if len(reference) != 12:
        return False
    generation, until = struct.unpack("<Id", reference)
    return bool(generation == server.reference_generation and until > time.time())


def message_object(server: TelegramServer, channel: Channel, message: Message, viewer: Viewer) -> Any:
    """The Message (or MessageService) as the viewer sees it; its bytes are kept where all see the same."""
    if message.packed is not None:
        return Packed(message.packed)
    file = server.files[message.media] if message.media is not None else None
    media = media_object(server, file, viewer) if file else None
    whole = _service(channel, message) if message.service is not None else _message(channel, message, media)
    if file is not None:
        return whole
    message.packed = bytes(whole)
    return Packed(message.packed)


def _service(channel: Channel, message: Message) -> Any:
    return types.MessageService(
        id=message.id,
        peer_id=types.PeerChannel(channel.id),
        date=message.date,
        action=message.service,
        post=not channel.megagroup,
        from_id=types.PeerUser(message.from_user) if message.from_user else None,
        reply_to=_reply_to(message),
    )


def _message(channel: Channel, message: Message, media: Any) -> Any:
    broadcast = not channel.megagroup
    return types.Message(
        id=message.id,
        peer_id=types.PeerChannel(channel.id),
        date=message.date,
        message=message.text,
        post=broadcast,
        from_id=types.PeerUser(message.from_user) if message.from_user else None,
        fwd_from=message.forward,
        reply_to=_reply_to(message),
        media=media,
        entities=message.entities,
        views=message.views if broadcast else None,
        forwards=message.forwards if broadcast else None,
        replies=replies_object(channel, message),
        edit_date=message.edit_date,
        edit_hide=message.edit_hidden or None,
        grouped_id=message.grouped_id,
        reactions=_reactions(message),
    )


def _reply_to(message: Message) -> Any:
    target = message.reply_to or message.forum_topic
    if target is None:
        return None
    top = message.top if message.top != target else None
    return types.MessageReplyHeader(
        reply_to_msg_id=target, reply_to_top_id=top, forum_topic=message.forum_topic is not None or None
    )


def replies_object(channel: Channel, message: Message) -> Any:
    """The MessageReplies of a message: the comments of a post, or the replies in a group; None where there is none."""
    if channel.discussion is not None:
        comments = channel.discussion.threads.get(channel.copies.get(message.id, 0), [])
        return types.MessageReplies(
            replies=len(comments),
            replies_pts=1,
            comments=True,
            channel_id=channel.discussion.id,
            max_id=comments[-1] if comments else None,
        )
    thread = channel.threads.get(message.id)
    return types.MessageReplies(replies=len(thread), replies_pts=1, max_id=thread[-1]) if thread else None


def _reactions(message: Message) -> Any:
    if not message.reactions:
        return None
    counts = [types.ReactionCount(types.ReactionEmoji(emoji), count) for emoji, count in message.reactions.items()]
    return types.MessageReactions(counts)


def companions(
    server: TelegramServer, channel: Channel, messages: Iterable[Message], viewer: Viewer
) -> tuple[list[Any], list[Any]]:
    """The chats and the users that messages speak of, the channel first."""
    chats, users = {channel.id: channel}, set()
    if channel.discussion is not None:
        chats[channel.discussion.id] = channel.discussion
    for message in messages:
        if message.forward_channel is not None:
            chats.setdefault(message.forward_channel.id, message.forward_channel)
        if message.from_user is not None:
            users.add(message.from_user)
    return (
        [channel_object(chat, viewer) for chat in chats.values()],
        [user_object(server.users[user], viewer) for user in sorted(users)],
    )


def channel_messages(server: TelegramServer, channel: Channel, page: list[Message], count: int, viewer: Viewer) -> Any:
    """The ChannelMessages of a page; `count` is how many there are in all."""
    chats, users = companions(server, channel, page, viewer)
    objects = [message_object(server, channel, message, viewer) for message in page]
    return types.messages.ChannelMessages(channel.pts, count, objects, [], chats, users)


def update_object(server: TelegramServer, channel: Channel, event: Event, viewer: Viewer) -> Any:
    """The Update of one entry of a channel's log."""
    if event.message is None:
        return types.UpdateDeleteChannelMessages(channel.id, list(event.deleted), event.pts, event.count)
    kind = types.UpdateNewChannelMessage if event.kind == "new" else types.UpdateEditChannelMessage
    return kind(message_object(server, channel, event.message, viewer), event.pts, event.count)


def updates_object(server: TelegramServer, channel: Channel, event: Event, viewer: Viewer) -> Any:
    """The Updates that carry one entry of a channel's log to a member."""
    chats, users = companions(server, channel, [event.message] if event.message else [], viewer)
    return types.Updates([update_object(server, channel, event, viewer)], users, chats, datetime.now(UTC), 0)


def full_channel(server: TelegramServer, channel: Channel, viewer: Viewer) -> Any:
    """The ChatFull of a channel."""
    linked = channel.discussion or next((one for one in server.channels.values() if one.discussion is channel), None)
    full = fill(
        types.ChannelFull,
        id=channel.id,
        about=channel.title,
        chat_photo=types.PhotoEmpty(0),
        notify_settings=types.PeerNotifySettings(),
        pts=channel.pts,
        participants_count=len(channel.members),
        linked_chat_id=linked.id if linked else None,
    )
    chats = [channel_object(one, viewer) for one in (channel, linked) if one is not None]
    return types.messages.ChatFull(full, chats, [])
