"""What stands oddly beside messages: ids and times as floats, chats without a type, titles of songs, polls of another form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import CASES, Desk
from tests.telegram.exports import START, chat, message, telethon, write
from tests.telegram.test_export_albums import AUDIO, albums, member


@pytest.mark.parametrize("chat_id", [1001, 1001.0, "1001"])
def test_a_chat_s_id_may_be_a_whole_float_or_a_text(desk: Desk, tmp_path: Path, chat_id: Any) -> None:
    assert desk.load(write(tmp_path, chat([message(1)], id=chat_id))).landed == 1
    assert desk.rows()["channel_id"].to_list() == [1001]


def test_a_time_may_be_a_whole_float(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path, chat([message(1, date="2026-03-09T03:01:00", date_unixtime=float(START + 60))])))
    (date,) = desk.rows()["date"].to_list()
    assert date.timestamp() == START + 60


def test_a_chat_without_a_type_that_posts_as_itself_is_a_channel(desk: Desk, tmp_path: Path) -> None:
    document = chat([message(1), message(2)])
    del document["type"]
    assert desk.load(write(tmp_path, document)).landed == 2


def test_songs_are_an_album_although_each_has_a_title(desk: Desk, tmp_path: Path) -> None:
    songs = [member(n, 0, **AUDIO, title=f"Song {n}", performer="The Band") for n in range(1, 4)]
    assert albums(desk, tmp_path, *songs) == [[1, 2, 3]]


def test_an_empty_text_does_not_hide_the_entities_that_have_it(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path, chat([message(1, "", text_entities=[{"type": "plain", "text": "all of it"}])])))
    assert desk.rows()["text"].to_list() == ["all of it"]


def test_a_poll_whose_question_is_a_list_of_entities_has_its_words(desk: Desk, tmp_path: Path) -> None:
    words = [{"type": "plain", "text": "Who?"}]
    poll = {"question": words, "answers": [{"text": [{"type": "plain", "text": "A"}]}, {"text": "B"}]}
    desk.load(write(tmp_path, chat([message(1, "", poll=poll)])))
    assert desk.rows()["text"].to_list() == ["Who?\n• A\n• B"]


def test_an_entity_of_telethon_with_an_odd_offset_invents_nothing(desk: Desk, tmp_path: Path) -> None:
    text = "see https://a.example"
    odd = [
        {"_": "MessageEntityHashtag", "offset": "x", "length": 5},
        {"_": "MessageEntityUrl", "offset": None, "length": 9},
    ]
    desk.load(write(tmp_path, [telethon(1, text, entities=odd)]))
    row = desk.rows().row(0, named=True)
    assert (row["text"], row["hashtags"]) == (text, []) and row["links"] in ([], ["https://a.example"])


def test_a_poll_of_pyrogram_whose_options_are_no_list_ends_nothing(desk: Desk, tmp_path: Path) -> None:
    (post,) = json.loads((CASES / "pyrogram" / "dump.json").read_bytes())[:1]
    desk.load(write(tmp_path, [post | {"id": 6, "text": None, "poll": {"question": "Who?", "options": 5}}, post]))
    assert "a pyrogram post" in desk.rows()["text"].to_list() and desk.rows().height == 2


def test_local_times_of_pyrogram_are_counted(desk: Desk) -> None:
    summary = desk.load(CASES / "pyrogram")
    assert (summary.local_times, summary.time_zone != "") == (1, True)
