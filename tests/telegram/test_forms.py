"""Which form a file is of: read where it is known, packed or not, and named for what it is where it is not."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import Desk
from tests.telegram.exports import chat, message, telethon, write
from tests.telegram.html_pages import entry, page
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources.forms import describe, form_of

CASES = Path(__file__).parent / "cases"
EXPORT = json.dumps(chat([message(1), message(2)])).encode()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (EXPORT, "export"),
        (b"\xef\xbb\xbf" + EXPORT, "export"),
        (b"window.data = " + EXPORT + b";", "export"),
        (json.dumps(telethon(1)).encode(), "lines"),
        (json.dumps({"messages": [telethon(1)], "chats": []}).encode(), "page"),
        (json.dumps([telethon(1)]).encode(), "array"),
        (b"[]", "array"),
        (page(entry(1, "a")).encode(), "html"),
        (b'<div class="message default clearfix" id="message1"></div>', "html"),
        ((CASES / "pyrogram" / "dump.json").read_bytes(), "pyrogram"),
        (json.dumps(json.loads((CASES / "pyrogram" / "dump.json").read_bytes())[0]).encode(), "pyrogram_lines"),
        ((CASES / "tdl_export" / "tdl-export.json").read_bytes(), "tdl"),
        (b'{"id":1,"messages":[{"id":1,"type":"message","file":"a.jpg"}]}', "tdl"),
        (gzip.compress(EXPORT, mtime=0), "gzip"),
        ((CASES / "json_zip" / "ChatExport.zip").read_bytes(), "zip"),
    ],
)
def test_a_form_is_known_by_its_content(tmp_path: Path, content: bytes, form: str) -> None:
    path = tmp_path / "whatever.txt"
    path.write_bytes(content)
    assert form_of(path) == form


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b'{"rows": [1]}', "the keys rows"),
        (b"{}", "a JSON object without keys"),
        ((CASES / "snscrape" / "dump.jsonl").read_bytes(), "scraped by snscrape"),
        (b'[{"_type": "snscrape.modules.telegram.TelegramPost", "content": "a"}]', "scraped by snscrape"),
        (b'[{"id": 1, "text": "a", "url": "https://t.me/s/x/1"}]', "have id, text, url but no `_`"),
        (b'{"id": 1, "message": "a"}\n{"id": 2, "message": "b"}', "JSON Lines whose objects have id, message"),
        (b'{"update_id": 1, "channel_post": {"message_id": 5}}', "Bot API"),
        (b'[{"@type": "message", "id": 1}]', "TDLib"),
        (b"[1, 2, 3]", "of no objects with `_`"),
        (b"id,date,text\n1,2024-01-01,hello\n", "CSV table with the columns id, date, text"),
        (b"id;date;text\n1;2024-01-01;hello\n", "CSV table"),
        (b"id\tdate\n1\t2024-01-01\n", "TSV table"),
        (b'window.data = {"name": "News"};', "the keys name"),
        (b"<!DOCTYPE html><html><body>hello</body></html>", "no page of a Telegram Desktop export"),
        (b'<?xml version="1.0"?><rss/>', "HTML or XML"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"7z\xbc\xaf\x27\x1c\0\0", "7-Zip"),
        (b"\x80\x04\x95\x10\0\0\0", "pickle"),
        (b"PAR1\x15\0", "Parquet"),
        ("привет".encode("cp1251"), "not UTF-8"),
        ('{"name": "x"}'.encode("utf-16"), "UTF-16"),
        (b"\x01\x02\0\x03\0\0\x04" * 20, "no text"),
        (b"hello", "plain text, no JSON (it begins with 'hello')"),
    ],
)
def test_a_form_that_is_not_read_is_named_for_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "dump.json"
    path.write_bytes(content)
    assert said in describe(path)


def test_a_database_is_named_whatever_it_is_called(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "archive.json"
    with sqlite3.connect(path) as database:
        database.execute("create table messages (id integer, text text)")
    with pytest.raises(SourceError, match="SQLite database"):
        desk.load(path)


def test_a_folder_says_what_each_of_its_files_is(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path, {"rows": 1}, "other.json")
    (tmp_path / "posts.json").write_text("id,text\n1,a\n")
    with pytest.raises(
        SourceError, match=r"other\.json \(a JSON object with the keys rows\); posts\.json \(a CSV table"
    ):
        desk.load(tmp_path)


def test_a_folder_without_any_candidate_says_what_is_there(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("id,text\n1,a\n")
    with pytest.raises(SourceError, match=r"posts\.csv \(a CSV table"):
        desk.load(tmp_path)


def _zip(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_zip_and_a_gz_are_read_in_the_terminal_too(desk: Desk, tmp_path: Path) -> None:
    assert desk.load(CASES / "json_zip").landed == 1
    assert desk.load(_zip(tmp_path / "a.zip", **{"ChatExport/result.json": EXPORT})).landed == 2
    packed = tmp_path / "dump.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(telethon(5, "packed")).encode()))
    assert desk.load(packed).landed == 1
    web = _zip(tmp_path / "web.zip", **{"ChatExport/messages.html": page(entry(1, "a")).encode()})
    assert desk.load(web).landed == 1


def test_what_is_unpacked_goes_and_names_of_this_machine_are_not_shown(desk: Desk, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = _zip(tmp_path / "a.zip", **{"x/result.json": b'{"rows": 1}'})
    with pytest.raises(SourceError) as caught:
        desk.load(path, scratch=scratch)
    assert str(scratch) not in str(caught.value) and "x/result.json (a JSON object with the keys rows)" in str(
        caught.value
    )
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", gzip.compress(EXPORT, mtime=0)[:40]])
def test_a_broken_archive_is_one_sentence(desk: Desk, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="can't be unpacked"):
        desk.load(path)


def test_an_archive_within_an_archive_is_named_not_unpacked(desk: Desk, tmp_path: Path) -> None:
    inner = _zip(tmp_path / "inner.zip", **{"result.json": EXPORT}).read_bytes()
    with pytest.raises(SourceError, match="an archive within an archive"):
        desk.load(_zip(tmp_path / "outer.zip", **{"inner.zip": inner}))


def test_a_gz_that_unpacks_to_more_than_there_is_room_for_is_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgstudio_dagster.telegram.sources.unpacking._room", lambda _: 2**20)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"0" * 2**23))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(SourceError, match="room for"):
        desk.load(path, scratch=scratch)
    assert list(scratch.iterdir()) == []


def test_an_export_of_tdl_lands(desk: Desk) -> None:
    got = desk.load(CASES / "tdl_export")
    rows = desk.rows()
    assert (got.landed, got.untitled) == (2, [1234567890])
    assert rows.select("channel_id", "msg_id", "type").rows() == [(1234567890, 4, "photo"), (1234567890, 5, "photo")]
    assert rows["text"].to_list() == ["", "a post with text, as tdl chat export --with-content writes it"]
    assert rows["date"].to_list()[1] == datetime.fromtimestamp(1749805057, UTC)
    assert set(rows["source"]) == {"tdl_export"}


def test_what_tdl_writes_raw_is_used(desk: Desk, tmp_path: Path) -> None:
    raw = {
        "Date": 1749805057, "Message": "raw text", "Views": 77, "Forwards": 3, "PostAuthor": "Olga",
        "Reactions": {"Results": [{"Reaction": {"Emoticon": "👍"}, "Count": 4}]}, "ReplyTo": {"ReplyToMsgID": 2},
    }  # fmt: skip
    desk.load(write(tmp_path, {"id": 55, "messages": [{"id": 3, "type": "message", "file": "", "raw": raw}]}))
    row = desk.rows().to_dicts()[0]
    assert (row["text"], row["views"], row["author"], row["reactions"], row["reply_to"]) == (
        "raw text",
        77,
        "Olga",
        4,
        2,
    )


def test_an_export_of_tdl_without_contents_says_how_to_make_one_with(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, {"id": 55, "messages": [{"id": 3, "type": "message", "file": "a.jpg"}]})
    with pytest.raises(SourceError, match="--with-content"):
        desk.load(path)


def test_a_dump_of_pyrogram_lands(desk: Desk) -> None:
    desk.load(CASES / "pyrogram")
    row = desk.rows().to_dicts()[0]
    assert (row["channel_id"], row["msg_id"], row["text"], row["views"]) == (1234567890, 5, "a pyrogram post", 10)
    assert (row["channel"], row["channel_title"], row["source"]) == ("news_x", "News", "pyrogram_dump")
    assert row["date"] == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_what_pyrogram_tells_of_a_message_is_kept(desk: Desk, tmp_path: Path) -> None:
    group = {"_": "Chat", "id": -1001234567890, "type": "ChatType.SUPERGROUP", "title": "Talk"}
    common: dict[str, Any] = {"_": "Message", "chat": group, "date": "2026-03-09 12:00:00"}
    messages = [
        {
            **common, "id": 1, "caption": "Look #News", "media": "MessageMediaType.PHOTO", "media_group_id": 777,
            "photo": {"_": "Photo", "width": 90, "height": 60, "file_size": 1000},
            "from_user": {"_": "User", "id": 42, "first_name": "Olga", "last_name": "K"}, "forward_sender_name": "Anna",
            "caption_entities": [{"_": "MessageEntity", "type": "MessageEntityType.HASHTAG", "offset": 5, "length": 5}],
            "reactions": {"_": "MessageReactions", "reactions": [{"_": "Reaction", "emoji": "🔥", "count": 3}]},
        },
        {**common, "id": 2, "media_group_id": 777, "photo": {"_": "Photo", "width": 9, "height": 6}, "media": "x"},
        {**common, "id": 3, "reply_to_message_id": 1, "poll": {"question": "Tea?", "options": [{"text": "Yes"}]}},
        {**common, "message_id": 4, "date": 1773057600, "voice": {"duration": 7, "mime_type": "audio/ogg"}},
        {**common, "id": 5, "service": "MessageServiceType.NEW_CHAT_TITLE"},
    ]  # fmt: skip
    desk.load(write(tmp_path, messages))
    album, poll, voice, service = desk.rows().to_dicts()
    assert (album["type"], album["album"], album["text"], album["hashtags"]) == (
        "album",
        [1, 2],
        "Look #News",
        ["news"],
    )
    assert (album["author"], album["sender_id"], album["forwarded_from"], album["reactions"]) == (
        "Olga K",
        42,
        "Anna",
        3,
    )
    assert (poll["type"], poll["text"], poll["reply_to"]) == ("poll", "Tea?\n• Yes", 1)
    assert (voice["type"], voice["msg_id"], voice["attachments"][0]["duration"]) == ("voice", 4, 7.0)
    assert (service["type"], service["service_action"]) == ("service", "new_chat_title")


def test_a_private_chat_of_pyrogram_is_left_out(desk: Desk, tmp_path: Path) -> None:
    private = {"_": "Chat", "id": 42, "type": "ChatType.PRIVATE", "first_name": "Olga"}
    got = desk.load(
        write(tmp_path, [{"_": "Message", "id": 1, "chat": private, "date": "2026-03-09 12:00:00", "text": "a"}])
    )
    assert got.nothing_landed and got.filtered == 1
