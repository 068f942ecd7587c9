"""What goes wrong at Telegram while reading: floods, lost channels, lost accounts, broken lines; the others go on."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.telegram import TelegramServer
from tests.telegram.reads import Reads, fill, posted, reads
from tgstudio_dagster.catalog.accounts.accounts import get_account, session_lease
from tgstudio_dagster.catalog.accounts.waits import list_waits
from tgstudio_dagster.catalog.follows.subscriptions import move_subscription
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.telegram.reading.read_report import ReadEvent

AGO = timedelta(days=30)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(reading_desk: Reads) -> Reads:
    return reading_desk


def everything(desk: Reads) -> DayRange:
    return DayRange(date(2020, 1, 1), desk.now().date())


def test_a_banned_channel_is_lost_by_name_and_the_others_go_on(desk: Reads, telegram: TelegramServer) -> None:
    banned, fine = telegram.add_channel("banned"), telegram.add_channel("fine")
    account = desk.account(telegram.add_user())
    for channel in (banned, fine):
        telegram.post(channel, "one")
        desk.follow(account, channel)
    desk.read()
    telegram.ban(banned)
    telegram.post(fine, "two")
    events: list[ReadEvent] = []
    report = desk.read(report=events.append)
    assert report.channels[banned.id].lost and not report.channels[fine.id].error
    assert desk.texts(fine) == {1: "one", 2: "two"}
    assert desk.texts(banned) == {1: "one"}
    view = desk.subscription(banned)
    assert view.status == "lost" and "CHANNEL_PRIVATE" in (view.error or "")
    assert [event.channel_id for event in events if event.kind == "lost"] == [banned.id]
    telegram.forget_calls()
    assert banned.id not in desk.read().channels


def test_a_private_channel_is_read_until_the_account_is_put_out(desk: Reads, telegram: TelegramServer) -> None:
    user, channel = telegram.add_user(), telegram.add_channel(private=True)
    telegram.post(channel, "secret")
    desk.follow(desk.account(user), channel)
    desk.read()
    assert desk.texts(channel) == {1: "secret"}
    assert desk.messages(channel)["url"].item() == f"https://t.me/c/{channel.id}/1"
    telegram.kick(channel, user)
    telegram.post(channel, "not for us")
    desk.read()
    assert desk.subscription(channel).status == "lost"
    assert desk.texts(channel) == {1: "secret"}


def test_once_a_day_it_is_seen_who_the_channel_is_now(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    telegram.post(channel, "one")
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    assert not telegram.calls("channels.getFullChannel")
    for _ in range(3):
        telegram.join(channel, telegram.add_user())
    telegram.rename(channel, None)
    desk.now.wait(hours=25)
    desk.read()
    view = desk.subscription(channel)
    assert (view.visibility, view.members) == ("private", 4)
    desk.read()
    assert len(telegram.calls("channels.getFullChannel")) == 1


def test_a_flood_of_five_hours_is_obeyed_shown_and_loses_nothing(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    channel, other = telegram.add_channel("news"), telegram.add_channel("other")
    account = desk.account(user)
    for one in (channel, other):
        fill(telegram, one, 1, start=desk.now() - AGO, step=MINUTE)
        desk.follow(account, one)
    desk.read()
    fill(telegram, channel, 450, start=desk.now() - AGO, step=MINUTE)
    fill(telegram, other, 1, start=desk.now() - AGO, step=MINUTE)
    telegram.fail("messages.getHistory", "FLOOD_WAIT_18000", skip=3)
    report = desk.read()
    assert report.waits_until is not None
    assert timedelta(hours=4.9) < report.waits_until - datetime.now(UTC) < timedelta(hours=5.1)
    assert report.channels[channel.id].error is None and not report.channels[channel.id].lost
    landed = desk.cursor(account, channel).last_msg_id + desk.cursor(account, other).last_msg_id
    assert report.total("landed") > 0 and landed >= 2
    waits = list_waits(desk.paired.catalog, desk.tenant, now=datetime.now(UTC))
    assert [(wait.method, wait.flood_seconds) for wait in waits] == [("messages.getHistory", 18000)]
    telegram.forget_calls()
    assert desk.read().waits_until == report.waits_until
    assert not telegram.calls("messages.getHistory")
    desk.forget_waits()
    assert desk.read().waits_until is None
    assert desk.texts(channel) == posted(telegram, channel)
    assert desk.texts(other) == posted(telegram, other)


def test_a_flood_met_while_connecting_is_a_wait_like_any_other(desk: Reads, telegram: TelegramServer) -> None:
    flooded, fine = telegram.add_channel("flooded"), telegram.add_channel("fine")
    for channel in (flooded, fine):
        telegram.post(channel, "a post")
    first = desk.account(telegram.add_user("First"))
    desk.follow(first, flooded)
    telegram.fail("help.getConfig", "FLOOD_WAIT_18000", user=first.telegram_id)
    alone = desk.read()
    assert alone.waits_until is not None and alone.waits_until > datetime.now(UTC) + timedelta(hours=4)
    desk.follow(desk.account(telegram.add_user("Second")), fine)
    together = desk.read()
    assert together.waits_until is None and [wait.method for wait in together.waits] == ["connect"]
    assert desk.texts(fine) == posted(telegram, fine)


@pytest.mark.parametrize("error", ["FLOOD_WAIT_1", "FLOOD_PREMIUM_WAIT_1"])
def test_a_short_flood_is_slept_in_the_open(desk: Reads, telegram: TelegramServer, error: str) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 300, start=desk.now() - AGO, step=MINUTE)
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    telegram.fail("messages.getHistory", error, skip=1)
    events: list[ReadEvent] = []
    report = desk.read(history=everything(desk), report=events.append)
    assert not report.waits
    assert ["messages.getHistory" in event.text for event in events if event.kind == "wait"] == [True]
    assert desk.texts(channel) == posted(telegram, channel)


def test_a_flood_of_one_account_leaves_the_other_reading(desk: Reads, telegram: TelegramServer) -> None:
    slow, fast = telegram.add_user("Slow"), telegram.add_user("Fast")
    first, second = telegram.add_channel("first"), telegram.add_channel("second")
    for user, channel in ((slow, first), (fast, second)):
        telegram.post(channel, "one")
        desk.follow(desk.account(user), channel)
    telegram.fail("messages.getHistory", "FLOOD_WAIT_18000", user=slow)
    report = desk.read()
    assert len(report.waits) == 1 and report.waits_until is None
    assert desk.texts(second) == {1: "one"} and desk.texts(first) == {}


@pytest.mark.parametrize(
    "fault", [{"drop": True}, {"drop": True, "after": True}, {"error": "RPC_CALL_FAIL", "code": 500}]
)
def test_a_line_that_breaks_within_a_batch_loses_and_doubles_nothing(
    desk: Reads, telegram: TelegramServer, fault: dict[str, object]
) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 1, start=desk.now() - AGO, step=MINUTE)
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    fill(telegram, channel, 640, start=desk.now() - AGO, step=MINUTE)
    for skip in (1, 2, 3):
        telegram.fail("messages.getHistory", skip=skip, **fault)  # type: ignore[arg-type]
    report = desk.read(settings={"batch_messages": 250})
    assert report.channels[channel.id].error is None
    assert desk.texts(channel) == posted(telegram, channel)


def test_a_server_that_falls_silent_is_no_logout(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    telegram.post(channel, "one")
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    telegram.fail("messages.getHistory", silent=True, times=None)
    hurried = {"request_seconds": 0.3, "retries": 1}
    report = desk.read(settings=hurried)
    assert report.channels[channel.id].error and not report.lost
    assert get_account(desk.paired.catalog, desk.tenant, account.id).status == "active"
    assert desk.subscription(channel).status == "active"
    telegram.heal()
    assert desk.read().total("landed") == 1
    assert desk.subscription(channel).error is None


def test_two_channels_without_an_answer_end_the_accounts_reading(desk: Reads, telegram: TelegramServer) -> None:
    account = desk.account(telegram.add_user())
    for name in ("one_news", "two_news", "three_news"):
        desk.follow(account, telegram.add_channel(name))
    telegram.fail("messages.getHistory", silent=True, times=None)
    report = desk.read(settings={"request_seconds": 0.2, "retries": 0})
    assert list(report.unreachable) == [account.id]
    assert len(telegram.calls("messages.getHistory")) == 2


def test_a_server_that_is_away_is_told_as_such(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    gone = {"dc": "2:127.0.0.1:1", "retries": 0, "connect_seconds": 0.5}
    telegram.stop()
    report = desk.read(settings=gone)
    assert list(report.unreachable) == [account.id] and report.error
    assert get_account(desk.paired.catalog, desk.tenant, account.id).status == "active"


@pytest.mark.parametrize(
    ("ending", "status"), [("revoke", "expired"), ("duplicate", "expired"), ("deactivate", "banned")]
)
def test_a_lost_account_is_marked_and_the_other_goes_on(
    desk: Reads, telegram: TelegramServer, ending: str, status: str
) -> None:
    lost, fine = telegram.add_user("Lost"), telegram.add_user("Fine")
    first, second = telegram.add_channel("first"), telegram.add_channel("second")
    accounts = {}
    for user, channel in ((lost, first), (fine, second)):
        telegram.post(channel, "one")
        accounts[user] = desk.account(user)
        desk.follow(accounts[user], channel)
    getattr(telegram, ending)(lost)
    report = desk.read()
    assert list(report.lost) == [accounts[lost].id]
    assert get_account(desk.paired.catalog, desk.tenant, accounts[lost].id).status == status
    view = desk.subscription(first)
    assert view.status == "active" and view.error
    assert desk.texts(second) == {1: "one"}
    telegram.forget_calls()
    desk.read()
    assert not telegram.calls(user=lost)
    lost.deactivated = False
    desk.account(lost)
    desk.read()
    assert desk.texts(first) == {1: "one"} and desk.subscription(first).error is None


def test_a_name_that_moved_changes_nothing_for_who_reads_by_id(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news", title="Ours")
    telegram.post(channel, "one")
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    telegram.rename(channel, "elsewhere")
    squatter = telegram.add_channel("news", title="Squatter")
    telegram.post(squatter, "spam")
    telegram.post(channel, "two")
    desk.read()
    assert desk.texts(channel) == {1: "one", 2: "two"}
    assert desk.texts(squatter) == {}
    assert desk.subscription(channel).username == "elsewhere"
    assert not telegram.calls("contacts.resolveUsername")


def test_the_new_owner_of_a_name_is_not_taken_for_the_lost_channel(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    telegram.post(channel, "one")
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    telegram.ban(channel)
    squatter = telegram.add_channel("news")
    telegram.post(squatter, "spam")
    desk.read()
    assert desk.subscription(channel).status == "lost"
    assert desk.texts(squatter) == {}


def test_a_key_of_another_account_is_refused_and_found_again_by_name(desk: Reads, telegram: TelegramServer) -> None:
    mine, other = telegram.add_user(), telegram.add_user()
    channel = telegram.add_channel("news")
    telegram.post(channel, "one")
    account = desk.account(mine)
    telegram.session(other)
    desk.follow(account, channel, key=telegram.access_hash(channel, other))
    desk.read()
    assert desk.texts(channel) == {1: "one"}
    assert desk.cursor(account, channel).access_hash == telegram.access_hash(channel, mine)
    desk.read()
    assert len(telegram.calls("contacts.resolveUsername")) == 1


def test_another_account_takes_a_private_channel_over_where_the_first_stopped(
    desk: Reads, telegram: TelegramServer
) -> None:
    first, second = telegram.add_user("First"), telegram.add_user("Second")
    channel = telegram.add_channel(private=True)
    fill(telegram, channel, 30, start=desk.now() - AGO, step=MINUTE)
    telegram.join(channel, second)
    accounts = [desk.account(user) for user in (first, second)]
    desk.follow(accounts[0], channel)
    desk.read()
    assert not telegram.calls("messages.getHistory", user=second)
    desk.merge()
    fill(telegram, channel, 30, start=desk.now() - AGO / 2, step=MINUTE)
    move_subscription(desk.paired.catalog, desk.paired.principal, channel.id, accounts[1].id)
    telegram.forget_calls()
    report = desk.read()
    assert report.total("landed") == 30
    assert not telegram.calls(user=first)
    assert desk.texts(channel) == posted(telegram, channel)
    assert desk.cursor(accounts[1], channel).access_hash == telegram.access_hash(channel, second)


def test_an_account_that_never_saw_the_channel_cannot_take_it_over(desk: Reads, telegram: TelegramServer) -> None:
    first, second = telegram.add_user("First"), telegram.add_user("Second")
    channel = telegram.add_channel(private=True)
    telegram.post(channel, "secret")
    accounts = [desk.account(user) for user in (first, second)]
    desk.follow(accounts[0], channel)
    move_subscription(desk.paired.catalog, desk.paired.principal, channel.id, accounts[1].id)
    desk.read()
    assert desk.subscription(channel).status == "lost"
    assert desk.texts(channel) == {}


def test_two_tenants_with_one_channel_never_mix(desk: Reads, telegram: TelegramServer, tmp_path: Path) -> None:
    other = reads(desk.paired.catalog, telegram, tmp_path, "other")
    channel = telegram.add_channel("news")
    fill(telegram, channel, 150, start=desk.now() - AGO, step=MINUTE)
    for one in (desk, other):
        one.follow(one.account(telegram.add_user()), channel)
    desk.read(history=everything(desk))
    assert desk.texts(channel) == posted(telegram, channel)
    assert not other.lake.landing_days() and other.texts(channel) == {}
    other.read()
    assert len(other.texts(channel)) == 100
    folders = {
        path.relative_to(tmp_path / "lake").parts[1] for path in (tmp_path / "lake" / "messages").rglob("*.parquet")
    }
    assert folders == {"tenant=demo", "tenant=other"}


def test_a_session_in_use_is_skipped_by_name_and_never_used_twice(desk: Reads, telegram: TelegramServer) -> None:
    user, channel = telegram.add_user(), telegram.add_channel("news")
    telegram.post(channel, "one")
    account = desk.account(user)
    desk.follow(account, channel)
    with lease(desk.paired.catalog, session_lease(account.id)):
        report = desk.read()
    assert list(report.skipped) == [account.id] and report.error
    assert not telegram.calls()


def test_two_readers_at_once_take_turns_at_a_session(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 500, start=desk.now() - AGO, step=MINUTE)
    desk.follow(desk.account(telegram.add_user()), channel)

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(desk.read, history=everything(desk), wait=30) for _ in range(2)))

    asyncio.run(both())
    assert telegram.overlaps == []
    assert desk.texts(channel) == posted(telegram, channel)


def test_a_tenant_without_accounts_or_subscriptions_reads_nothing(desk: Reads, telegram: TelegramServer) -> None:
    assert desk.read().channels == {}
    desk.account(telegram.add_user())
    assert desk.read().channels == {}
    assert not telegram.calls()
