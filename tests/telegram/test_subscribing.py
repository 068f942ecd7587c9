"""From a wish to a subscription: references, accounts, floods; and what the history behind it costs."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.servers.telegram import TelegramServer
from tests.telegram.reads import Reads, fill
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, mark_account, session_lease
from tgstudio_dagster.catalog.follows.subscriptions import (
    SubscriptionRequest,
    list_subscriptions,
    request_subscription,
    requests,
)
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.telegram.mtproto.client import Client
from tgstudio_dagster.telegram.mtproto.peers import Peer
from tgstudio_dagster.telegram.reading import subscribing
from tgstudio_dagster.telegram.reading.estimate import Estimate
from tgstudio_dagster.telegram.reading.references import Reference
from tgstudio_dagster.telegram.reading.subscribing import Outcome, settle_requests
from tgstudio_dagster.telegram.reading.surveying import survey_tenant


@pytest.fixture
def desk(reading_desk: Reads) -> Reads:
    return reading_desk


def ask(
    desk: Reads,
    reference: str,
    *,
    account: TgAccount | None = None,
    since: date | None = None,
    comments: bool = False,
) -> SubscriptionRequest:
    return request_subscription(
        desk.paired.catalog,
        desk.paired.principal,
        reference=reference,
        account_id=account and account.id,
        since=since,
        comments=comments,
    )


def settle(desk: Reads, **settings: float) -> list[Outcome]:
    paired = desk.paired
    return asyncio.run(
        settle_requests(
            desk.tenant,
            catalog=paired.catalog,
            vault=paired.vault,
            settings=paired.settings.model_copy(update=settings),
            now=desk.now,
            wait=0,
        )
    )


def survey(desk: Reads, days: DayRange, **settings: float) -> dict[int, Estimate]:
    paired = desk.paired
    return asyncio.run(
        survey_tenant(
            desk.tenant,
            catalog=paired.catalog,
            vault=paired.vault,
            settings=paired.settings.model_copy(update=settings),
            days=days,
            now=desk.now,
            wait=0,
        )
    )


def test_a_username_becomes_a_subscription_that_is_read(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news", title="The News")
    fill(telegram, channel, 60, start=desk.now() - timedelta(days=9), step=timedelta(hours=1))
    desk.account(telegram.add_user())
    since = desk.now().date() - timedelta(days=30)
    ask(desk, "https://t.me/News/12", since=since, comments=True)
    (outcome,) = settle(desk)
    assert (outcome.status, outcome.channel_id, outcome.title) == ("done", channel.id, "The News")
    view = desk.subscription(channel)
    assert (view.status, view.visibility, view.title, view.username) == ("active", "public", "The News", "news")
    assert (view.since, view.comments, view.members) == (since, True, 0)
    assert requests(desk.paired.catalog, desk.tenant)[0].channel_id == channel.id
    assert settle(desk) == []
    assert desk.read().total("landed") == 60


def test_a_username_seen_lately_is_not_looked_up_again(desk: Reads, telegram: TelegramServer) -> None:
    telegram.add_channel("news")
    desk.account(telegram.add_user())
    ask(desk, "@news")
    settle(desk)
    ask(desk, "t.me/news", since=date(2026, 1, 1))
    assert [outcome.status for outcome in settle(desk)] == ["done"]
    assert len(telegram.calls("contacts.resolveUsername")) == 1
    desk.now.wait(hours=25)
    ask(desk, "t.me/news", comments=True)
    settle(desk)
    assert len(telegram.calls("contacts.resolveUsername")) == 2


def test_a_name_that_has_moved_lately_is_looked_up(desk: Reads, telegram: TelegramServer) -> None:
    old = telegram.add_channel("news", title="Old")
    desk.account(telegram.add_user())
    ask(desk, "@news")
    settle(desk)
    telegram.rename(old, "olds")
    new = telegram.add_channel("news", title="New")
    ask(desk, "@news", comments=True)
    assert [outcome.channel_id for outcome in settle(desk)] == [new.id]
    views = {view.channel_id: view.username for view in list_subscriptions(desk.paired.catalog, desk.tenant)}
    assert views == {old.id: None, new.id: "news"}


def test_an_invite_is_accepted_and_the_private_channel_read(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel(title="Secret", private=True)
    telegram.post(channel, "for members")
    user = telegram.add_user()
    desk.account(user)
    ask(desk, channel.link)
    assert [outcome.status for outcome in settle(desk)] == ["done"]
    assert user.id in channel.members
    assert desk.subscription(channel).visibility == "private"
    desk.read()
    assert desk.texts(channel)[1] == "for members"


def test_an_id_opens_only_what_is_among_the_accounts_dialogs(desk: Reads, telegram: TelegramServer) -> None:
    inside, outside = telegram.add_channel(private=True), telegram.add_channel(private=True)
    user = telegram.add_user()
    telegram.join(inside, user)
    telegram.post(inside, "one")
    account = desk.account(user)
    ask(desk, f"-100{inside.id}")
    ask(desk, str(outside.id))
    outcomes = settle(desk)
    assert [outcome.status for outcome in outcomes] == ["done", "failed"]
    assert "join" in (outcomes[1].error or "")
    assert desk.cursor(account, inside).access_hash == telegram.access_hash(inside, user)
    assert len(telegram.calls("messages.getDialogs")) <= 2


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("@nobody_here", "nobody"),
        ("t.me/+AbCdEfGhIjKl", "the invite is wrong"),
        ("no link at all", "username"),
        ("@alice", "person"),
    ],
)
def test_what_cannot_be_followed_fails_with_its_reason(
    desk: Reads, telegram: TelegramServer, reference: str, reason: str
) -> None:
    telegram.add_user(username="alice")
    desk.account(telegram.add_user("Reader"))
    ask(desk, reference)
    (outcome,) = settle(desk)
    assert outcome.status == "failed" and reason in (outcome.error or "")
    (request,) = requests(desk.paired.catalog, desk.tenant)
    assert (request.status, request.error) == ("failed", outcome.error)
    assert list_subscriptions(desk.paired.catalog, desk.tenant) == []


def test_without_an_account_nothing_is_asked_and_the_wish_waits(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    ask(desk, "@news")
    (outcome,) = settle(desk)
    assert outcome.status == "queued" and "tgstudio login" in (outcome.error or "")
    assert not telegram.calls()
    desk.account(telegram.add_user())
    assert [outcome.channel_id for outcome in settle(desk)] == [channel.id]


def test_an_expired_account_leaves_its_wishes_queued(desk: Reads, telegram: TelegramServer) -> None:
    telegram.add_channel("news")
    account = desk.account(telegram.add_user())
    ask(desk, "@news", account=account)
    mark_account(desk.paired.catalog, desk.tenant, account.id, "expired", "revoked")
    (outcome,) = settle(desk)
    assert outcome.status == "queued" and "expired" in (outcome.error or "")


def test_an_account_that_is_lost_meanwhile_leaves_its_wishes_queued(desk: Reads, telegram: TelegramServer) -> None:
    telegram.add_channel("news")
    user = telegram.add_user()
    desk.account(user)
    ask(desk, "@news")
    telegram.revoke(user)
    (outcome,) = settle(desk)
    assert outcome.status == "queued" and "Pair it again" in (outcome.error or "")


def test_a_flood_puts_a_wish_off_and_the_others_go_on(desk: Reads, telegram: TelegramServer) -> None:
    telegram.add_channel("news")
    secret = telegram.add_channel(private=True)
    desk.account(telegram.add_user())
    ask(desk, "@news")
    ask(desk, secret.link)
    telegram.fail("contacts.resolveUsername", "FLOOD_WAIT_18000")
    assert [outcome.status for outcome in settle(desk)] == ["queued", "done"]
    request = requests(desk.paired.catalog, desk.tenant, "queued")[0]
    assert request.not_before is not None and request.not_before > datetime.now(UTC) + timedelta(hours=4)
    assert settle(desk) == []
    assert len(telegram.calls("contacts.resolveUsername")) == 1
    desk.now.wait(hours=6)
    desk.forget_waits()
    assert [outcome.status for outcome in settle(desk)] == ["done"]


def test_a_line_that_is_down_leaves_all_wishes_queued(desk: Reads, telegram: TelegramServer) -> None:
    desk.account(telegram.add_user())
    for name in ("one_news", "two_news", "three_news"):
        telegram.add_channel(name)
        ask(desk, f"@{name}")
    telegram.fail("contacts.resolveUsername", silent=True, times=None)
    assert [outcome.status for outcome in settle(desk, request_seconds=0.2, retries=0)] == ["queued"] * 3
    assert len(telegram.calls("contacts.resolveUsername")) == 2
    telegram.heal()
    desk.now.wait(minutes=6)
    assert [outcome.status for outcome in settle(desk)] == ["done"] * 3


@pytest.mark.parametrize(
    "fault", [{"silent": True}, {"error": "SOMETHING_NEW", "code": 400}, {"error": "FLOOD_WAIT_9000"}]
)
def test_one_failing_wish_never_holds_up_those_behind_it(
    desk: Reads, telegram: TelegramServer, fault: dict[str, Any]
) -> None:
    desk.account(telegram.add_user())
    telegram.add_channel("bad_news")
    secret = telegram.add_channel(title="Secret", private=True)
    for reference in ("@bad_news", secret.link):
        ask(desk, reference)
    telegram.fail("contacts.resolveUsername", times=None, **fault)
    outcomes = settle(desk, request_seconds=0.2, retries=0)
    assert [outcome.status for outcome in outcomes][1:] == ["done"]
    assert settle(desk) == [], "what failed waits for its time"


def test_a_wish_that_breaks_the_product_itself_fails_alone(
    desk: Reads, telegram: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.account(telegram.add_user())
    for name in ("one_news", "two_news"):
        telegram.add_channel(name)
        ask(desk, f"@{name}")
    before = subscribing.resolve

    async def broken(client: Client, reference: Reference, **given: Any) -> Peer:
        if str(reference) == "@one_news":
            raise AttributeError("an answer of a kind that nobody expected")
        return await before(client, reference, **given)

    monkeypatch.setattr(subscribing, "resolve", broken)
    outcomes = settle(desk)
    assert [outcome.status for outcome in outcomes] == ["failed", "done"]
    assert outcomes[0].error == "TG Studio itself failed; its log says where."


def test_a_request_to_join_waits_for_the_admins_says_so_and_is_made_once(desk: Reads, telegram: TelegramServer) -> None:
    club, never = (telegram.add_channel(title=title, private=True, approval=True) for title in ("Club", "Never"))
    telegram.post(club, "for members")
    user = telegram.add_user()
    desk.account(user)
    for channel in (club, never):
        ask(desk, channel.link)
    outcomes = settle(desk)
    assert [outcome.status for outcome in outcomes] == ["queued", "queued"]
    assert "'Club': its admins have been asked" in (outcomes[0].error or "")
    assert requests(desk.paired.catalog, desk.tenant)[0].error == outcomes[0].error
    assert settle(desk) == []
    telegram.approve(club, user)
    desk.now.wait(minutes=61)
    assert [outcome.status for outcome in settle(desk)] == ["done", "queued"]
    assert len(telegram.calls("messages.importChatInvite")) == 2, "each once"
    desk.read()
    assert desk.texts(club) == {1: "for members"}
    desk.now.wait(days=31)
    (outcome,) = settle(desk)
    assert outcome.status == "failed" and "30 days ago" in (outcome.error or "")


def test_an_invite_to_a_basic_group_fails_without_joining(desk: Reads, telegram: TelegramServer) -> None:
    group = telegram.add_channel(title="Family", private=True, basic=True)
    user = telegram.add_user()
    desk.account(user)
    ask(desk, group.link)
    (outcome,) = settle(desk)
    assert outcome.error == "'Family' is a basic group; only channels and supergroups are read."
    assert user.id not in group.members


def test_failed_wishes_for_a_channel_that_is_followed_by_now_go(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    desk.account(user)
    channel = telegram.add_channel(None, "Late", private=True)
    for reference in ("@late_news", str(channel.id), "@nobody_here"):
        ask(desk, reference)
    assert [outcome.status for outcome in settle(desk)] == ["failed"] * 3
    telegram.join(channel, user)
    telegram.rename(channel, "late_news")
    ask(desk, "t.me/late_news")
    settle(desk)
    left = [request.reference for request in requests(desk.paired.catalog, desk.tenant) if request.status != "done"]
    assert left == ["@nobody_here"]


def test_a_wish_that_waits_goes_when_its_channel_is_followed_another_way(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    desk.account(user)
    channel = telegram.add_channel("news")
    telegram.join(channel, user)
    ask(desk, "@news", since=date(2026, 1, 1), comments=True)
    telegram.fail("contacts.resolveUsername", "FLOOD_WAIT_18000")
    settle(desk)
    ask(desk, str(channel.id), since=date(2026, 3, 1))
    settle(desk)
    assert {request.status for request in requests(desk.paired.catalog, desk.tenant)} == {"done"}
    view = desk.subscription(channel)
    assert (view.since, view.comments) == (date(2026, 1, 1), True)


def test_a_session_in_use_leaves_wishes_queued(desk: Reads, telegram: TelegramServer) -> None:
    telegram.add_channel("news")
    account = desk.account(telegram.add_user())
    ask(desk, "@news")
    with lease(desk.paired.catalog, session_lease(account.id)):
        assert [outcome.status for outcome in settle(desk)] == ["queued"]
    assert not telegram.calls()


def test_a_chosen_account_reads_and_no_other_asks(desk: Reads, telegram: TelegramServer) -> None:
    first, second = telegram.add_user("First"), telegram.add_user("Second")
    channel = telegram.add_channel("news")
    desk.account(first)
    account = desk.account(second)
    ask(desk, "@news", account=account)
    settle(desk)
    assert desk.subscription(channel).account_id == account.id
    assert not telegram.calls(user=first)


def test_lookups_keep_their_pace(desk: Reads, telegram: TelegramServer) -> None:
    desk.account(telegram.add_user())
    for name in ("one_news", "two_news", "three_news"):
        telegram.add_channel(name)
        ask(desk, f"@{name}")
    settle(desk, resolves_per_minute=200)
    times = [call.at for call in telegram.calls("contacts.resolveUsername")]
    assert all(later - earlier > 0.28 for earlier, later in pairwise(times))


def test_a_survey_tells_what_a_history_costs_without_reading_it(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    start = datetime.combine(desk.now().date() - timedelta(days=50), datetime.min.time(), UTC)
    fill(telegram, channel, 2000, start=start, step=timedelta(minutes=36))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    telegram.forget_calls()
    today = desk.now().date()
    everything = survey(desk, DayRange(date(2020, 1, 1), today), page_seconds=1)[channel.id]
    assert (everything.messages, everything.requests) == (1900, 20)
    assert everything.minutes == pytest.approx(20 / 60)
    ten_days = survey(desk, DayRange(start.date() + timedelta(days=10), start.date() + timedelta(days=19)))[channel.id]
    assert ten_days.messages == 400
    assert len(telegram.calls("messages.getHistory")) <= 6
    desk.read(history=DayRange(date(2020, 1, 1), today))
    assert survey(desk, DayRange(date(2020, 1, 1), today))[channel.id].messages == 0


def test_a_survey_stays_within_a_subscriptions_depth_and_leaves_lost_channels_out(
    desk: Reads, telegram: TelegramServer
) -> None:
    channel, banned = telegram.add_channel("news"), telegram.add_channel("banned")
    start = datetime.combine(desk.now().date() - timedelta(days=50), datetime.min.time(), UTC)
    fill(telegram, channel, 1200, start=start, step=timedelta(hours=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel, since=start.date() + timedelta(days=40))
    desk.follow(account, banned)
    telegram.ban(banned)
    found = survey(desk, DayRange(date(2020, 1, 1), desk.now().date()))
    assert {channel_id: one.messages for channel_id, one in found.items()} == {channel.id: 240}
