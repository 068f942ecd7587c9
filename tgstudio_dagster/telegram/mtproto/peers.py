"""Who is who on Telegram: the account itself, and the channels and supergroups that it sees.

What was posted in them is `messages.py`; which of them are read is the catalog's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from telethon import errors, utils
from telethon.tl import functions, types

from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.core.errors import (
    ApprovalNeededError,
    AuthorityLostError,
    ChannelLostError,
    NotFoundError,
    TelegramError,
)
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.reading.references import ChannelId, Invite, Reference, Username

_PAGE = 100
_INVITE_OVER = (errors.InviteHashEmptyError, errors.InviteHashExpiredError, errors.InviteHashInvalidError)


@dataclass(frozen=True)
class PeerKey:
    """What one session needs to name a channel. The access hash is that session's own: any other is refused with it."""

    channel_id: int
    access_hash: int


@dataclass(frozen=True)
class Peer:
    """A channel as an account sees it. `members` where Telegram told; `discussion`, the linked group, only by `look`."""

    key: PeerKey
    username: str | None
    title: str
    kind: Literal["channel", "supergroup"]
    members: int | None
    joined: bool
    discussion: int | None = None

    @property
    def visibility(self) -> Literal["public", "private"]:
        """Public where it has a username: then anyone sees it."""
        return "public" if self.username else "private"

    @property
    def seen(self) -> ChannelSeen:
        """What the catalog keeps of it."""
        return ChannelSeen(self.key.channel_id, self.username, self.title, self.kind)


@dataclass(frozen=True)
class Me:
    """The user whose session it is."""

    telegram_id: int
    name: str
    username: str | None


def input_channel(key: PeerKey) -> types.InputChannel:
    """The channel, as requests of `channels.` name it."""
    return types.InputChannel(key.channel_id, key.access_hash)


def input_peer(key: PeerKey) -> types.InputPeerChannel:
    """The channel, as requests of `messages.` name it."""
    return types.InputPeerChannel(key.channel_id, key.access_hash)


async def me(client: Client) -> Me:
    """The session's user. Raises AuthorityLostError where it has none."""
    users = await client.call(functions.users.GetUsersRequest([types.InputUserSelf()]))
    user = next((user for user in users if isinstance(user, types.User)), None)
    if user is None:
        raise AuthorityLostError("expired", "The session belongs to no user. Pair it again.")
    return Me(user.id, utils.get_display_name(user) or str(user.id), _username_of(user))


async def resolve(
    client: Client, reference: Reference, *, known: PeerKey | None = None, join: bool = False, asked: bool = False
) -> Peer:
    """The channel that a reference stands for.

    A username is asked for (paced: too many lock an account); an id opens only with the account's own key, `known`; an
    invite opens where the account has joined already, or joins now with `join`; `asked`: the admins have been asked to
    let it in before, and are not asked again.
    Raises ChannelLostError where the account sees no such channel, TelegramError where it is no channel, and with `join`
    ApprovalNeededError while the admins have not answered.
    """
    if isinstance(reference, ChannelId):
        if known is None or known.channel_id != reference.id:
            raise ChannelLostError(
                f"Channel {reference}: an id opens a channel only for an account that has met it. Name it by @username or "
                "invite, or join it with this account: then its dialogs tell."
            )
        return await look(client, known)
    if isinstance(reference, Invite):
        return await (_join_invite(client, reference, asked=asked) if join else _open_invite(client, reference))
    peer = await _resolve_username(client, reference)
    return await _join_channel(client, peer) if join and not peer.joined else peer


async def join(client: Client, whom: Reference | Peer) -> Peer:
    """Join a channel; having joined before is fine.

    Raises ApprovalNeededError where its admins have to let the account in first, and what `resolve` does.
    """
    return await (_join_channel(client, whom) if isinstance(whom, Peer) else resolve(client, whom, join=True))


async def look(client: Client, key: PeerKey) -> Peer:
    """The channel as it is now, with members and discussion group. Raises ChannelLostError where it is not seen any more."""
    full = await client.call(functions.channels.GetFullChannelRequest(input_channel(key)), paged=True)
    peer = _found(full.chats, key.channel_id)
    about = full.full_chat
    return Peer(
        peer.key, peer.username, peer.title, peer.kind, about.participants_count, peer.joined, about.linked_chat_id
    )


