"""Observing posts again: counters, edits, deletes, and the comments that grow below them."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from tests.servers.telegram import TelegramServer
from tests.telegram.reads import Reads, fill
from tgstudio_dagster.catalog.follows.incoming import heard_posts, note_heard
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(reading_desk: Reads) -> Reads:
    return reading_desk


def stats(desk: Reads, msg_id: int) -> list[int | None]:
    desk.merge()
    return desk.lake.read(MESSAGE_STATS).filter(msg_id=msg_id).sort("observed_at")["views"].to_list()


def versions(desk: Reads, msg_id: int) -> list[str]:
    desk.merge()
    return desk.lake.read(MESSAGE_VERSIONS).filter(msg_id=msg_id)["text"].to_list()


def test_counters_are_observed_again_at_the_cadence(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    young = telegram.post(channel, "young", views=10)
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    telegram.count(channel, young, views=25)
    assert desk.read().total("observed") == 0
    desk.now.wait(minutes=11)
    assert desk.read().total("observed") == 1
    telegram.count(channel, young, views=70)
    desk.now.wait(hours=3)
    assert desk.read().total("observed") == 1
    desk.now.wait(days=2)
    assert desk.read().total("observed") == 0
    assert stats(desk, young) == [10, 25, 70]
    assert desk.messages(channel)["views"].to_list() == [70]


def test_landings_that_wait_for_the_merge_count_as_observed(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    telegram.post(channel, "young")
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    desk.now.wait(minutes=11)
    assert desk.read().total("observed") == 1
    assert desk.read().total("observed") == 0


def test_an_edit_makes_a_version_and_new_reactions_make_none(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    edited, liked = telegram.post(channel, "first"), telegram.post(channel, "liked")
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    telegram.edit(channel, edited, "second")
    telegram.count(channel, liked, reactions={"👍": 3, "🔥": 1})
    desk.now.wait(minutes=11)
    desk.read()
    assert versions(desk, edited) == ["first", "second"]
    assert versions(desk, liked) == ["liked"]
    row = desk.messages(channel).filter(msg_id=liked).row(0, named=True)
    assert (row["reactions"], row["version"]) == (4, 1) and row["edit_date"] is not None


def test_a_delete_is_soft_and_proved(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    gone, stays = telegram.post(channel, "gone"), telegram.post(channel, "stays")
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    telegram.delete(channel, gone)
    desk.now.wait(minutes=11)
    report = desk.read()
    assert (report.total("deleted"), report.total("observed")) == (1, 1)
    rows = {row["msg_id"]: row for row in desk.messages(channel).iter_rows(named=True)}
    assert rows[gone]["deleted_at"] is not None and rows[gone]["text"] == "gone"
    assert rows[stays]["deleted_at"] is None
    desk.now.wait(minutes=11)
    assert desk.read().total("observed") == 1


def test_an_id_that_is_left_out_of_the_answer_is_unknown(
    desk: Reads, telegram: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tgstudio_dagster.telegram.mtproto.messages import Page
    from tgstudio_dagster.telegram.reading import observing

    channel = telegram.add_channel("news")
    gone = telegram.post(channel, "left out")
    telegram.post(channel, "stays")
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    telegram.delete(channel, gone)
    desk.now.wait(minutes=11)
    asked = observing.by_ids

    async def poorer(*given: object) -> Page:
        page = await asked(*given)  # type: ignore[arg-type]
        return Page([message for message in page.messages if message["id"] != gone], page.entities, page.total)

    monkeypatch.setattr(observing, "by_ids", poorer)
    report = desk.read()
    assert (report.total("deleted"), report.total("observed")) == (0, 1)
    assert desk.messages(channel)["deleted_at"].null_count() == 2


def test_an_album_is_deleted_only_when_all_its_members_are(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    photo = telegram.add_file(b"x" * 10, kind="photo")
    album = telegram.post_album(channel, [photo] * 3, "caption", date=desk.now() - HOUR / 2)
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    telegram.delete(channel, album[0])
    desk.now.wait(minutes=11)
    assert desk.read().total("deleted") == 0
    row = desk.messages(channel).row(0, named=True)
    assert (row["msg_id"], row["album"], row["text"], row["deleted_at"]) == (album[0], album, "caption", None)
    telegram.delete(channel, *album[1:])
    desk.now.wait(minutes=31)
    assert desk.read().total("deleted") == 1
    assert desk.messages(channel).row(0, named=True)["deleted_at"] is not None


def test_many_posts_are_asked_for_a_hundred_at_a_time_and_no_album_is_cut(
    desk: Reads, telegram: TelegramServer
) -> None:
    channel = telegram.add_channel("news")
    when = desk.now() - HOUR / 2
    photo = telegram.add_file(b"x" * 10, kind="photo")
    fill(telegram, channel, 95, start=when, step=timedelta(seconds=1))
    telegram.post_album(channel, [photo] * 10, "caption", date=when)
    fill(telegram, channel, 95, start=when, step=timedelta(seconds=1))
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    desk.read(history=DayRange(when.date(), desk.now().date()))
    desk.now.wait(minutes=11)
    telegram.forget_calls()
    report = desk.read()
    assert report.total("observed") == 191
    asked = [len(call.request.id) for call in telegram.calls("channels.getMessages")]
    assert sum(asked) == 200 and max(asked) <= 100
    assert desk.messages(channel).height == 191


def test_what_a_listener_heard_is_observed_at_once_however_old(desk: Reads, telegram: TelegramServer) -> None:
    channel = telegram.add_channel("news")
    when = desk.now() - timedelta(days=20)
    edited, gone, other = fill(telegram, channel, 3, start=when, step=HOUR)
    desk.follow(desk.account(telegram.add_user()), channel)
    desk.read()
    desk.merge()
    telegram.edit(channel, edited, "edited late")
    telegram.delete(channel, gone)
    note_heard(desk.paired.catalog, desk.tenant, channel.id, [edited, gone, 999], now=desk.now())
    report = desk.read()
    assert (report.total("observed"), report.total("deleted")) == (1, 1)
    rows = {row["msg_id"]: row for row in desk.messages(channel).iter_rows(named=True)}
    assert rows[edited]["text"] == "edited late" and rows[other]["version"] == 1
    assert rows[gone]["deleted_at"] is not None
    assert heard_posts(desk.paired.catalog, desk.tenant, channel.id) == {}


def test_comments_are_counted_and_read_only_where_asked_for(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    account = desk.account(user)
    asked, other = (telegram.add_channel(name, discussion=True) for name in ("asked", "other"))
    posts = {channel: telegram.post(channel, "talk about it") for channel in (asked, other)}
    for channel in (asked, other):
        desk.follow(account, channel, comments=channel is asked)
        telegram.comment(channel, posts[channel], "first", user=user)
    desk.read()
    assert asked.discussion and other.discussion
    assert desk.messages(asked)["comments"].to_list() == [1]
    assert desk.messages(other)["comments"].to_list() == [1]
    assert desk.messages(other.discussion).is_empty()
    comments = desk.messages(asked.discussion)
    assert comments["text"].to_list() == ["first"]
    assert comments.select("comment_on", "comment_channel").row(0) == (posts[asked], asked.id)


def test_only_comments_that_are_new_are_read_and_none_twice(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    channel = telegram.add_channel("news", discussion=True)
    post = telegram.post(channel, "talk about it")
    desk.follow(desk.account(user), channel, comments=True)
    for n in range(130):
        telegram.comment(channel, post, f"comment {n}", user=user)
    report = desk.read()
    assert report.total("comments") == 130
    telegram.comment(channel, post, "late", user=user)
    desk.now.wait(minutes=11)
    assert desk.read().total("comments") == 1
    desk.now.wait(minutes=11)
    telegram.forget_calls()
    assert desk.read().total("comments") == 0
    assert not telegram.calls("messages.getReplies")
    assert channel.discussion
    texts = list(desk.texts(channel.discussion).values())
    assert sorted(texts) == sorted([*(f"comment {n}" for n in range(130)), "late"])


def test_a_channels_own_post_that_comes_back_as_a_comment_stays_in_the_feed(
    desk: Reads, telegram: TelegramServer
) -> None:
    user = telegram.add_user()
    channel, other = telegram.add_channel("world", discussion=True), telegram.add_channel("other")
    post, own = telegram.post(channel, "a post"), telegram.post(channel, "another post")
    foreign = telegram.post(other, "of another channel")
    telegram.comment(channel, post, "a comment", user=user)
    telegram.strays = [(channel, own), (other, foreign)]
    account = desk.account(user)
    desk.follow(account, channel, comments=True)
    desk.follow(account, other)
    desk.read()
    rows = desk.messages().select("channel_id", "text", "comment_on", "comment_channel").rows()
    assert channel.discussion is not None
    assert sorted(rows) == sorted(
        [
            (channel.id, "a post", None, None),
            (channel.id, "another post", None, None),
            (other.id, "of another channel", None, None),
            (channel.discussion.id, "a comment", post, channel.id),
        ]
    )


def test_a_history_is_filled_with_its_comments(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    channel = telegram.add_channel("news", discussion=True)
    start = desk.now() - timedelta(days=20)
    posts = fill(telegram, channel, 150, start=start, step=HOUR)
    telegram.comment(channel, posts[3], "old comment", user=user, date=start + 5 * HOUR)
    desk.follow(desk.account(user), channel, comments=True)
    desk.read()
    telegram.fail("messages.getReplies", "FLOOD_WAIT_18000")
    days = DayRange(start.date(), desk.now().date())
    report = desk.read(history=days)
    assert report.total("comments") == 0 and report.waits and report.waits_until is None
    filled = desk.subscription(channel).filled_from
    assert filled is not None and filled > days.first
    desk.forget_waits()
    assert desk.read(history=days).total("comments") == 1
    assert desk.subscription(channel).filled_from is not None
    assert desk.messages(channel.discussion)["text"].to_list() == ["old comment"]


def test_a_deleted_comment_is_left_alone(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    channel = telegram.add_channel("news", discussion=True)
    post = telegram.post(channel, "talk")
    comment = telegram.comment(channel, post, "stays in the lake", user=user)
    desk.follow(desk.account(user), channel, comments=True)
    desk.read()
    assert channel.discussion
    telegram.delete(channel.discussion, comment)
    desk.now.wait(minutes=11)
    desk.read()
    assert desk.messages(channel)["comments"].to_list() == [0]
    assert desk.messages(channel.discussion).select(pl.col("deleted_at").is_null().all()).item()


def test_a_new_comment_is_read_though_others_were_deleted(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    channel = telegram.add_channel("news", discussion=True)
    post = telegram.post(channel, "talk")
    first = [telegram.comment(channel, post, f"comment {n}", user=user) for n in range(3)]
    desk.follow(desk.account(user), channel, comments=True)
    desk.read()
    assert channel.discussion
    telegram.delete(channel.discussion, *first[:2])
    telegram.comment(channel, post, "later", user=user)
    desk.now.wait(minutes=11)
    assert desk.read().total("comments") == 1
    assert sorted(desk.messages(channel.discussion)["text"]) == ["comment 0", "comment 1", "comment 2", "later"]


def test_replies_in_a_group_are_posts_and_no_comments(desk: Reads, telegram: TelegramServer) -> None:
    user = telegram.add_user()
    group = telegram.add_channel("group", megagroup=True)
    question = telegram.post(group, "question", from_user=user)
    telegram.post(group, "answer", reply_to=question, from_user=user)
    desk.follow(desk.account(user), group, comments=True)
    report = desk.read()
    assert (report.total("landed"), report.total("comments")) == (2, 0)
    assert desk.messages(group).select("reply_to", "comment_on").rows() == [(None, None), (question, None)]
