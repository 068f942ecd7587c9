"""Who an account sees: itself, channels by username, invite and id, its dialogs and folders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from pydantic import SecretStr
from telethon import functions, types

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import User
from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.core.errors import (
    ApprovalNeededError,
    AuthorityLostError,
    ChannelLostError,
    NotFoundError,
    TelegramError,
)
from tgstudio_dagster.telegram.mtproto.client import Client, connected
from tgstudio_dagster.telegram.mtproto.peers import Me, dialogs, join, log_out, look, me, resolve
from tgstudio_dagster.telegram.reading.references import ChannelId, Invite, Username

T = TypeVar("T")


class Desk:
    """People who are signed in."""

    def __init__(self, telegram: TelegramServer, folder: Path) -> None:
        self.telegram = telegram
        self._settings = telegram.settings(folder)
        self._sessions: dict[int, SecretStr] = {}
        self.alice = telegram.add_user("Alice", username="alice")

    def run(self, work: Callable[[Client], Awaitable[T]], user: User | None = None) -> T:
        """Do the work with a connected client of the user (Alice)."""
        one = user or self.alice
        session = self._sessions.setdefault(one.id, SecretStr(self.telegram.session(one)))

        async def work_connected() -> T:
            async with connected(self._settings, session) as client:
                return await work(client)

        return asyncio.run(work_connected())


@pytest.fixture
def desk(telegram: TelegramServer, tmp_path: Path) -> Desk:
    return Desk(telegram, tmp_path)


def test_a_session_knows_its_user(desk: Desk) -> None:
    assert desk.run(me) == Me(desk.alice.id, "Alice", "alice")
    nameless = desk.telegram.add_user("")
    assert desk.run(me, nameless) == Me(nameless.id, str(nameless.id), None)


def test_a_public_channel_is_found_by_its_username(desk: Desk) -> None:
    channel = desk.telegram.add_channel("World", "World news")
    peer = desk.run(lambda client: resolve(client, Username("world")))
    assert (peer.key.channel_id, peer.username, peer.title) == (channel.id, "World", "World news")
    assert (peer.kind, peer.visibility, peer.joined) == ("channel", "public", False)
    assert peer.seen == ChannelSeen(channel.id, "World", "World news", "channel")
    assert desk.telegram.calls("channels.joinChannel") == []


def test_every_account_has_its_own_access_hash(desk: Desk) -> None:
    desk.telegram.add_channel("world")
    keys = {
        desk.run(lambda client: resolve(client, Username("world")), user).key
        for user in (desk.alice, desk.telegram.add_user("Bob"))
    }
    assert len(keys) == 2


def test_a_username_of_nobody_or_of_a_person_is_refused(desk: Desk) -> None:
    with pytest.raises(ChannelLostError, match="@nobody1: nobody"):
        desk.run(lambda client: resolve(client, Username("nobody1")))
    with pytest.raises(TelegramError, match="@alice: a person"):
        desk.run(lambda client: resolve(client, Username("alice")))


def test_a_username_that_moved_means_its_new_channel(desk: Desk) -> None:
    old, new = desk.telegram.add_channel("world"), desk.telegram.add_channel("other")
    before = desk.run(lambda client: resolve(client, Username("world")))
    desk.telegram.rename(old, "world_old")
    desk.telegram.rename(new, "world")
    after = desk.run(lambda client: resolve(client, Username("world")))
    assert (before.key.channel_id, after.key.channel_id) == (old.id, new.id)
    assert desk.run(lambda client: look(client, before.key)).username == "world_old"


def test_an_id_opens_with_the_accounts_own_key_only(desk: Desk) -> None:
    channel = desk.telegram.add_channel("world")
    key = desk.run(lambda client: resolve(client, Username("world"))).key
    by_id = ChannelId(channel.id)
    assert desk.run(lambda client: resolve(client, by_id, known=key)).username == "world"
    with pytest.raises(ChannelLostError, match="has met it"):
        desk.run(lambda client: resolve(client, by_id))
    with pytest.raises(ChannelLostError):
        desk.run(lambda client: resolve(client, by_id, known=key), desk.telegram.add_user("Bob"))


def test_an_invite_opens_after_joining(desk: Desk) -> None:
    channel = desk.telegram.add_channel(title="Closed", private=True)
    invite = Invite(channel.invite or "")
    with pytest.raises(ChannelLostError, match="'Closed'.*has not joined"):
        desk.run(lambda client: resolve(client, invite))
    peer = desk.run(lambda client: resolve(client, invite, join=True))
    assert (peer.key.channel_id, peer.visibility, peer.joined) == (channel.id, "private", True)
    assert desk.run(lambda client: resolve(client, invite)) == peer
    assert desk.run(lambda client: join(client, invite)).key == peer.key
    with pytest.raises(ChannelLostError, match="AbCdEfGhIjKlMnOp: the invite is wrong, used up or withdrawn"):
        desk.run(lambda client: resolve(client, Invite("AbCdEfGhIjKlMnOp")))


def test_a_channel_is_joined_once_and_again_is_fine(desk: Desk) -> None:
    channel = desk.telegram.add_channel("world")
    peer = desk.run(lambda client: resolve(client, Username("world")))
    assert desk.run(lambda client: join(client, peer)).joined
    assert desk.run(lambda client: join(client, peer)).joined
    assert desk.run(lambda client: join(client, Username("world"))).joined
    assert desk.alice.id in channel.members
    assert len(desk.telegram.calls("channels.joinChannel")) == 2, "a member has no need to join"


def test_an_invite_that_admins_have_to_approve_says_so(desk: Desk) -> None:
    channel = desk.telegram.add_channel(title="Club", private=True, approval=True)
    invite = Invite(channel.invite or "")
    for asked in (False, True):
        with pytest.raises(ApprovalNeededError, match="'Club'.*admins"):
            desk.run(lambda client, asked=asked: resolve(client, invite, join=True, asked=asked))
    assert len(desk.telegram.calls("messages.importChatInvite")) == 1, "the admins are asked once"
    desk.telegram.approve(channel, desk.alice)
    assert desk.run(lambda client: resolve(client, invite, join=True, asked=True)).joined
    open_club = desk.telegram.add_channel("open_club", approval=True)
    with pytest.raises(ApprovalNeededError, match="admins"):
        desk.run(lambda client: join(client, Username("open_club")))
    assert desk.alice.id in open_club.requests


def test_an_invite_to_a_basic_group_or_a_paid_channel_is_told_before_anything_is_joined(desk: Desk) -> None:
    group = desk.telegram.add_channel(title="Family", private=True, basic=True)
    with pytest.raises(TelegramError, match="'Family' is a basic group"):
        desk.run(lambda client: resolve(client, Invite(group.invite or ""), join=True))
    assert desk.alice.id not in group.members and not desk.telegram.calls("messages.importChatInvite")
    desk.telegram.join(group, desk.alice)
    with pytest.raises(TelegramError, match="'Family' is a basic group"):
        desk.run(lambda client: resolve(client, Invite(group.invite or ""), join=True))
    paid = types.ChatInvite(
        "Paid", types.PhotoEmpty(0), 5, 0, channel=True, subscription_pricing=types.StarsSubscriptionPricing(30, 100)
    )
    with pytest.raises(TelegramError, match="'Paid'.*paid subscription"):
        ask(
            lambda client: join(client, Invite("AbCdEfGhIjKlMnOp")),
            {functions.messages.CheckChatInviteRequest: paid},
        )


def test_looks_keep_the_pace_of_pages(desk: Desk, tmp_path: Path) -> None:
    desk.telegram.add_channel("world")

    async def looked() -> None:
        settings = desk.telegram.settings(tmp_path, page_seconds=0.2)
        async with connected(settings, SecretStr(desk.telegram.session(desk.alice))) as client:
            key = (await resolve(client, Username("world"))).key
            for _ in range(4):
                await look(client, key)

    asyncio.run(looked())
    times = [call.at for call in desk.telegram.calls("channels.getFullChannel")]
    assert all(later - earlier > 0.19 for earlier, later in pairwise(times))


def test_a_look_tells_members_and_discussion(desk: Desk) -> None:
    channel = desk.telegram.add_channel("world", discussion=True)
    for name in ("Bob", "Carol"):
        desk.telegram.join(channel, desk.telegram.add_user(name))
    assert channel.discussion is not None
    key = desk.run(lambda client: resolve(client, Username("world"))).key
    peer = desk.run(lambda client: look(client, key))
    assert (peer.members, peer.discussion) == (2, channel.discussion.id)


@pytest.mark.parametrize("way", ["kicked", "banned"])
def test_a_channel_that_is_not_seen_any_more_is_lost(desk: Desk, way: str) -> None:
    channel = desk.telegram.add_channel(private=True)
    key = desk.run(lambda client: join(client, Invite(channel.invite or ""))).key
    assert desk.run(lambda client: look(client, key)).visibility == "private"
    if way == "kicked":
        desk.telegram.kick(channel, desk.alice)
    else:
        desk.telegram.ban(channel)
    with pytest.raises(ChannelLostError, match="can't see it"):
        desk.run(lambda client: look(client, key))


def test_all_dialogs_are_listed_over_many_pages(desk: Desk) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(230):
        channel = desk.telegram.add_channel(f"channel_{n}", megagroup=n % 3 == 0)
        desk.telegram.join(channel, desk.alice)
        if n % 10:
            # Many at one moment: a page may end among equals.
            desk.telegram.post(channel, "hello", date=start + timedelta(minutes=n // 7), push=False)
    desk.telegram.add_channel("not_joined")
    found = desk.run(dialogs)
    assert sorted(peer.username or "" for peer in found) == sorted(f"channel_{n}" for n in range(230))
    assert {peer.kind for peer in found} == {"channel", "supergroup"}
    assert all(peer.joined for peer in found)
    assert len(desk.telegram.calls("messages.getDialogs")) <= 4


def test_an_account_without_dialogs_has_none(desk: Desk) -> None:
    assert desk.run(dialogs) == []


def test_a_folder_lists_its_channels(desk: Desk) -> None:
    channels = [desk.telegram.add_channel(f"channel_{n}") for n in range(3)]
    for channel in channels:
        desk.telegram.join(channel, desk.alice)
    desk.telegram.add_folder(desk.alice, "News", channels[:2])
    found = desk.run(lambda client: dialogs(client, folder=" news "))
    assert [peer.username for peer in found] == ["channel_0", "channel_1"]
    with pytest.raises(NotFoundError, match="'Sports'.*'News'"):
        desk.run(lambda client: dialogs(client, folder="Sports"))


def test_logging_out_ends_the_session_and_twice_is_fine(desk: Desk) -> None:
    desk.run(log_out)
    with pytest.raises(AuthorityLostError):
        desk.run(me)
    desk.run(log_out)


# What the small Telegram never answers


class Canned:
    """Stands in for a Client: gives the answers by request, each as often as it is asked for."""

    def __init__(self, answers: dict[type, Any]) -> None:
        self._answers = answers

    async def call(self, request: Any, **_: Any) -> Any:
        return self._answers[type(request)]


def ask(work: Callable[[Client], Awaitable[T]], answers: dict[type, Any]) -> T:
    async def asked() -> T:
        return await work(cast(Client, Canned(answers)))

    return asyncio.run(asked())


def channel(number: int, **given: Any) -> types.Channel:
    made = {"title": f"Channel {number}", "photo": types.ChatPhotoEmpty(), "date": None, "access_hash": 7} | given
    return types.Channel(id=number, **made)


def dialog(peer: Any, *, archived: bool = False) -> types.Dialog:
    rest = dict.fromkeys(("top_message", "read_inbox_max_id", "read_outbox_max_id", "unread_count"), 1)
    counts = dict.fromkeys(("unread_mentions_count", "unread_reactions_count", "unread_poll_votes_count"), 0)
    quiet = types.PeerNotifySettings()
    return types.Dialog(peer=peer, notify_settings=quiet, folder_id=1 if archived else None, **rest, **counts)


def test_a_folder_by_rule_takes_kinds_and_leaves_out_what_it_says() -> None:
    every = types.messages.Dialogs(
        dialogs=[
            dialog(types.PeerChannel(1)),
            dialog(types.PeerChannel(2)),
            dialog(types.PeerChannel(3), archived=True),
            dialog(types.PeerChannel(4)),
            dialog(types.PeerUser(9)),
            dialog(types.PeerChat(8)),
        ],
        messages=[],
        chats=[channel(1), channel(2), channel(3), channel(4, megagroup=True)],
        users=[],
    )
    rule = types.DialogFilter(
        id=2,
        title=types.TextWithEntities("News", []),
        pinned_peers=[types.InputPeerChannel(5, 7)],
        include_peers=[types.InputPeerUser(9, 7)],
        exclude_peers=[types.InputPeerChannel(2, 7)],
        broadcasts=True,
        exclude_archived=True,
    )
    shared = types.DialogFilterChatlist(
        id=3, title=types.TextWithEntities("Shared", []), pinned_peers=[], include_peers=[types.InputPeerChannel(5, 7)]
    )
    answers = {
        functions.messages.GetDialogFiltersRequest: types.messages.DialogFilters(
            [types.DialogFilterDefault(), rule, shared]
        ),
        functions.messages.GetDialogsRequest: every,
        functions.channels.GetChannelsRequest: types.messages.Chats([channel(5)]),
    }
    assert [peer.key.channel_id for peer in ask(lambda client: dialogs(client, folder="News"), answers)] == [5, 1]
    assert [peer.key.channel_id for peer in ask(lambda client: dialogs(client, folder="Shared"), answers)] == [5]
    assert [peer.key.channel_id for peer in ask(dialogs, answers)] == [1, 2, 3, 4]


def test_a_forbidden_channel_is_lost_and_a_basic_group_is_no_channel() -> None:
    resolved = functions.contacts.ResolveUsernameRequest
    forbidden = types.ChannelForbidden(id=1, access_hash=7, title="Gone")
    with pytest.raises(ChannelLostError, match="'Gone'"):
        ask(
            lambda client: resolve(client, Username("gone")),
            {resolved: types.contacts.ResolvedPeer(types.PeerChannel(1), [forbidden], [])},
        )
    with pytest.raises(TelegramError, match="basic group"):
        ask(
            lambda client: resolve(client, Username("group")),
            {resolved: types.contacts.ResolvedPeer(types.PeerChat(1), [], [])},
        )


def test_joining_that_asks_for_more_says_so() -> None:
    web = types.messages.ChatInviteJoinResultWebView(bot_id=1, query_id=1, users=[])
    invite = types.ChatInvite("Club", types.PhotoEmpty(0), 5, 0, channel=True)
    answers = {functions.messages.CheckChatInviteRequest: invite, functions.messages.ImportChatInviteRequest: web}
    with pytest.raises(TelegramError, match="in Telegram itself"):
        ask(lambda client: join(client, Invite("AbCdEfGhIjKlMnOp")), answers)


def test_a_username_may_stand_among_several() -> None:
    names = [types.Username("old_name", active=False), types.Username("new_name", active=True)]
    found = types.contacts.ResolvedPeer(types.PeerChannel(1), [channel(1, usernames=names, left=True)], [])
    peer = ask(lambda client: resolve(client, Username("new_name")), {functions.contacts.ResolveUsernameRequest: found})
    assert (peer.username, peer.joined, peer.visibility) == ("new_name", False, "public")


def test_a_long_list_of_dialogs_counts_once_against_its_pace(telegram: TelegramServer, tmp_path: Path) -> None:
    alice = telegram.add_user("Alice")
    for n in range(130):
        channel = telegram.add_channel(f"channel{n}", f"Channel {n}")
        telegram.post(channel, "hello")
        telegram.join(channel, alice)

    async def listed() -> int:
        settings = telegram.settings(tmp_path, dialogs_per_minute=1, flood_sleep_seconds=0)
        async with connected(settings, SecretStr(telegram.session(alice))) as client:
            return len(await dialogs(client))

    assert asyncio.run(listed()) == 130
