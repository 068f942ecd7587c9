"""Wishes become subscriptions within the plan; a subscription keeps its deepest wish and its tenant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.builders import make_tenant
from tests.catalog.rows import make_account, make_subscription
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, erase_account, mark_account
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.reading import ChannelCursor, save_cursor
from tgstudio_dagster.catalog.follows.subscriptions import (
    Subscription,
    SubscriptionRequest,
    active_subscriptions,
    defer_request,
    end_subscription,
    finish_request,
    list_subscriptions,
    mark_subscription,
    move_subscription,
    request_subscription,
    requests,
    subscribe,
)
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.core.errors import ConflictError, LimitError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
ANN = Principal("demo", None, "editor")


@pytest.fixture
def account(catalog: Catalog) -> TgAccount:
    """The one account of tenant demo, which is on the plan pro."""
    make_tenant(catalog)
    set_plan(catalog, "demo", "pro")
    return make_account(catalog)


def _ask(
    catalog: Catalog, reference: str = "@news", principal: Principal = ANN, **given: object
) -> SubscriptionRequest:
    wish = {"account_id": None, "since": None, "comments": False, **given}
    return request_subscription(catalog, principal, reference=reference, **wish)  # type: ignore[arg-type]


def _limit(catalog: Catalog, channels: int) -> None:
    with catalog.tenant_session("demo", writing=True) as session:
        session.add(Quota(tenant="demo", name="channels", limit=channels))


def test_a_wish_is_queued_as_it_was_written(catalog: Catalog, account: TgAccount) -> None:
    asked = _ask(catalog, " t.me/+AbC ", account_id=account.id, since=date(2026, 3, 1), comments=True)
    (request,) = requests(catalog, "demo", "queued")
    assert request.id == asked.id
    assert (request.reference, request.account_id, request.since, request.comments, request.status) == (
        "t.me/+AbC",
        account.id,
        date(2026, 3, 1),
        True,
        "queued",
    )


def test_an_equal_wish_is_not_doubled_while_it_is_queued(catalog: Catalog, account: TgAccount) -> None:
    first = _ask(catalog)
    assert _ask(catalog).id == first.id
    assert _ask(catalog, since=date(2026, 3, 1)).id != first.id
    finish_request(catalog, "demo", first.id, status="failed", error="no such name")
    assert _ask(catalog).id != first.id


def test_a_wish_without_an_account_waits_for_one(catalog: Catalog) -> None:
    make_tenant(catalog)
    assert _ask(catalog).status == "queued"


@pytest.mark.parametrize("reference", ["", "  ", "x" * 201])
def test_a_reference_that_can_be_none_is_refused(catalog: Catalog, account: TgAccount, reference: str) -> None:
    with pytest.raises(SettingsError, match="reference: write @name"):
        _ask(catalog, reference)


def test_a_viewer_subscribes_to_nothing_and_ends_nothing(catalog: Catalog, account: TgAccount) -> None:
    make_subscription(catalog, account)
    viewer = Principal("demo", None, "viewer")
    for act in (
        lambda: _ask(catalog, principal=viewer),
        lambda: end_subscription(catalog, viewer, 1),
        lambda: move_subscription(catalog, viewer, 1, account.id),
    ):
        with pytest.raises(ConflictError, match="viewer"):
            act()
    assert [view.status for view in list_subscriptions(catalog, viewer)] == ["active"]


def test_a_wish_through_an_account_that_is_gone_is_refused(catalog: Catalog, account: TgAccount) -> None:
    mark_account(catalog, "demo", account.id, "expired", "revoked")
    with pytest.raises(ConflictError, match="is expired: pair it again"):
        _ask(catalog, account_id=account.id)
    with pytest.raises(NotFoundError, match="nosuch"):
        _ask(catalog, account_id="nosuch")


def test_the_plan_limits_what_is_followed_and_asked_for(catalog: Catalog, account: TgAccount) -> None:
    _limit(catalog, 2)
    make_subscription(catalog, account, 1)
    _ask(catalog, "@two")
    with pytest.raises(LimitError, match="allows 2, and 2 are"):
        _ask(catalog, "@three")
    # What is followed or asked for already takes no second place.
    again = _ask(catalog, "@channel1", comments=True)
    _ask(catalog, "@two", comments=True)
    finish_request(catalog, "demo", again.id, status="done", channel_id=1)
    end_subscription(catalog, ANN, 1)
    _ask(catalog, "@three")


def test_a_subscription_over_the_limit_is_refused(catalog: Catalog, account: TgAccount) -> None:
    _limit(catalog, 1)
    make_subscription(catalog, account, 1)
    with pytest.raises(LimitError, match="allows 1"):
        make_subscription(catalog, account, 2)
    make_subscription(catalog, account, 1)
    end_subscription(catalog, ANN, 1)
    make_subscription(catalog, account, 2)
    with pytest.raises(LimitError, match="allows 1"):
        make_subscription(catalog, account, 1)


def test_a_wish_that_was_met_names_its_channel(catalog: Catalog, account: TgAccount) -> None:
    request = _ask(catalog)
    make_subscription(catalog, account, 5)
    finish_request(catalog, "demo", request.id, status="done", channel_id=5)
    finish_request(catalog, "demo", request.id, status="done", channel_id=5)
    assert [(one.status, one.channel_id) for one in requests(catalog, "demo")] == [("done", 5)]
    with pytest.raises(ConflictError, match="is done and can't become failed"):
        finish_request(catalog, "demo", request.id, status="failed", error="x")
    with pytest.raises(ConflictError, match="can't be put off"):
        defer_request(catalog, "demo", request.id, not_before=NOW)


def test_a_wish_put_off_stays_queued_and_says_why(catalog: Catalog, account: TgAccount) -> None:
    request = _ask(catalog)
    defer_request(catalog, "demo", request.id, not_before=NOW, error="a flood wait")
    (put_off,) = requests(catalog, "demo", "queued")
    assert (put_off.not_before, put_off.error) == (NOW, "a flood wait")


def test_a_subscription_is_shown_with_its_channel_and_how_far_it_was_read(catalog: Catalog, account: TgAccount) -> None:
    make_subscription(catalog, account, 2**40, since=date(2026, 3, 1))
    save_cursor(catalog, "demo", account.id, ChannelCursor(2**40, last_msg_id=500, gaps=((1, 99),), read_at=NOW))
    mark_subscription(catalog, "demo", 2**40, filled_from=date(2026, 3, 10), members=77, checked_at=NOW)
    (view,) = list_subscriptions(catalog, "demo")
    assert (view.username, view.title, view.kind) == (f"channel{2**40}", f"Channel {2**40}", "channel")
    assert (view.last_msg_id, view.gaps, view.read_at) == (500, ((1, 99),), NOW)
    assert (view.since, view.filled_from, view.members) == (date(2026, 3, 1), date(2026, 3, 10), 77)
    assert (view.status, view.visibility, view.account_id, view.error) == ("active", "public", account.id, None)


def test_subscribing_again_revives_and_keeps_the_deeper_wish(catalog: Catalog, account: TgAccount) -> None:
    make_subscription(catalog, account, since=date(2026, 3, 1))
    mark_subscription(catalog, "demo", 1, status="lost", error="it went private")
    assert make_subscription(catalog, account, since=date(2026, 3, 9), comments=True).since == date(2026, 3, 1)
    (view,) = list_subscriptions(catalog, "demo")
    assert (view.status, view.error, view.comments) == ("active", None, True)
    assert make_subscription(catalog, account, since=date(2026, 2, 1)).since == date(2026, 2, 1)
    assert make_subscription(catalog, account, since=None).since is None
    assert make_subscription(catalog, account, since=date(2026, 1, 1)).since is None


def test_a_channel_that_was_not_seen_is_not_followed(catalog: Catalog, account: TgAccount) -> None:
    with pytest.raises(NotFoundError, match="has not seen channel 404"):
        subscribe(
            catalog,
            "demo",
            channel_id=404,
            account_id=account.id,
            reference="404",
            visibility="private",
            members=None,
            since=None,
            comments=False,
            created_by=None,
        )


def test_an_account_reads_its_own_active_channels_the_longest_unread_first(
    catalog: Catalog, account: TgAccount
) -> None:
    other = make_account(catalog, telegram_id=2)
    for channel_id, hours in ((1, 1), (2, 3), (3, 2)):
        make_subscription(catalog, account, channel_id)
        read = ChannelCursor(channel_id, last_msg_id=1, read_at=NOW - timedelta(hours=hours))
        save_cursor(catalog, "demo", account.id, read)
    make_subscription(catalog, account, 4)
    make_subscription(catalog, account, 5)
    mark_subscription(catalog, "demo", 5, status="paused")
    make_subscription(catalog, other, 6)
    assert [view.channel_id for view in active_subscriptions(catalog, "demo", account.id)] == [4, 2, 3, 1]
    assert [view.channel_id for view in active_subscriptions(catalog, "demo", other.id)] == [6]


def test_a_subscription_that_was_ended_is_not_revived_by_its_reader(catalog: Catalog, account: TgAccount) -> None:
    make_subscription(catalog, account)
    end_subscription(catalog, ANN, 1)
    end_subscription(catalog, ANN, 1)
    assert mark_subscription(catalog, "demo", 1, status="active", members=3).status == "ended"
    assert active_subscriptions(catalog, "demo", account.id) == []
    actions = [entry.action for entry in list_audit(catalog, "demo")]
    assert actions.count("subscription.begin") == actions.count("subscription.end") == 1


def test_another_account_goes_on_where_the_removed_one_stopped(catalog: Catalog, account: TgAccount) -> None:
    other = make_account(catalog, telegram_id=2)
    make_subscription(catalog, account)
    save_cursor(catalog, "demo", account.id, ChannelCursor(1, last_msg_id=500, read_at=NOW))
    erase_account(catalog, "demo", account.id)
    with pytest.raises(ConflictError, match="is removed"):
        move_subscription(catalog, ANN, 1, account.id)
    move_subscription(catalog, ANN, 1, other.id)
    (view,) = active_subscriptions(catalog, "demo", other.id)
    assert (view.last_msg_id, view.error) == (500, None)
    end_subscription(catalog, ANN, 1)
    with pytest.raises(ConflictError, match="has ended"):
        move_subscription(catalog, ANN, 1, other.id)


def test_another_tenants_subscriptions_and_accounts_do_not_exist(catalog: Catalog, account: TgAccount) -> None:
    make_tenant(catalog, "other")
    bob = Principal("other", None, "owner")
    theirs = make_account(catalog, "other")
    make_subscription(catalog, account, 1)
    request = _ask(catalog)
    assert (list_subscriptions(catalog, "other"), requests(catalog, bob)) == ([], [])
    assert active_subscriptions(catalog, "other", account.id) == []
    for act in (
        lambda: end_subscription(catalog, bob, 1),
        lambda: mark_subscription(catalog, "other", 1, status="paused"),
        lambda: move_subscription(catalog, ANN, 1, theirs.id),
        lambda: make_subscription(catalog, TgAccount(id=theirs.id, tenant="demo"), 1),
        lambda: _ask(catalog, account_id=theirs.id),
        lambda: finish_request(catalog, "other", request.id, status="failed"),
        lambda: defer_request(catalog, "other", request.id, not_before=NOW),
    ):
        with pytest.raises(NotFoundError):
            act()
    assert [view.status for view in list_subscriptions(catalog, "demo")] == ["active"]


def test_the_database_itself_refuses_another_tenants_account(catalog: Catalog, account: TgAccount) -> None:
    make_tenant(catalog, "other")
    theirs = make_account(catalog, "other")
    remember_channels(catalog, "demo", [ChannelSeen(9, None, "Nine", "channel")])
    with pytest.raises(IntegrityError), catalog.tenant_session("demo", writing=True) as session:
        row = Subscription(tenant="demo", channel_id=9, account_id=theirs.id, reference="9", visibility="private")
        session.add(row)


def test_following_again_switches_nothing_off(catalog: Catalog, account: TgAccount) -> None:
    other = make_account(catalog, telegram_id=77)
    make_subscription(catalog, other, 5, comments=True)
    _follow(catalog, account, reference="https://t.me/+AbCdEf", chosen=True)
    _follow(catalog, account, reference="5", chosen=True)
    (view,) = list_subscriptions(catalog, "demo")
    assert (view.comments, view.reference, view.account_id) == (True, "https://t.me/+AbCdEf", account.id)
    _follow(catalog, other, reference="5", chosen=False)
    (view,) = list_subscriptions(catalog, "demo")
    assert view.account_id == account.id
    mark_account(catalog, "demo", account.id, "expired")
    _follow(catalog, other, reference="5", chosen=False)
    (view,) = list_subscriptions(catalog, "demo")
    assert view.account_id == other.id
    end_subscription(catalog, ANN, 5)
    _follow(catalog, other, reference="5", chosen=False)
    (view,) = list_subscriptions(catalog, "demo")
    assert (view.status, view.comments, view.reference) == ("active", False, "5")


def _follow(catalog: Catalog, account: TgAccount, *, reference: str, chosen: bool) -> None:
    subscribe(
        catalog, "demo", channel_id=5, account_id=account.id, reference=reference, visibility="private", members=None,
        since=None, comments=False, created_by=None, chosen=chosen,
    )  # fmt: skip
