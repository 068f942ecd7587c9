"""What a Telegram Desktop export says, row by row."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import Desk
from tests.telegram.exports import START, chat, message, write
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.lake.tables.posts import LANDING

PLAIN = "(File not included. Change data exporting settings to download.)"


def row(desk: Desk, tmp_path: Path, given: dict[str, Any], **of_chat: Any) -> dict[str, Any]:
    """The only row that an export of this one message lands."""
    desk.load(write(tmp_path, chat([given], **of_chat)))
    rows = desk.rows()
    assert rows.height == 1
    assert rows.schema == LANDING.schema
    return rows.row(0, named=True)


def test_a_plain_post_has_its_text_date_hash_and_link(desk: Desk, tmp_path: Path) -> None:
    got = row(desk, tmp_path, message(5, "Привет"))
    assert (got["channel_id"], got["msg_id"], got["text"], got["type"]) == (1001, 5, "Привет", "text")
    assert got["date"] == datetime(2026, 3, 9, 12, 5, tzinfo=UTC)
    assert got["text_hash"] == hashlib.sha256("Привет".encode()).hexdigest()[:16]
    assert got["url"] == "https://t.me/c/1001/5"
    assert (got["views"], got["forwards"], got["comments"], got["author"], got["sender_id"]) == (None,) * 5
    assert got["observed_at"] == got["date"]
    assert got["source"] == "desktop_export"


def test_entities_of_a_text_are_joined_and_listed(desk: Desk, tmp_path: Path) -> None:
    text = [
        "Цена ", {"type": "bold", "text": "5%"}, " ", {"type": "hashtag", "text": "#Новости"}, " ",
        {"type": "hashtag", "text": "#НОВОСТИ"}, " ", {"type": "mention", "text": "@Mir_News"}, " ",
        {"type": "link", "text": "example.org/a"}, " ", {"type": "text_link", "text": "тут", "href": "https://b.example/x"},
    ]  # fmt: skip
    got = row(desk, tmp_path, message(1, text))
    assert got["text"] == "Цена 5% #Новости #НОВОСТИ @Mir_News example.org/a тут"
    assert got["hashtags"] == ["новости"]
    assert got["mentions"] == ["mir_news"]
    assert got["links"] == ["http://example.org/a", "https://b.example/x"]


def test_text_entities_serve_where_text_is_left_out(desk: Desk, tmp_path: Path) -> None:
    entities = [{"type": "plain", "text": "a "}, {"type": "hashtag", "text": "#b"}]
    got = row(desk, tmp_path, message(1, text=..., text_entities=entities))
    assert (got["text"], got["hashtags"]) == ("a #b", ["b"])


def test_a_plain_text_is_searched_for_hashtags_links_and_mentions(desk: Desk, tmp_path: Path) -> None:
    got = row(desk, tmp_path, message(1, "#one (см. https://a.example/b?c#d). t.me/abc @mir_news a@b.example #1"))
    assert got["hashtags"] == ["one"]
    assert got["links"] == ["https://a.example/b?c#d", "https://t.me/abc"]
    assert got["mentions"] == ["mir_news"]


def test_signature_sender_reply_forward_edit_and_reactions_are_kept(desk: Desk, tmp_path: Path) -> None:
    given = message(
        7, "x", author="Anna", from_id="user77", reply_to_message_id=3, forwarded_from=None,
        edited_unixtime=str(START + 999),
        reactions=[{"type": "emoji", "count": 2, "emoji": "🔥"}, {"type": "paid", "count": 9}],
    )  # fmt: skip
    given["from"] = "Anna B"
    got = row(desk, tmp_path, given)
    assert (got["author"], got["sender_id"], got["reply_to"], got["forwarded_from"]) == ("Anna", 77, 3, "unknown")
    assert got["edit_date"] == datetime.fromtimestamp(START + 999, UTC)
    assert got["observed_at"] == got["edit_date"]
    assert got["reactions"] == 11
    assert [item["emoji"] for item in got["reactions_by_emoji"]] == ["⭐", "🔥"]


def test_null_senders_are_no_error(desk: Desk, tmp_path: Path) -> None:
    got = row(desk, tmp_path, message(1, "x", **{"from": None, "from_id": "user5"}))
    assert (got["author"], got["sender_id"]) == (None, 5)
    desk.load(write(tmp_path, chat([message(2, "y", **{"from": None, "from_id": None})]), "other.json"))
    assert desk.rows().height == 2


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"photo": PLAIN}, "photo"),
        ({"file": PLAIN, "media_type": "video_file"}, "video"),
        ({"file": PLAIN, "media_type": "animation"}, "animation"),
        ({"file": PLAIN, "media_type": "video_message"}, "video_note"),
        ({"file": PLAIN, "media_type": "voice_message"}, "voice"),
        ({"file": PLAIN, "media_type": "audio_file"}, "audio"),
        ({"file": PLAIN, "media_type": "sticker"}, "sticker"),
        ({"file": PLAIN, "mime_type": "application/pdf"}, "document"),
        ({"poll": {"question": "Who?", "answers": [{"text": "A"}, {"text": "B"}]}}, "poll"),
        ({"location_information": {"latitude": 1.5, "longitude": 2}}, "location"),
        ({"contact_information": {"first_name": "A"}}, "contact"),
        ({"game_title": "G"}, "other"),
        ({}, "other"),
    ],
)
def test_the_type_follows_from_the_medium(desk: Desk, tmp_path: Path, given: dict[str, Any], kind: str) -> None:
    got = row(desk, tmp_path, message(1, "", **given))
    assert got["type"] == kind
    statuses = [item["status"] for item in got["attachments"]]
    assert statuses == (["skipped: not included in the export"] if "photo" in given or "file" in given else [])
    assert got["text"] == ("Who?\n• A\n• B" if kind == "poll" else given.get("game_title", ""))


def test_service_messages_are_kept_by_type(desk: Desk, tmp_path: Path) -> None:
    given = message(1, "", type="service", action="pin_message", actor="World", actor_id="channel1001", message_id=3)
    got = row(desk, tmp_path, given)
    assert (got["type"], got["service_action"]) == ("service", "pin_message")


def test_answers_to_the_root_of_a_forum_topic_stand_in_it(desk: Desk, tmp_path: Path) -> None:
    root = message(1, "", type="service", action="topic_created", title="Общее")
    answers = [message(2, "in topic", reply_to_message_id=1), message(3, "answer", reply_to_message_id=2)]
    desk.load(write(tmp_path, chat([root, *answers], type="private_supergroup")))
    assert desk.rows().select("reply_to", "forum_topic").rows() == [(None, None), (None, 1), (2, 1)]


def photos(*texts: str, **given: Any) -> list[dict[str, Any]]:
    return [message(n, text, photo=PLAIN, date_unixtime=str(START), **given) for n, text in enumerate(texts, 1)]


def test_photos_of_one_second_and_one_sender_are_an_album(desk: Desk, tmp_path: Path) -> None:
    got = desk.load(write(tmp_path, chat([*photos("", "caption #tag", ""), message(9, "other")])))
    assert (got.read, got.landed) == (4, 2)
    first = desk.rows().row(0, named=True)
    assert (first["msg_id"], first["type"], first["text"], first["hashtags"]) == (1, "album", "caption #tag", ["tag"])
    assert (first["album"], [item["msg_id"] for item in first["attachments"]]) == ([1, 2, 3], [1, 2, 3])


def test_two_captions_are_two_posts_and_eleven_photos_two_albums(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path, chat(photos("a", "b"))))
    assert desk.rows()["type"].to_list() == ["photo", "photo"]
    desk.load(write(tmp_path, chat(photos(*[""] * 11), id=1002), "other.json"))
    assert desk.rows()["album"].list.len().to_list()[2:] == [10, 0]


def test_an_old_export_without_unix_times_is_taken_as_utc(desk: Desk, tmp_path: Path) -> None:
    got = row(desk, tmp_path, message(1, date_unixtime=..., date="2021-05-06T07:08:09"))
    assert got["date"] == got["observed_at"] == datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_keys_may_stand_in_any_order(desk: Desk, tmp_path: Path) -> None:
    made = chat([message(1)])
    desk.load(write(tmp_path, dict(reversed(made.items()))))
    assert desk.rows()["channel_id"].to_list() == [1001]


def test_a_whole_account_gives_channels_and_supergroups_only(desk: Desk, tmp_path: Path) -> None:
    listed = [
        chat([message(1), message(2)]),
        chat([message(1)], id=2002, type="private_supergroup", name="Group"),
        chat([message(3), message(4), message(5)], id=7, type="personal_chat", name=None),
        chat([message(6)], id=8, type="private_group"),
        chat([], id=9),
    ]
    left = [chat([message(9)], id=3003, type="private_channel")]
    document = {"about": "…", "chats": {"about": "", "list": listed}, "left_chats": {"list": left}}
    got = desk.load(write(tmp_path, document))
    assert desk.rows()["channel_id"].to_list() == [1001, 1001, 2002, 3003]
    assert (got.read, got.landed, got.filtered, got.rejected) == (8, 4, 4, 0)
    assert any("personal_chat" in reason for reason in got.filtered_by)


def test_a_username_comes_from_the_argument_the_mapping_or_the_catalog(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path, chat([message(1)])), channel="https://t.me/World_News")
    desk.load(write(tmp_path, chat([message(2)]), "b.json"))
    desk.load(write(tmp_path, chat([message(3)], id=-1000000002002), "c.json"), usernames={2002: "two"})
    assert desk.rows()["url"].to_list() == [
        "https://t.me/World_News/1", "https://t.me/World_News/2", "https://t.me/two/3",
    ]  # fmt: skip


def test_a_username_for_many_chats_is_refused(desk: Desk, tmp_path: Path) -> None:
    document = {"chats": {"list": [chat([message(1)]), chat([message(1)], id=2)]}}
    with pytest.raises(SourceError, match="2 chats"):
        desk.load(write(tmp_path, document), channel="name")
    with pytest.raises(SourceError, match="--channel"):
        desk.load(write(tmp_path, document), channel="no name!")