async def dialogs(client: Client, *, folder: str | None = None) -> list[Peer]:
    """The channels and supergroups among the account's dialogs (archived ones too), or of one of its folders, by title.

    A folder's rules about muted and read dialogs are passed over: they change by the minute. Raises NotFoundError where
    there is no such folder.
    """
    if folder is None:
        return [peer for peer, _ in await _every_dialog(client)]
    rule = await _folder(client, folder)
    named = [peer for peer in [*rule.pinned_peers, *rule.include_peers] if isinstance(peer, types.InputPeerChannel)]
    members = {peer.key.channel_id: peer for peer in await _channels(client, named)}
    kinds = {"channel": getattr(rule, "broadcasts", None), "supergroup": getattr(rule, "groups", None)}
    if any(kinds.values()):
        left_out = {peer.channel_id for peer in rule.exclude_peers if isinstance(peer, types.InputPeerChannel)}
        for peer, archived in await _every_dialog(client):
            if kinds[peer.kind] and peer.key.channel_id not in left_out and not (archived and rule.exclude_archived):
                members.setdefault(peer.key.channel_id, peer)
    return list(members.values())


async def log_out(client: Client) -> None:
    """End the session at Telegram; a session that has ended already is fine."""
    try:
        await client.call(functions.auth.LogOutRequest())
    except AuthorityLostError:
        return


async def _resolve_username(client: Client, reference: Username) -> Peer:
    try:
        found = await client.call(
            functions.contacts.ResolveUsernameRequest(reference.name),
            raising=(errors.UsernameNotOccupiedError, errors.UsernameInvalidError),
        )
    except (errors.UsernameNotOccupiedError, errors.UsernameInvalidError) as error:
        raise ChannelLostError(f"{reference}: nobody on Telegram has this username.") from error
    if not isinstance(found.peer, types.PeerChannel):
        raise TelegramError(f"{reference}: a person, a bot or a basic group; only channels and supergroups are read.")
    return _found(found.chats, found.peer.channel_id)


async def _open_invite(client: Client, reference: Invite) -> Peer:
    invite = await _checked(client, reference)
    if isinstance(invite, types.ChatInviteAlready):
        return _found([invite.chat], invite.chat.id)
    raise ChannelLostError(f"The invite is to {_title_of(invite)!r}, which this account has not joined; join it first.")


async def _join_invite(client: Client, reference: Invite, *, asked: bool) -> Peer:
    """Look at what the invite is to, and join it only where it can be read then."""
    invite = await _checked(client, reference)
    if isinstance(invite, types.ChatInviteAlready):
        return _found([invite.chat], invite.chat.id)
    title = _title_of(invite)
    if isinstance(invite, types.ChatInvite):
        if not (invite.channel or invite.megagroup):
            raise _basic_group(title)
        if invite.subscription_pricing is not None:
            raise TelegramError(f"{title!r} is joined by a paid subscription: join it in Telegram, then try again.")
    if asked:
        raise _unapproved(title)
    try:
        joined = await client.call(
            functions.messages.ImportChatInviteRequest(reference.hash),
            raising=(errors.UserAlreadyParticipantError, errors.InviteRequestSentError),
        )
    except errors.UserAlreadyParticipantError:
        return await _open_invite(client, reference)
    except errors.InviteRequestSentError as error:
        raise _unapproved(title) from error
    chats = _chats_of(joined)
    return _found(chats, next((chat.id for chat in chats if isinstance(chat, types.Channel | types.Chat)), 0))


async def _checked(client: Client, reference: Invite) -> Any:
    try:
        return await client.call(functions.messages.CheckChatInviteRequest(reference.hash), raising=_INVITE_OVER)
    except _INVITE_OVER as error:
        raise ChannelLostError(f"{reference}: the invite is wrong, used up or withdrawn; ask for a new one.") from error


def _title_of(invite: Any) -> str:
    return str(invite.title if isinstance(invite, types.ChatInvite) else invite.chat.title)


async def _join_channel(client: Client, peer: Peer) -> Peer:
    try:
        joined = await client.call(
            functions.channels.JoinChannelRequest(input_channel(peer.key)),
            raising=(errors.UserAlreadyParticipantError, errors.InviteRequestSentError),
        )
    except errors.UserAlreadyParticipantError:
        return await look(client, peer.key)
    except errors.InviteRequestSentError as error:
        raise _unapproved(peer.title) from error
    return _found(_chats_of(joined), peer.key.channel_id)


def _chats_of(joined: Any) -> list[Any]:
    """The chats of a join's answer; older layers answer with the updates themselves."""
    if isinstance(joined, types.messages.ChatInviteJoinResultWebView):
        raise TelegramError(
            "Joining asks for a step in Telegram itself (a payment or a form); join there, then try again."
        )
    return list(getattr(joined, "updates", joined).chats)


def _unapproved(title: str) -> ApprovalNeededError:
    return ApprovalNeededError(
        f"{title!r}: its admins have been asked to let this account in, and have not answered yet."
    )


def _basic_group(title: str) -> TelegramError:
    return TelegramError(f"{title!r} is a basic group; only channels and supergroups are read.")


