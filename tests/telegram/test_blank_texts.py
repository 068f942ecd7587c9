"""Posts without a text of their own: a list, what is sold or won, an event; none of them is a blank post of type text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.telegram.conftest import Desk
from tests.telegram.exports import chat, message, write
from tgstudio_dagster.posts.shape import Post, landing_frame

CASES = Path(__file__).parent / "cases"


def test_new_media_of_telethon_have_their_own_words(desk: Desk) -> None:
    desk.load(CASES / "telethon_new_media")
    rows = {row["msg_id"]: (row["type"], row["text"]) for row in desk.rows().iter_rows(named=True)}
    assert rows[1] == ("other", "Shopping list\n• milk")
    assert rows[2] == ("photo", "Paid photo")
    assert rows[3] == ("other", "A cup")
    assert rows[4] == ("other", "")
    assert rows[9] == ("other", "Course\nA course of drawing")
    assert rows[10] == ("document", "")
    assert rows[11] == ("other", "")
    assert not [row for row in rows.values() if row[0] == "text" and not row[1].strip()]


def test_a_service_message_keeps_the_text_under_a_key_that_stands_twice(desk: Desk) -> None:
    desk.load(CASES / "webview_dup_text")
    assert desk.rows().select("type", "text").rows() == [("service", "payload"), ("service", "Something happened")]


TO_DO_LIST = {
    "title": ["Shopping"],
    "others_can_append": False,
    "answers": [{"text": "milk", "id": 1}, {"text": [{"type": "bold", "text": "tea"}, " bags"], "id": 2}],
}


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"todo_list": TO_DO_LIST}, "other", "Shopping\n• milk\n• tea bags"),
        ({"giveaway_information": {"quantity": 5, "additional_prize": "A cup"}}, "other", "A cup"),
        ({"giveaway_information": {"quantity": 5}}, "other", ""),
        ({"giveaway_results": {"additional_prize": "A cup", "winners_count": 3}}, "other", "A cup"),
        ({"invoice_information": {"title": "Course", "description": "Of drawing"}}, "other", "Course\nOf drawing"),
        ({"invoice_information": "odd"}, "other", ""),
        ({"game_title": "Chess", "game_description": "With a bot"}, "other", "Chess\nWith a bot"),
        ({"type": "unsupported"}, "other", ""),
        ({"text": " \n "}, "other", " \n "),
        ({"type": "service", "action": "topic_created", "title": "News"}, "service", "News"),
        ({"type": "service", "action": "x", "information_text": "It rains"}, "service", "It rains"),
    ],
)  # fmt: skip
def test_a_desktop_export_tells_it_under_other_keys(
    desk: Desk, tmp_path: Path, given: dict[str, Any], kind: str, text: str
) -> None:
    desk.load(write(tmp_path, chat([message(1, "", **given)])))
    assert desk.rows().select("type", "text").rows() == [(kind, text)]


def test_an_unsupported_message_without_a_date_is_left_out_under_its_own_reason(desk: Desk, tmp_path: Path) -> None:
    got = desk.load(write(tmp_path, chat([message(1), {"id": 2, "type": "unsupported"}, message(3)])))
    assert (got.landed, got.filtered, got.rejected) == (2, 1, 0)
    assert "too old" in next(iter(got.filtered_by))


def test_no_word_of_the_decoder_stands_in_a_reject(desk: Desk, tmp_path: Path) -> None:
    bad = message(1, ..., date=..., date_unixtime=...)
    desk.load(write(tmp_path, chat([bad, message(2)])))
    assert [reject.excerpt for reject in desk.rejects()] == [""]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=5))
def test_a_post_of_type_text_has_one(text: str) -> None:
    frame = landing_frame([Post(1, 1, 0, text.encode(errors="replace").decode(), "text")], "test")
    assert (frame["type"][0] == "text") == bool(text.strip())
