"""Exports of every age: ids, dates, upgraded groups, forum topics and answers mean today what they meant then."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import Desk
from tests.telegram.exports import chat, lines, message, telethon, write
from tgstudio_dagster.cli.work import describe
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources.desktop_ids import peer_id


def test_posts_from_2013_on_are_taken_and_older_ones_are_no_posts(desk: Desk, tmp_path: Path) -> None:
    assert desk.case("first_day_2019").landed == 3
    old = [message(n, date_unixtime=moment, date=...) for n, moment in ((1, "1375315200"), (2, "1375315199"))]
    got = desk.load(write(tmp_path, chat(old)), first_day=date(2013, 8, 1))
    assert (got.landed, got.rejected_by) == (1, {"before first day": 1})


def test_messages_of_the_basic_group_before_an_upgrade_are_left_out_under_one_reason(desk: Desk) -> None:
    got = desk.case("migrated_group")
    assert (got.read, got.landed, got.filtered, got.rejected) == (14, 2, 12, 0)
    assert list(got.filtered_by.values()) == [12]
    assert "basic group" in next(iter(got.filtered_by))
    assert desk.rows()["text"].to_list() == ["Club", "first of the supergroup"]


def test_reasons_that_carry_a_value_are_one_reason(desk: Desk, tmp_path: Path) -> None:
    no_ids = [message(1) | {"id": -2_000_000_000 - n} for n in range(40)]
    no_dates = [message(n, date=f"x{n}", date_unixtime=...) for n in range(50, 90)]
    too_old = [message(n, date=..., date_unixtime=str(10**9 + 86_400 * n)) for n in range(100, 140)]
    odd = [message(1), *no_ids, *no_dates, *too_old]
    chats = [chat(odd), *(chat([message(1)], id=2000 + n, type=f"type {n}") for n in range(30))]
    got = desk.load(write(tmp_path, {"chats": {"list": chats}}))
    assert got.rejected_by == {"not a positive id": 40, "no date": 40, "before first day": 40}
    assert list(got.filtered_by.values()) == [30]
    assert len(describe(got)) < 600


def test_reasons_of_a_dump_that_carry_a_value_are_one_reason(desk: Desk, tmp_path: Path) -> None:
    odd = [*(telethon(-n) for n in range(1, 30)), *(telethon(n, date=f"x{n}") for n in range(1, 30)),
           *({"_": f"Odd{n}", "id": n} for n in range(30)), *(telethon(5) | {"peer_id": {"_": "PeerUser", "user_id": n}} for n in
           range(1, 30))]  # fmt: skip
    got = desk.load(lines(tmp_path, [telethon(1, "a"), *odd]))
    assert (len(got.rejected_by), len(got.filtered_by)) == (3, 1)


def test_a_summary_names_a_dozen_reasons_at_most(desk: Desk, tmp_path: Path) -> None:
    got = desk.load(write(tmp_path, chat([message(1)])))
    got.rejected, got.rejected_by = 300, {f"reason {n} " + "x" * 4000: n for n in range(300)}
    assert len(describe(got)) < 2500
    assert "and 288 more" in describe(got)


def test_one_channel_has_one_id_whatever_the_age_of_its_export(desk: Desk) -> None:
    got = desk.case("same_channel_two_ages")
    assert got.landed == 2
    rows = desk.rows()
    assert set(rows["channel_id"]) == {1410035294}
    assert set(rows["msg_id"]) == {7}
    assert set(rows["sender_id"]) == {None}
    assert set(rows["date"]) == {datetime(2020, 3, 1, 12, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("value", "old", "number"),
    [
        (9999969886, True, 1410035294), (9999969886, False, 9999969886), ((1 << 32) + 77, True, 77), (777000, True, 777000),
        ("user123", False, 123), ("channel123", True, 123), (-1001234567890, False, 1234567890), ("-1001234567890", False,
        1234567890), ("1234567890", False, 1234567890), ("user5000000000", False, 5000000000), ("user", False, None),
        (0, False, None), (None, True, None), ("soon", False, None), ("--5", False, None),
    ],
)  # fmt: skip
def test_ids_of_every_form_are_telegrams_own(value: Any, old: bool, number: int | None) -> None:
    assert peer_id(value, old=old) == number


@pytest.mark.parametrize("chat_id", ["1001", "channel1001", -1000000001001, "-1000000001001", 1001.0])
def test_a_chats_id_is_read_in_every_form(desk: Desk, tmp_path: Path, chat_id: Any) -> None:
    assert desk.load(write(tmp_path, chat([message(1)], id=chat_id))).landed == 1
    assert desk.rows()["channel_id"].to_list() == [1001]


def test_an_old_exports_local_times_are_of_the_tenants_zone_or_the_one_named(desk: Desk) -> None:
    got = desk.case("old_export_2020", time_zone="Europe/Moscow")
    assert (got.landed, got.local_times, got.time_zone) == (2, 2, "Europe/Moscow")
    assert "Europe/Moscow" in describe(got)
    never, once = desk.rows().iter_rows(named=True)
    assert (never["channel_id"], never["date"]) == (1410035294, datetime(2020, 3, 1, 9, tzinfo=UTC))
    assert never["edit_date"] is None
    assert once["edit_date"] == datetime(2020, 3, 1, 9, 6, tzinfo=UTC)
    assert once["observed_at"] == datetime(2020, 3, 1, 9, 6, tzinfo=UTC)
    with pytest.raises(SourceError, match="--time-zone"):
        desk.case("old_export_2020", time_zone="Mars/Olympus", again=True)


def test_the_zone_of_an_import_that_was_cut_short_stays(desk: Desk, tmp_path: Path) -> None:
    local = [message(n, date=f"2021-01-0{n}T12:00:00", date_unixtime=..., edited=...) for n in range(1, 5)]
    path = write(tmp_path, chat(local))

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.load(path, batch=1, progress=stop, time_zone="Asia/Tokyo")
    desk.load(path, batch=1, time_zone="America/Lima")
    assert {moment.hour for moment in desk.rows()["date"]} == {3}


def test_an_edit_before_the_post_is_none(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path, chat([message(1, edited="1970-01-01T03:00:00", edited_unixtime="10800")])))
    desk.load(lines(tmp_path, [telethon(2, "a", edit_date="1970-01-01T00:00:01+00:00")]))
    assert desk.rows()["edit_date"].to_list() == [None, None]


def test_a_date_of_zero_is_no_date(desk: Desk) -> None:
    got = desk.case("date_zero")
    assert (got.landed, got.rejected_by) == (1, {"no date": 1})


def test_a_date_in_the_future_is_rejected_and_never_the_time_of_the_observation(desk: Desk) -> None:
    got = desk.case("future_dates")
    assert (got.landed, got.rejected_by) == (1, {"date in the future": 1})
    assert desk.rows()["observed_at"].to_list() == [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]


def test_a_reply_to_another_chat_is_no_link_inside_this_one(desk: Desk, tmp_path: Path) -> None:
    desk.case("reply_other_chat")
    assert desk.rows()["reply_to"].to_list() == [None, None]
    own = [
        message(1),
        message(2, reply_to_message_id=1, reply_to_peer_id="channel1001"),
        message(3, reply_to_message_id=-9),
    ]
    desk.load(write(tmp_path, chat(own)))
    header = {"reply_to_msg_id": 1, "reply_to_peer_id": {"_": "PeerChannel", "channel_id": 1001}}
    other = {"reply_to_msg_id": 1, "reply_to_peer_id": {"_": "PeerUser", "user_id": 1001_1}}
    desk.load(lines(tmp_path, [telethon(4, "a", reply_to=header), telethon(5, "a", reply_to=other)]))
    rows = desk.rows()
    assert rows.filter(rows["channel_id"] == 1001)["reply_to"].to_list() == [None, 1, None, 1, None]


def topics(desk: Desk) -> dict[int, tuple[int | None, int | None]]:
    return {row["msg_id"]: (row["reply_to"], row["forum_topic"]) for row in desk.rows().iter_rows(named=True)}


FORUM = {
    1: (None, None), 2: (None, None), 3: (None, None), 10: (None, 2), 11: (10, 2), 12: (11, 2), 13: (None, None), 14: (None, 3),
}  # fmt: skip


def test_a_forum_topic_follows_the_chain_of_replies(desk: Desk) -> None:
    desk.case("forum_topics")
    assert topics(desk) == FORUM


def test_a_forum_topic_is_known_where_an_import_goes_on(desk: Desk) -> None:
    seen: list[Any] = []

    def stop(step: Any) -> None:
        seen.append(step)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.case("forum_topics", batch=1, progress=stop)
    desk.case("forum_topics", batch=1)
    assert topics(desk) == FORUM


def test_senders_are_who_they_are(desk: Desk) -> None:
    desk.case("senders")
    rows = desk.rows().select("author", "sender_id", "forwarded_from").rows()
    assert rows[:6] == [
        (None, None, None), ("Chief", None, None), ("News of the club", 555, "News of the club"), (None, 777, None),
        ("Olga", 5, "unknown"), ("Club", 9, None),
    ]  # fmt: skip


def test_left_chats_are_read_too(desk: Desk) -> None:
    got = desk.case("left_chats")
    assert (got.landed, got.filtered) == (2, 1)
    assert desk.rows()["channel_id"].to_list() == [1111111111, 2222222222]


@pytest.mark.parametrize("case", ["chat_no_name", "chat_null_name"])
def test_a_chat_without_a_name_has_that_under_which_it_posts(desk: Desk, case: str) -> None:
    desk.case(case)
    assert desk.rows().select("channel_title", "author").row(0) == ("News", None)


def test_a_title_that_was_known_serves_a_dump_that_has_none(desk: Desk) -> None:
    desk.case("title_first")
    desk.case("title_then_telethon")
    assert desk.rows()["channel_title"].to_list() == ["The title", "The title"]


def test_a_message_that_stands_twice_lands_once(desk: Desk) -> None:
    got = desk.case("duplicates_in_file")
    assert (got.read, got.landed, got.rejected, got.dropped) == (3, 2, 1, {})
    assert desk.rows()["text"].to_list() == ["first, edited later", "other"]


def test_documents_behind_each_other_are_all_read(desk: Desk) -> None:
    got = desk.case("concatenated")
    assert (got.landed, got.rejected) == (2, 0)
    assert desk.rows().select("channel_id", "msg_id").rows() == [(1234567890, 1), (1234567891, 2)]


def test_an_export_within_a_script_is_read(desk: Desk) -> None:
    got = desk.case("js_wrapped")
    assert (got.landed, got.rejected) == (1, 0)


@pytest.mark.parametrize("case", ["utf16_file", "cp1251_file"])
def test_a_file_in_another_encoding_is_told_so(desk: Desk, case: str) -> None:
    with pytest.raises(SourceError, match="UTF-8"):
        desk.case(f"{case}/result.json")
