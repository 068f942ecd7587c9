"""An account that is paired again has new access hashes for everything: nothing is lost by it, and nothing doubled."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.servers.telegram import TelegramServer
from tests.telegram.reads import Reads, fill, posted
from tests.telegram.test_subscribing import ask, settle, survey
from tgstudio_dagster.catalog.accounts.accounts import erase_account
from tgstudio_dagster.catalog.follows.reading import remember_peer
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions, mark_subscription
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import put_settings
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.telegram.live.sending import draft

AGO = timedelta(days=30)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(reading_desk: Reads) -> Reads:
    return reading_desk


def statuses(desk: Reads) -> dict[str, tuple[str, str | None]]:
    return {view.title: (view.status, view.error) for view in list_subscriptions(desk.paired.catalog, desk.tenant)}


def test_private_channels_are_read_on_from_where_they_stopped(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    channels = [telegram.add_channel(title=f"Private {n}", private=True) for n in range(3)]
    group = telegram.add_channel(title="Group", private=True, megagroup=True)
    account = desk.account(user)
    for channel in (*channels, group):
        fill(telegram, channel, 20, start=desk.now() - AGO, step=MINUTE)
        desk.follow(account, channel)
    desk.read()
    desk.merge()
    for channel in (*channels, group):
        fill(telegram, channel, 5, start=desk.now() - AGO / 2, step=MINUTE)
    assert desk.account(user).id == account.id
    telegram.forget_calls()
    report = desk.read()
    assert report.total("landed") == 20 and not any(one.lost for one in report.channels.values())
    for channel in (*channels, group):
        assert desk.texts(channel) == posted(telegram, channel)
        assert desk.cursor(account, channel).access_hash == telegram.access_hash(channel, user)
    assert set(statuses(desk).values()) == {("active", None)}
    assert len(telegram.calls("messages.getDialogs")) == 2, "one list, in two pages"
    telegram.forget_calls()
    desk.read()
    assert not telegram.calls("messages.getDialogs")


def test_joined_channels_cost_no_lookup_and_others_one_each(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    account = desk.account(user)
    joined, looked_at = telegram.add_channel("joined"), telegram.add_channel("looked_at")
    for channel in (joined, looked_at):
        telegram.post(channel, "one")
        desk.follow(account, channel)
    telegram.kick(looked_at, user)
    desk.read()
    desk.account(user)
    telegram.post(looked_at, "two")
    telegram.forget_calls()
    desk.read()
    assert [call.request.username for call in telegram.calls("contacts.resolveUsername")] == ["looked_at"]
    assert desk.texts(looked_at) == {1: "one", 2: "two"}


def test_an_old_key_that_was_kept_is_replaced_from_the_dialogs(desk: Reads, telegram: TelegramServer) -> None:
    user, channel = telegram.add_user(), telegram.add_channel(title="Secret", private=True)
    telegram.post(channel, "one")
    account = desk.account(user)
    old = telegram.access_hash(channel, user)
    desk.account(user)
    desk.follow(account, channel, key=old)
    desk.read()
    assert desk.texts(channel) == {1: "one"} and statuses(desk) == {"Secret": ("active", None)}


@pytest.mark.parametrize("refusal", ["CHANNEL_PRIVATE", "CHANNEL_INVALID"])
@pytest.mark.parametrize("private", [True, False])
def test_a_single_refusal_loses_nothing(desk: Reads, telegram: TelegramServer, refusal: str, private: bool) -> None:
    channel = telegram.add_channel("news", title="News", private=private)
    telegram.post(channel, "one")
    desk.follow(desk.account(telegram.add_user()), channel)
    telegram.fail("messages.getHistory", refusal)
    assert desk.read().total("landed") == 1
    assert statuses(desk) == {"News": ("active", None)}


def test_a_refused_key_is_found_by_the_invite_where_neither_name_nor_dialogs_have_it(
    desk: Reads, telegram: TelegramServer
) -> None:
    user, channel = telegram.add_user(), telegram.add_channel(title="Secret", private=True)
    telegram.post(channel, "one")
    account = desk.account(user)
    ask(desk, channel.link)
    settle(desk)
    desk.read()
    desk.account(user)
    telegram.fail("messages.getDialogs", "INTERNAL_LIMIT", code=400, times=None)
    telegram.post(channel, "two")
    desk.read()
    assert desk.texts(channel) == posted(telegram, channel)
    assert desk.cursor(account, channel).access_hash == telegram.access_hash(channel, user)


@pytest.mark.parametrize("fault", ["FLOOD_WAIT_18000", "INTERNAL_LIMIT"])
def test_a_channel_is_not_lost_while_the_dialogs_cannot_be_asked(
    desk: Reads, telegram: TelegramServer, fault: str
) -> None:
    user, channel = telegram.add_user(), telegram.add_channel(title="Secret", private=True)
    telegram.post(channel, "one")
    desk.follow(desk.account(user), channel)
    desk.read()
    desk.account(user)
    telegram.fail("messages.getDialogs", fault)
    desk.read()
    assert statuses(desk)["Secret"][0] == "active"
    desk.forget_waits()
    telegram.post(channel, "two")
    desk.read()
    assert desk.texts(channel) == {1: "one", 2: "two"} and statuses(desk) == {"Secret": ("active", None)}


def test_a_channel_that_the_account_is_out_of_is_lost_after_all_were_asked(
    desk: Reads, telegram: TelegramServer
) -> None:
    user, channel = telegram.add_user(), telegram.add_channel(title="Secret", private=True)
    desk.account(user)
    ask(desk, channel.link)
    settle(desk)
    desk.read()
    telegram.kick(channel, user)
    telegram.forget_calls()
    desk.read()
    assert statuses(desk)["Secret"][0] == "lost"
    assert telegram.calls("messages.checkChatInvite") and telegram.calls("messages.getDialogs")
    assert user.id not in channel.members and not telegram.calls("messages.importChatInvite")


def test_what_was_lost_or_paused_with_the_former_session_is_read_again(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    kept, gone, left = (telegram.add_channel(title=title, private=True) for title in ("Kept", "Gone", "Left"))
    account = desk.account(user)
    for channel in (kept, gone, left):
        telegram.post(channel, "one")
        desk.follow(account, channel)
    telegram.kick(gone, user)
    mark_subscription(desk.paired.catalog, desk.tenant, kept.id, status="lost", error="CHANNEL_INVALID")
    mark_subscription(desk.paired.catalog, desk.tenant, left.id, status="paused", error=None)
    erase_account(desk.paired.catalog, desk.paired.principal, account.id)
    desk.account(user)
    desk.read()
    told = statuses(desk)
    assert told["Kept"] == ("active", None) and told["Gone"][0] == "lost" and told["Left"][0] == "paused"
    assert desk.texts(kept) == {1: "one"}


def test_an_id_is_followed_estimated_and_written_to_in_the_new_session(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    channel = telegram.add_channel(title="Team", private=True, admins=[user])
    fill(telegram, channel, 150, start=desk.now() - AGO, step=MINUTE)
    account = desk.account(user)
    desk.follow(account, channel)
    desk.read()
    desk.account(user)
    today = desk.now().date()
    assert survey(desk, DayRange(today - timedelta(days=60), today))[channel.id].messages == 50
    desk.account(user)
    mark_subscription(desk.paired.catalog, desk.tenant, channel.id, status="lost", error="CHANNEL_INVALID")
    ask(desk, str(channel.id))
    assert [outcome.status for outcome in settle(desk)] == ["done"]
    assert statuses(desk) == {"Team": ("active", None)}


@pytest.mark.parametrize("kept", [True, False])
def test_a_message_is_sent_to_an_id_in_the_new_session(desk: Reads, telegram: TelegramServer, kept: bool) -> None:
    user = telegram.add_user()
    channel = telegram.add_channel(title="Team", private=True, admins=[user])
    account = desk.account(user)
    old = telegram.access_hash(channel, user)
    desk.follow(account, channel)
    desk.account(user)
    if kept:
        remember_peer(desk.paired.catalog, desk.tenant, account.id, channel.id, old)
    put_settings(desk.paired.catalog, desk.tenant, TenantSettings(sending=True))
    drafted = asyncio.run(
        draft(
            desk.paired.principal, catalog=desk.paired.catalog, vault=desk.paired.vault,
            settings=desk.paired.settings, to=str(channel.id), text="Hello",
        )
    )  # fmt: skip
    assert (drafted.chat, drafted.peer.access_hash) == ("Team", telegram.access_hash(channel, user))
