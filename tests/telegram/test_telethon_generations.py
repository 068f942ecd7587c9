"""Every generation of `Message.to_dict()`: the files were written with the classes of the Telethon that names them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import CASES, Desk
from tests.telegram.exports import lines, telethon, write

GENERATIONS = sorted(path.name for path in (CASES / "telethon_generations").iterdir())
CHANNEL = {"_": "Channel", "id": 1001, "title": "World", "username": "world", "megagroup": False}


def as_lines(path: Path, tmp_path: Path) -> Path:
    return lines(tmp_path, json.loads(path.read_text()))


@pytest.mark.parametrize("name", GENERATIONS)
@pytest.mark.parametrize("form", ["array", "lines", "page"])
def test_what_a_telethon_of_its_time_wrote_is_read(desk: Desk, tmp_path: Path, name: str, form: str) -> None:
    path = CASES / "telethon_generations" / name
    items = json.loads(path.read_text())
    if form != "array":
        path = (
            lines(tmp_path, items) if form == "lines" else write(tmp_path, {"messages": items, "chats": []}, "p.json")
        )
    got = desk.load(path)
    assert (got.read, got.landed, got.rejected, got.dropped) == (len(items), len(items) - 1, 0, {})
    posts = {post["msg_id"]: post for post in desk.rows().iter_rows(named=True)}
    first, answer, forward, album, video, service = (posts[n] for n in (1, 2, 3, 4, 6, 8))
    assert {post["channel_id"] for post in posts.values()} == {1234567890}
    assert (first["text"], first["sender_id"], first["author"], first["views"]) == (
        "old layer post #tag",
        99,
        "Anna",
        100,
    )
    assert (first["hashtags"], first["date"]) == (["tag"], datetime(2020, 5, 1, 10, tzinfo=UTC))
    assert first["links"] == (["https://a.example/x"] if name != "0.15.5.json" else [])
    assert (answer["reply_to"], answer["forwarded_from"]) == (1, "77")
    assert answer["edit_date"] == datetime(2020, 5, 1, 12, tzinfo=UTC)
    assert forward["forwarded_from"] == "888"
    assert (album["type"], album["text"], album["album"]) == ("album", "Caption of the photo", [4, 5])
    assert [(item["kind"], item["width"], item["size"]) for item in album["attachments"]] == [("photo", 800, 12345)] * 2
    assert (video["type"], video["text"]) == ("video", "Caption of the video")
    (item,) = video["attachments"]
    assert (item["file_name"], item["mime"], item["duration"], item["width"]) == ("clip.mp4", "video/mp4", 12.0, 640)
    assert service["type"] == "service"
    if 7 in posts:
        assert (posts[7]["type"], posts[7]["text"]) == ("poll", "Who?\n• A\n• B")
    if first["reactions"] is not None:
        assert first["reactions_by_emoji"] == [{"emoji": "👍", "count": 22}]


def test_the_layer_of_2019(desk: Desk) -> None:
    got = desk.case("telethon_layer_2019")
    assert (got.landed, got.rejected, got.dropped) == (3, 0, {})
    rows = desk.rows().select("text", "sender_id", "reply_to", "forwarded_from").rows()
    assert rows == [
        ("old layer post with #tag", 99, None, None), ("answer", 99, 1, "77"), ("forward of a channel", 99, None, "888"),
    ]  # fmt: skip


def test_a_page_of_results_names_its_channel(desk: Desk) -> None:
    assert desk.case("telethon_wrapped").landed == 2
    assert desk.rows().select("text", "channel", "channel_title").rows() == [
        ("one", "news_x", "News"), ("two", "news_x", "News"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["lines", "array", "one line"])
def test_pages_of_results_one_after_the_other_are_read(desk: Desk, tmp_path: Path, form: str) -> None:
    bad = telethon(9) | {"date": []}
    pages: list[dict[str, Any]] = [
        {
            "_": "ChannelMessages",
            "messages": [telethon(1, "a"), telethon(2, "b", views=float("nan"))],
            "chats": [CHANNEL],
        },
        {"_": "ChannelMessages", "messages": [telethon(3, "c"), bad], "chats": [], "users": []},
    ]
    taken = pages[:1] if form == "one line" else pages
    path = write(tmp_path, taken, "pages.json") if form == "array" else lines(tmp_path, taken)
    got = desk.load(path, batch=1)
    expected = ["a", "b"] if form == "one line" else ["a", "b", "c"]
    assert desk.rows().select("text", "channel_title").rows() == [(text, "World") for text in expected]
    assert (got.rejected, got.dropped) == (
        len(expected) - 2,
        {"views": 1} if form == "one line" else {"views": 1, "date": 1},
    )


def test_new_media_land_with_their_texts_and_types(desk: Desk) -> None:
    got = desk.case("telethon_new_media")
    assert (got.landed, got.rejected, got.dropped) == (12, 0, {})
    posts = {post["msg_id"]: post for post in desk.rows().iter_rows(named=True)}
    paid = posts[2]
    assert (paid["text"], paid["type"], len(paid["attachments"])) == ("Paid photo", "photo", 1)
    assert [(item["emoji"], item["count"]) for item in posts[5]["reactions_by_emoji"]] == [
        ("⭐", 7), ("custom:5368324170671202286", 3), ("👍", 2),
    ]  # fmt: skip
    assert (posts[6]["reply_to"], posts[7]["reply_to"]) == (None, None)
    assert posts[10]["attachments"][0]["kind"] == "document"
    assert (posts[2147483650]["channel_id"], posts[2147483650]["text"]) == (997852516352, "big message id")


def test_entities_of_a_line_count_utf16_units(desk: Desk) -> None:
    desk.case("utf16")
    (post,) = desk.rows().iter_rows(named=True)
    assert (post["hashtags"], post["links"]) == (["мост_через_реку", "標籤"], ["https://example.org/a?b=1"])
    assert post["mentions"] == ["some_user"]


def test_dates_in_milliseconds_are_read(desk: Desk, tmp_path: Path) -> None:
    desk.load(lines(tmp_path, [telethon(1, "a", date=1773057660000)]))
    assert desk.rows()["date"].to_list() == [datetime(2026, 3, 9, 12, 1, tzinfo=UTC)]


def test_an_array_of_somebody_elses_is_no_dump(desk: Desk, tmp_path: Path) -> None:
    rows = [{"id": 1, "message": "own", "from_id": 5, "date": "2024-01-01T00:00:00+00:00"}]
    with pytest.raises(Exception, match="unknown|no `_`|Understood"):
        desk.load(write(tmp_path, rows, "rows.json"))
