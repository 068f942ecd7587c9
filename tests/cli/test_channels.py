"""subscribe, subscriptions, refresh and backfill as a person runs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.home import Home
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def alice(home: Home, telegram: TelegramServer) -> User:
    user = telegram.add_user("Alice")
    home.pair(user)
    return user


@pytest.fixture
def news(telegram: TelegramServer) -> Channel:
    channel = telegram.add_channel("bignews", "Big [News]")
    start = datetime.now(UTC) - timedelta(hours=30)
    telegram.post_many(channel, [f"post {n} of the day" for n in range(20)], start=start, step=HOUR)
    return channel


def feed(home: Home, *more: str) -> list[str]:
    rows = json.loads(home.run("feed", "--tenant", "demo", "--limit", "500", "--json", *more))
    return [row["text"] for row in rows]


def test_without_an_account_nothing_is_read_and_it_is_said_how_to_pair_one(home: Home, news: Channel) -> None:
    assert "Nothing followed yet" in home.run("subscriptions", "--tenant", "demo")
    home.run("subscribe", "--tenant", "demo", "@bignews", "--queue")
    assert "queued" in home.run("subscriptions", "--tenant", "demo")
    assert home.telegram.calls() == []
    assert "tgstudio login --tenant demo" in home.run("subscribe", "--tenant", "demo", "--dialogs", code=1)


def test_a_channel_is_followed_read_shown_and_left(home: Home, alice: User, news: Channel) -> None:
    said = home.run("subscribe", "--tenant", "demo", "https://t.me/bignews/3")
    assert "1 of 1 channels followed" in said
    assert len(feed(home)) == 20
    table = home.run("subscriptions", "--tenant", "demo")
    assert "Big [News] @bignews" in table
    assert "active" in table
    home.telegram.post(news, "breaking")
    home.run("refresh", "--tenant", "demo")
    assert "breaking" in feed(home)
    assert "not followed any more" in home.run("unsubscribe", "--tenant", "demo", "@bignews")
    home.telegram.post(news, "unheard")
    home.run("refresh", "--tenant", "demo")
    assert "unheard" not in feed(home)
    assert "is not followed" in home.run("unsubscribe", "--tenant", "demo", "@nobody", code=1)


def test_a_list_of_references_is_taken_from_a_file_and_each_trouble_is_named(
    home: Home, alice: User, news: Channel, tmp_path: Path
) -> None:
    wishes = tmp_path / "channels.txt"
    wishes.write_text("# mine\n@bignews, bignews\n@nosuchname\n", encoding="utf-8")
    process = home.start("subscribe", "--tenant", "demo", "--file", str(wishes))
    out, errors = process.communicate(timeout=300)
    assert "1 of 2 channels followed" in out
    assert "failed @nosuchname: nobody on Telegram has this username" in errors
    wishes.write_text("@bignews\nno name!\n", encoding="utf-8")
    assert "line 2" in home.run("subscribe", "--tenant", "demo", "--file", str(wishes), code=1)
    assert "cannot be read" in home.run("subscribe", "--tenant", "demo", "--file", "nowhere.txt", code=1)
    assert "Name a channel" in home.run("subscribe", "--tenant", "demo", code=1)


def test_the_channels_of_a_folder_are_followed_private_ones_too(
    home: Home, alice: User, news: Channel, telegram: TelegramServer
) -> None:
    secret = telegram.add_channel(None, "Secret", private=True)
    for channel in (news, secret):
        telegram.join(channel, alice)
    telegram.post(secret, "for members")
    telegram.add_folder(alice, "Work", [news, secret])
    home.run("subscribe", "--tenant", "demo", "--folder", "work")
    told = json.loads(home.run("subscriptions", "--tenant", "demo", "--json"))
    assert {one["visibility"] for one in told["subscriptions"]} == {"public", "private"}
    assert "for members" in feed(home)
    assert telegram.calls("contacts.resolveUsername") == []


def test_history_is_estimated_read_in_slices_and_then_complete(
    home: Home, alice: User, telegram: TelegramServer
) -> None:
    old = telegram.add_channel("archive", "Archive")
    now, step = datetime.now(UTC), timedelta(minutes=15)
    # Busy times further apart than a slice is long, the first before what is asked for; what is quiet is soon done.
    for begun in (40, 32, 4):
        telegram.post_many(old, [f"{begun} {n}" for n in range(240)], start=now - begun * DAY, step=step)
    home.run("subscribe", "--tenant", "demo", "@archive", "--days", "33")
    told = json.loads(home.run("backfill", "--tenant", "demo", "--estimate", "--json"))
    # Following reads the newest page, and what else is of the last three days.
    fresh = datetime.combine(now.date() - 2 * DAY, datetime.min.time(), UTC)
    recent = sum(now - 4 * DAY + n * step >= fresh for n in range(240))
    assert told["together"]["messages"] == 480 - max(100, recent)
    assert told["together"]["requests"] >= 3
    said = home.run("backfill", "--tenant", "demo")
    assert "All history that was asked for is read." in said
    texts = feed(home)
    assert len(texts) == len(set(texts))
    assert len(texts) == 480 and not [text for text in texts if text.startswith("40 ")]
    assert "All history" in home.run("backfill", "--tenant", "demo")


def test_backfill_never_says_read_for_what_was_not(home: Home, alice: User, telegram: TelegramServer) -> None:
    old = telegram.add_channel("archive", "Archive")
    start = datetime.now(UTC) - 20 * DAY
    telegram.post_many(old, [f"post {n}" for n in range(400)], start=start, step=HOUR)
    assert "Nothing is followed that could be read." in home.run("backfill", "--tenant", "demo")
    home.run("subscribe", "--tenant", "demo", "@archive", "--days", "33")
    telegram.fail("messages.getHistory", "SOMETHING_NEW", code=400, skip=2)
    process = home.start("backfill", "--tenant", "demo")
    out, told = process.communicate(timeout=300)
    assert ": not wholly read" in out and ": read\n" not in out and "All history" not in out
    assert "not read Archive: up to 100 posts were refused by Telegram" in told
    telegram.revoke(alice)
    home.run("subscribe", "--tenant", "demo", "@later", "--queue")
    home.run("refresh", "--tenant", "demo")
    out, told = home.start("backfill", "--tenant", "demo").communicate(timeout=300)
    assert "All history" not in out
    assert "Pair it again" in told and "not read @later: not followed yet" in told


def test_an_empty_folder_and_an_account_without_channels_say_so(
    home: Home, alice: User, telegram: TelegramServer
) -> None:
    telegram.add_folder(alice, "Empty", [])
    assert "no channel or supergroup in its folder 'Empty'" in home.run(
        "subscribe", "--tenant", "demo", "--folder", "Empty", code=1
    )
    assert "no channel or supergroup among its chats" in home.run("subscribe", "--tenant", "demo", "--dialogs", code=1)


def test_a_flood_is_shown_with_its_end_and_fails_nothing(home: Home, alice: User, news: Channel) -> None:
    home.telegram.fail("contacts.resolveUsername", "FLOOD_WAIT_18000", times=None)
    process = home.start("subscribe", "--tenant", "demo", "@bignews")
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "0 of 1 channels followed" in out
    assert "contacts.resolveUsername" in errors
    until = datetime.now(UTC) + 5 * HOUR
    assert f"until {until:%Y-%m-%d %H}" in home.run("accounts", "--tenant", "demo")


def test_a_plan_is_shown_and_changed(home: Home) -> None:
    assert json.loads(home.run("tenant", "plan", "demo"))["refresh_minutes"] == 60
    assert json.loads(home.run("tenant", "plan", "demo", "pro"))["refresh_minutes"] == 15
    assert "free" in home.run("tenant", "plan", "demo", "gold", code=1)


def test_doctor_says_whether_accounts_can_be_paired_and_which_are_lost(home: Home, alice: User, news: Channel) -> None:
    home.run("subscribe", "--tenant", "demo", "@bignews")
    told = {one["what"]: one for one in json.loads(home.run("doctor", "--json"))}
    assert told["Telegram"]["status"] == told["account Alice"]["status"] == "ok"
    home.telegram.revoke(alice)
    home.run("refresh", "--tenant", "demo")
    process = home.start("doctor", "--json")
    told = {one["what"]: one for one in json.loads(process.communicate(timeout=300)[0])}
    assert told["account Alice"]["status"] == "failed"
    assert "Pair it again" in told["account Alice"]["detail"]
    assert process.returncode == 1
