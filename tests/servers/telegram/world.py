"""What happens in the small Telegram: people join, channels post, messages change and go.

Only changes of the plain data belong here; nothing here knows of connections. A channel may be given as itself, as its
id or its username, a user as itself, as the id or the phone.
"""

from __future__ import annotations

import bisect
import itertools
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from telethon import types

from tests.servers.telegram.loop import LoopOwner, on_loop
from tests.servers.telegram.model import Channel, Event, File, FileKind, Folder, Message, User
from tests.servers.telegram.password import verifier

ChannelRef = Channel | int | str
UserRef = User | int | str

_MIME: dict[FileKind, str] = {
    "document": "application/octet-stream",
    "photo": "image/jpeg",
    "video": "video/mp4",
    "voice": "audio/ogg",
    "audio": "audio/mpeg",
}


class World(LoopOwner):
    """All users, channels and files. `now` is the clock of posts and edits; a test may replace it."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.users: dict[int, User] = {}
        self.channels: dict[int, Channel] = {}
        self.files: dict[int, File] = {}
        self._numbers = itertools.count(1001)

    def announce(self, channel: Channel, event: Event) -> None:
        """Tell those who listen to the channel; whoever has connections overrides it."""

    # People and channels

    @on_loop
    def add_user(
        self,
        first: str = "Alice",
        *,
        phone: str | None = None,
        username: str | None = None,
        password: str | None = None,
    ) -> User:
        """A new user; `password` switches two-factor on."""
        number = next(self._numbers)
        digits = (phone or f"7999{number:07d}").lstrip("+")
        user = User(number, first, digits, username, secret=verifier(password) if password else None)
        self.users[user.id] = user
        return user

    @on_loop
    def add_channel(
        self,
        username: str | None = None,
        title: str = "News",
        *,
        megagroup: bool = False,
        forum: bool = False,
        private: bool = False,
        discussion: bool = False,
        basic: bool = False,
        approval: bool = False,
        admins: Iterable[UserRef] = (),
    ) -> Channel:
        """A new channel. A private one has an invite; `discussion` adds a megagroup for comments; admins are members.

        `basic`: a basic group, which is none; `approval`: whoever asks to join waits for `approve`.
        """
        number = next(self._numbers) + 1_000_000_000
        channel = Channel(number, title, None if private else username, self.now(), megagroup or forum, forum, private)
        channel.basic, channel.approval = basic, approval
        channel.invite = secrets.token_urlsafe(12)
        channel.admins = {self.user(admin).id for admin in admins}
        channel.members = set(channel.admins)
        self.channels[channel.id] = channel
        if discussion:
            channel.discussion = self.add_channel(title=f"{title}: comments", megagroup=True)
        return channel

    def user(self, ref: UserRef) -> User:
        """The user meant; KeyError if there is none."""
        if isinstance(ref, User):
            return ref
        if isinstance(ref, int):
            return self.users[ref]
        found = self.user_by_phone(ref)
        if found is None:
            raise KeyError(f"no user with the phone {ref}")
        return found

    def user_by_phone(self, phone: str) -> User | None:
        """The user with that phone number, if any."""
        digits = "".join(filter(str.isdigit, phone))
        return next((user for user in self.users.values() if user.phone == digits), None)

    def channel(self, ref: ChannelRef) -> Channel:
        """The channel meant; KeyError if there is none."""
        if isinstance(ref, Channel):
            return ref
        if isinstance(ref, int):
            return self.channels[ref]
        found = self.channel_by_name(ref)
        if found is None:
            raise KeyError(f"no channel with the username {ref}")
        return found

    def channel_by_name(self, username: str) -> Channel | None:
        """The channel that has the username now, if any."""
        wanted = username.lstrip("@").lower()
        return next((one for one in self.channels.values() if (one.username or "").lower() == wanted), None)

    @on_loop
    def join(self, channel: ChannelRef, user: UserRef) -> None:
        """Make the user a member."""
        self.channel(channel).members.add(self.user(user).id)

    @on_loop
    def approve(self, channel: ChannelRef, user: UserRef) -> None:
        """Let somebody in who has asked to join; KeyError where the user has not."""
        self.channel(channel).requests.remove(self.user(user).id)
        self.join(channel, user)

    @on_loop
    def kick(self, channel: ChannelRef, user: UserRef) -> None:
        """End a membership: a private channel is closed to the user then."""
        one = self.channel(channel)
        one.members.discard(self.user(user).id)
        one.admins.discard(self.user(user).id)

    @on_loop
    def ban(self, channel: ChannelRef, error: str = "CHANNEL_PRIVATE") -> None:
        """Close a channel to all, as Telegram does: every call answers with `error` (or CHANNEL_INVALID)."""
        one = self.channel(channel)
        one.banned, one.username = error, None

    @on_loop
    def rename(self, channel: ChannelRef, username: str | None) -> None:
        """Give a channel another username (None: make it private); the old one is free then."""
        one = self.channel(channel)
        one.username, one.private = username, username is None

    @on_loop
    def add_folder(self, user: UserRef, title: str, channels: Iterable[ChannelRef]) -> Folder:
        """A chat folder of the user."""
        folders = self.user(user).folders
        folder = Folder(len(folders) + 2, title, [self.channel(one) for one in channels])
        folders.append(folder)
        return folder

    @on_loop
    def add_topic(self, channel: ChannelRef, title: str) -> int:
        """A forum topic; returns its id, which is the id of the service message that opens it."""
        one = self.channel(channel)
        topic = self.post(one, service=types.MessageActionTopicCreate(title=title, icon_color=0x6FB9F0))
        one.topics[topic] = title
        one.threads[topic] = []
        return topic

    # Files

    @on_loop
    def add_file(
        self,
        data: bytes,
        *,
        kind: FileKind = "document",
        mime: str | None = None,
        name: str | None = None,
        thumb: bytes | None = None,
        width: int = 800,
        height: int = 600,
        duration: float = 5,
        dc: int | None = None,
    ) -> int:
        """Store a file and return its id; `dc` makes it live in one data centre only."""
        number = (next(self._numbers) << 40) + secrets.randbits(40)
        self.files[number] = File(number, data, kind, mime or _MIME[kind], name, thumb, width, height, duration, dc)
        return number

    # Messages

    @on_loop
    def post(
        self,
        channel: ChannelRef,
        text: str = "",
        *,
        date: datetime | None = None,
        media: int | None = None,
        grouped_id: int | None = None,
        reply_to: int | None = None,
        forum_topic: int | None = None,
        entities: list[Any] | None = None,
        views: int = 1,
        forwards: int = 0,
        reactions: dict[str, int] | None = None,
        from_user: UserRef | None = None,
        forwarded_from: ChannelRef | tuple[ChannelRef, int] | None = None,
        service: Any = None,
        push: bool = True,
    ) -> int:
        """Post a message and return its id; members hear of it unless `push` is off.

        `forwarded_from` is a channel, (channel, post), or a person's name that starts with `name:`; `service` a TL
        MessageAction, "pin", or a new title.
        """
        one = self.channel(channel)
        message = Message(
            one.next_id,
            date or self.now(),
            text,
            media,
            grouped_id,
            reply_to,
            forum_topic,
            entities,
            views,
            forwards,
            dict(reactions or {}),
            self.user(from_user).id if from_user is not None else None,
            service=_action(service),
        )
        if forwarded_from is not None:
            self._forward(message, forwarded_from)
        self._add(one, message, push)
        if one.discussion is not None and service is None:
            self._copy(one, message, push)
        return message.id

    @on_loop
    def post_many(self, channel: ChannelRef, texts: Sequence[str], *, start: datetime, step: timedelta) -> list[int]:
        """Post plain texts, `step` apart, which nobody hears of; returns their ids."""
        one = self.channel(channel)
        return [self.post(one, text, date=start + step * index, push=False) for index, text in enumerate(texts)]

    @on_loop
    def post_album(
        self,
        channel: ChannelRef,
        media: Sequence[int],
        caption: str | Sequence[str] = "",
        *,
        date: datetime | None = None,
    ) -> list[int]:
        """Post an album; its first message has the caption, or each its own of several. Returns the ids."""
        group, when = secrets.randbits(62), date or self.now()
        given = [caption] if isinstance(caption, str) else list(caption)
        captions = given + [""] * (len(media) - len(given))
        return [
            self.post(channel, text, date=when, media=file, grouped_id=group)
            for text, file in zip(captions, media, strict=True)
        ]

    @on_loop
    def comment(
        self, channel: ChannelRef, post_id: int, text: str, *, user: UserRef, date: datetime | None = None
    ) -> int:
        """Comment on a post of a channel with a discussion; returns the comment's id, which is the discussion's."""
        one = self.channel(channel)
        assert one.discussion is not None
        return self.post(one.discussion, text, date=date, reply_to=one.copies[post_id], from_user=user)

    @on_loop
    def edit(self, channel: ChannelRef, msg_id: int, text: str) -> None:
        """Change a message's text."""
        one = self.channel(channel)
        message = one.messages[msg_id]
        message.text, message.edit_date, message.edit_hidden = text, self.now(), False
        self._changed(one, message)

    @on_loop
    def count(
        self,
        channel: ChannelRef,
        msg_id: int,
        *,
        views: int | None = None,
        forwards: int | None = None,
        reactions: dict[str, int] | None = None,
    ) -> None:
        """Set counters of a message. New reactions move its edit_date too, as Telegram does."""
        one = self.channel(channel)
        message = one.messages[msg_id]
        message.packed = None
        message.views = message.views if views is None else views
        message.forwards = message.forwards if forwards is None else forwards
        if reactions is not None:
            message.edit_hidden = message.edit_date is None or message.edit_hidden
            message.reactions, message.edit_date = dict(reactions), self.now()
            self._changed(one, message)

    @on_loop
    def delete(self, channel: ChannelRef, *ids: int) -> None:
        """Delete messages; a list of ids is never empty."""
        one = self.channel(channel)
        gone = tuple(number for number in ids if number in one.messages)
        for number in gone:
            message = one.messages.pop(number)
            one.ids.pop(bisect.bisect_left(one.ids, number))
            if message.top is not None and number in one.threads.get(message.top, ()):
                one.threads[message.top].remove(number)
                self._thread_changed(one, message.top)
        if gone:
            self.announce(one, one.log("delete", None, gone))

    @on_loop
    def skip_ids(self, channel: ChannelRef, n: int) -> None:
        """Leave a gap of n ids, as messages that were never public do."""
        self.channel(channel).next_id += n

    @on_loop
    def messages(self, channel: ChannelRef) -> dict[int, Message]:
        """What stands now, by id, ascending."""
        one = self.channel(channel)
        return {number: one.messages[number] for number in one.ids}

    @on_loop
    def comments(self, channel: ChannelRef, post_id: int) -> list[int]:
        """Ids of the comments of a post that stand, ascending."""
        one = self.channel(channel)
        return list(one.discussion.threads.get(one.copies[post_id], ())) if one.discussion else []

    def _add(self, channel: Channel, message: Message, push: bool) -> None:
        channel.next_id += 1
        channel.messages[message.id] = message
        channel.ids.append(message.id)
        message.top = self._top(channel, message)
        if message.top is not None:
            channel.threads.setdefault(message.top, []).append(message.id)
            self._thread_changed(channel, message.top)
        event = channel.log("new", message, ())
        if push:
            self.announce(channel, event)

    @staticmethod
    def _top(channel: Channel, message: Message) -> int | None:
        if message.forum_topic is not None:
            return message.forum_topic
        if message.reply_to is None or not channel.megagroup:
            return None
        parent = channel.messages.get(message.reply_to)
        return parent.top if parent and parent.top is not None else message.reply_to

    def _copy(self, channel: Channel, post: Message, push: bool) -> None:
        """Put a post into the discussion, as Telegram does at once: comments are replies to the copy."""
        assert channel.discussion is not None
        peer = types.PeerChannel(channel.id)
        copy = Message(channel.discussion.next_id, post.date, post.text, post.media, post.grouped_id)
        copy.forward = types.MessageFwdHeader(
            post.date, from_id=peer, channel_post=post.id, saved_from_peer=peer, saved_from_msg_id=post.id
        )
        copy.forward_channel = channel
        channel.copies[post.id] = copy.id
        self._add(channel.discussion, copy, push)

    def _forward(self, message: Message, source: ChannelRef | tuple[ChannelRef, int]) -> None:
        if isinstance(source, str) and source.startswith("name:"):
            message.forward = types.MessageFwdHeader(message.date, from_name=source.removeprefix("name:"))
            return
        origin, post = source if isinstance(source, tuple) else (source, None)
        message.forward_channel = self.channel(origin)
        message.forward = types.MessageFwdHeader(
            message.date, from_id=types.PeerChannel(message.forward_channel.id), channel_post=post
        )

    def _changed(self, channel: Channel, message: Message) -> None:
        message.packed = None
        self.announce(channel, channel.log("edit", message, ()))

    def _thread_changed(self, channel: Channel, top: int) -> None:
        """Forget the bytes of what shows the number of replies: the first message, and the post it copies."""
        first = channel.messages.get(top)
        if first is None:
            return
        first.packed = None
        if first.forward_channel is not None and first.forward.saved_from_msg_id:
            post = first.forward_channel.messages.get(first.forward.saved_from_msg_id)
            if post is not None:
                post.packed = None


def _action(service: Any) -> Any:
    if service == "pin":
        return types.MessageActionPinMessage()
    return types.MessageActionChatEditTitle(service) if isinstance(service, str) else service
