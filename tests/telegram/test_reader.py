"""Reading channels from Telegram: what is new, what was missing, and what a kill leaves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from tests.servers.telegram import TelegramServer
from tests.telegram.reads import Reads, fill, posted
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.telegram.reading.read_report import ReadEvent

AGO = timedelta(days=30)
SMALL = {"batch_messages": 100}


@pytest.fixture
def desk(reading_desk: Reads) -> Reads:
    return reading_desk


def everything(desk: Reads) -> DayRange:
    return DayRange(date(2020, 1, 1), desk.now().date())


class Killed(Exception):
    pass


def kill_after(batches: int):  # noqa: ANN201
    """A report that breaks off a reading after so many batches."""
    seen = 0

    def report(event: ReadEvent) -> None:
        nonlocal seen
        seen += event.kind == "landed"
        if seen >= batches:
            raise Killed

    return report


def test_a_new_subscription_shows_its_newest_hundred_at_once(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 250, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    report = desk.read()
    assert list(desk.texts(channel)) == list(range(151, 251))
    assert desk.cursor(account, channel).last_msg_id == 250
    assert desk.cursor(account, channel).gaps == ((1, 150),)
    assert report.channels[channel.id].landed == 100 and report.error is None
    assert len(telegram.calls("messages.getHistory")) == 1


def test_what_is_new_is_read_upwards_from_the_cursor(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 10, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    assert desk.read().total("landed") == 0
    fill(telegram, channel, 230, start=desk.now() - AGO / 2, step=timedelta(minutes=1))
    assert desk.read(settings=SMALL).total("landed") == 230
    assert desk.texts(channel) == posted(telegram, channel)
    assert desk.cursor(account, channel).last_msg_id == 240


def test_a_history_of_five_thousand_is_read_whole_with_ids_missing(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    for n in range(10):
        fill(telegram, channel, 500, start=desk.now() - AGO + timedelta(days=n), step=timedelta(minutes=2))
        telegram.skip_ids(channel, 137 * n)
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    report = desk.read(history=everything(desk))
    assert report.total("landed") == 4900 and not report.more
    assert desk.texts(channel) == posted(telegram, channel)
    assert desk.cursor(account, channel).gaps == ()
    assert desk.subscription(channel).filled_from == date(2020, 1, 1)


@pytest.mark.parametrize("batches", [1, 2])
def test_a_kill_loses_at_most_a_batch_and_doubles_none(desk: Reads, telegram: TelegramServer, batches: int) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 1, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    fill(telegram, channel, 700, start=desk.now() - AGO, step=timedelta(minutes=1))
    with pytest.raises(Killed):
        desk.read(settings=SMALL, report=kill_after(batches))
    # While a batch is on its way to the lake, the next one may outgrow its size.
    assert desk.cursor(account, channel).last_msg_id >= 1 + 100 * batches
    desk.read(settings=SMALL)
    assert desk.texts(channel) == posted(telegram, channel)


@pytest.mark.parametrize("batches", [1, 2])
def test_a_killed_history_goes_on_where_it_stood(desk: Reads, telegram: TelegramServer, batches: int) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 800, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    with pytest.raises(Killed):
        desk.read(settings=SMALL, history=everything(desk), report=kill_after(batches))
    ((first, left),) = desk.cursor(account, channel).gaps
    assert first == 1 and left <= 700 - 100 * batches
    assert desk.read(settings=SMALL, history=everything(desk)).total("landed") == left
    assert desk.texts(channel) == posted(telegram, channel)


def test_a_kill_between_landing_and_checkpoint_doubles_nothing(
    desk: Reads, telegram: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 50, start=desk.now() - AGO, step=timedelta(minutes=1))
    desk.follow(desk.account(telegram.add_user()), channel)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("tgstudio_dagster.telegram.reading.landing.save_cursor", killed)
        with pytest.raises(Killed):
            desk.read()
    assert desk.lake.landing_days()
    desk.read()
    assert desk.texts(channel) == posted(telegram, channel)


def test_history_stays_within_the_days_and_the_depth(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    start = datetime.combine(desk.now().date() - timedelta(days=40), datetime.min.time(), UTC)
    fill(telegram, channel, 40 * 24, start=start, step=timedelta(hours=1))
    account = desk.account(telegram.add_user())
    since = start.date() + timedelta(days=20)
    desk.follow(account, channel, since=since)
    desk.read()
    filled = desk.subscription(channel).filled_from
    assert filled is not None and filled > since
    days = DayRange(since + timedelta(days=5), filled - timedelta(days=1))
    desk.read(history=days)
    assert desk.messages(channel)["date"].min() == start + timedelta(days=25)
    assert desk.subscription(channel).filled_from == days.first
    desk.read(history=everything(desk))
    assert desk.messages(channel)["date"].min() == start + timedelta(days=20)
    assert desk.subscription(channel).filled_from == since
    assert desk.cursor(account, channel).gaps == ((1, 20 * 24),)
    telegram.forget_calls()
    desk.read()
    assert len(telegram.calls("messages.getHistory")) == 1


def test_days_in_the_middle_are_read_alone(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    start = datetime.combine(desk.now().date() - timedelta(days=20), datetime.min.time(), UTC)
    fill(telegram, channel, 20 * 24, start=start, step=timedelta(hours=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    day = start.date() + timedelta(days=3)
    before = desk.subscription(channel).filled_from
    report = desk.read(history=DayRange(day, day + timedelta(days=1)), settings=SMALL)
    assert report.total("landed") == 48
    assert report.days == {day, day + timedelta(days=1)}
    assert desk.subscription(channel).filled_from == before
    assert desk.cursor(account, channel).gaps == ((1, 72), (121, 380))
    desk.read(history=everything(desk))
    assert desk.texts(channel) == posted(telegram, channel)


def test_an_album_across_pages_and_batches_is_one_post(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    when = desk.now() - AGO
    fill(telegram, channel, 1, start=when, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    photo = telegram.add_file(b"x" * 100, kind="photo")
    albums = []
    for n in range(40):
        fill(telegram, channel, 3, start=when + timedelta(minutes=n), step=timedelta(seconds=1))
        albums.append(telegram.post_album(channel, [photo] * 10, f"album {n}", date=when + timedelta(minutes=n)))
    desk.read(settings=SMALL)
    landed = pl.concat([desk.lake.read_landings(desk.lake.landings(day)) for day in desk.lake.landing_days()])
    whole = landed.filter(pl.col("album").list.len() > 0).sort("msg_id")
    assert whole["album"].to_list() == albums
    assert desk.messages(channel).filter(type="album")["album"].to_list() == albums


def test_an_album_is_whole_in_history_read_downwards(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    when = desk.now() - AGO
    photo = telegram.add_file(b"x" * 100, kind="photo")
    albums = [
        telegram.post_album(channel, [photo] * 7, f"album {n}", date=when + timedelta(minutes=n)) for n in range(60)
    ]
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    desk.read(settings=SMALL, history=everything(desk))
    landed = pl.concat([desk.lake.read_landings(desk.lake.landings(day)) for day in desk.lake.landing_days()])
    assert landed.sort("msg_id")["album"].to_list() == albums


def test_an_album_that_may_still_be_growing_is_left_for_the_next_reading(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 3, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    photo = telegram.add_file(b"x" * 100, kind="photo")
    telegram.post(channel, "before")
    album = telegram.post_album(channel, [photo] * 4, "fresh")
    desk.read()
    assert desk.cursor(account, channel).last_msg_id == 4
    desk.now.wait(seconds=11)
    desk.read()
    assert desk.cursor(account, channel).last_msg_id == 8
    assert desk.messages(channel).filter(type="album")["album"].to_list() == [album]


def test_an_empty_channel_is_begun_when_it_has_something(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    assert desk.read().total("landed") == 0
    telegram.post(channel, "first")
    assert desk.read().total("landed") == 1
    assert desk.cursor(account, channel).last_msg_id == 1


def test_service_messages_and_forum_topics_are_told_apart(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("forum", forum=True)
    user = telegram.add_user()
    desk.follow(desk.account(user), channel)
    topic = telegram.add_topic(channel, "Weather")
    in_topic = telegram.post(channel, "rain", forum_topic=topic, from_user=user)
    pin = telegram.post(channel, service="pin")
    desk.read()
    rows = {row["msg_id"]: row for row in desk.messages(channel).iter_rows(named=True)}
    assert (rows[topic]["type"], rows[pin]["type"]) == ("service", "service")
    assert rows[pin]["service_action"] == "MessageActionPinMessage"
    assert (rows[in_topic]["forum_topic"], rows[in_topic]["type"]) == (topic, "text")


def test_what_the_filters_leave_out_does_not_land(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    telegram.post(channel, "about rain")
    telegram.post(channel, "about sun")
    desk.follow(desk.account(telegram.add_user()), channel)
    report = desk.read(filters=Filters(keywords=("rain",)))
    assert list(desk.texts(channel).values()) == ["about rain"]
    assert report.channels[channel.id].left_out == 1


def test_the_time_of_a_reading_ends_between_batches(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 3000, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()

    def hurry(event: ReadEvent) -> None:
        desk.now.wait(minutes=5.1)

    report = desk.read(settings=SMALL, history=everything(desk), report=hurry)
    assert report.more
    assert 0 < report.total("landed") < 2900
    while report.more:
        report = desk.read(settings=SMALL, history=everything(desk))
    assert desk.texts(channel) == posted(telegram, channel)


def test_a_page_that_is_refused_becomes_a_gap_and_is_filled_later(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 1, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    fill(telegram, channel, 400, start=desk.now() - AGO, step=timedelta(minutes=1))
    telegram.fail("messages.getHistory", "MSG_WAIT_FAILED", skip=1, code=400)
    telegram.fail("messages.getHistory", "MSG_WAIT_FAILED", skip=4, code=400)
    report = desk.read(settings=SMALL)
    assert desk.cursor(account, channel).last_msg_id == 401
    assert desk.cursor(account, channel).gaps == ((102, 201),)
    assert "MSG_WAIT_FAILED" in (report.channels[channel.id].error or "")
    assert "MSG_WAIT_FAILED" in (desk.subscription(channel).error or "")
    desk.read(settings=SMALL)
    assert desk.cursor(account, channel).gaps == ()
    assert desk.texts(channel) == posted(telegram, channel)
    assert desk.subscription(channel).error is None


def test_refused_pages_at_the_end_never_skip_what_is_not_posted_yet(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    fill(telegram, channel, 1, start=desk.now() - AGO, step=timedelta(minutes=1))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    desk.read()
    fill(telegram, channel, 5, start=desk.now() - AGO, step=timedelta(minutes=1))
    telegram.fail("messages.getHistory", "MSG_WAIT_FAILED", code=400)
    report = desk.read()
    assert report.channels[channel.id].error and desk.cursor(account, channel).last_msg_id == 1
    desk.read()
    assert desk.texts(channel) == posted(telegram, channel)