async def _every_dialog(client: Client) -> list[tuple[Peer, bool]]:
    """All dialogs with channels, and whether each is archived: page by page, newest first."""
    found: dict[int, tuple[Peer, bool]] = {}
    met: set[tuple[str, int]] = set()
    offset: dict[str, Any] = {"offset_date": None, "offset_id": 0, "offset_peer": types.InputPeerEmpty()}
    while True:
        request = functions.messages.GetDialogsRequest(**offset, limit=_PAGE, hash=0)
        page = await client.call(request, paged=True, follows=bool(met))
        chats = {chat.id: chat for chat in page.chats if isinstance(chat, types.Channel) and chat.access_hash}
        # A DialogFolder stands for the archive as a whole; what is in it comes as dialogs too.
        told = [dialog for dialog in page.dialogs if isinstance(dialog, types.Dialog)]
        fresh = [dialog for dialog in told if _place(dialog.peer) not in met]
        met |= {_place(dialog.peer) for dialog in fresh}
        for dialog in fresh:
            channel = chats.get(getattr(dialog.peer, "channel_id", 0))
            if channel is not None:
                found[channel.id] = _peer(channel), dialog.folder_id == 1
        if not fresh or isinstance(page, types.messages.Dialogs):
            return list(found.values())
        if (following := _next_offset(page)) is None:
            if len(met) >= page.count:
                return list(found.values())
            raise TelegramError("messages.getDialogs: the answer does not tell where the next page begins.")
        offset = following


def _next_offset(page: Any) -> dict[str, Any] | None:
    """Where the next page of dialogs begins: behind the last dialog whose top message and peer are told; None without any."""
    entities = {utils.get_peer_id(entity): entity for entity in [*page.chats, *page.users]}
    dated = [message for message in page.messages if message.peer_id and message.date]
    dates = {(utils.get_peer_id(message.peer_id), message.id): message.date for message in dated}
    for dialog in reversed(page.dialogs):
        peer_id = utils.get_peer_id(dialog.peer)
        if peer_id in entities and (peer_id, dialog.top_message) in dates:
            return {
                "offset_date": dates[peer_id, dialog.top_message],
                "offset_id": dialog.top_message,
                "offset_peer": utils.get_input_peer(entities[peer_id], check_hash=False),
            }
    return None


def _place(peer: Any) -> tuple[str, int]:
    return type(peer).__name__, utils.get_peer_id(peer)


async def _folder(client: Client, title: str) -> Any:
    answer = await client.call(functions.messages.GetDialogFiltersRequest())
    # DialogFilterDefault, "All chats", has no title.
    rules = {_plain(rule.title): rule for rule in getattr(answer, "filters", answer) if hasattr(rule, "title")}
    for name, rule in rules.items():
        if name.casefold() == title.strip().casefold():
            return rule
    has = ", ".join(repr(name) for name in rules) or "none"
    raise NotFoundError(f"folder {title!r}: this account has no such folder; it has: {has}.")


def _plain(title: Any) -> str:
    return title if isinstance(title, str) else str(title.text)


async def _channels(client: Client, named: list[types.InputPeerChannel]) -> list[Peer]:
    """The named channels, those left out that the account does not see any more."""
    peers: list[Peer] = []
    for at in range(0, len(named), _PAGE):
        keys: list[Any] = [types.InputChannel(peer.channel_id, peer.access_hash) for peer in named[at : at + _PAGE]]
        answer = await client.call(functions.channels.GetChannelsRequest(keys), paged=True)
        peers += [_peer(chat) for chat in answer.chats if isinstance(chat, types.Channel) and chat.access_hash]
    return peers


def _found(chats: Iterable[Any], channel_id: int) -> Peer:
    """The channel among an answer's chats."""
    chat = next((chat for chat in chats if chat.id == channel_id), None)
    if isinstance(chat, types.ChannelForbidden):
        raise ChannelLostError(
            f"This account can't see {chat.title!r} any more: it is private, or it has shut the account out."
        )
    if isinstance(chat, types.Chat | types.ChatForbidden):
        raise _basic_group(chat.title)
    if not isinstance(chat, types.Channel) or not chat.access_hash:
        raise ChannelLostError("This account can't see it: Telegram's answer does not hold the channel.")
    return _peer(chat)


def _peer(channel: types.Channel) -> Peer:
    return Peer(
        key=PeerKey(channel.id, channel.access_hash or 0),
        username=_username_of(channel),
        title=channel.title,
        kind="supergroup" if channel.megagroup else "channel",
        members=channel.participants_count,
        joined=not channel.left,
    )


def _username_of(entity: types.Channel | types.User) -> str | None:
    active = (name.username for name in entity.usernames or () if name.active)
    return entity.username or next(active, None)
