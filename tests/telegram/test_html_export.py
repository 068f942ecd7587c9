"""Telegram Desktop's HTML export: what a page shows lands as the JSON export of the same chat does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import Desk
from tests.telegram.exports import START, chat, message, write
from tests.telegram.html_pages import (
    PHOTO,
    POLL,
    REACTIONS,
    entry,
    generic,
    page,
    service,
    wrapped,
    write_page,
)
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, list_channels, remember_channels
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources.html_export import own_id

CASES = Path(__file__).parent / "cases"


def one(desk: Desk, folder: Path, *blocks: str) -> dict[str, Any]:
    """The last row that lands of a page of these blocks."""
    desk.load(write_page(folder, *blocks))
    return desk.rows().to_dicts()[-1]


def test_a_message_lands_with_text_title_and_time_of_its_zone(desk: Desk, tmp_path: Path) -> None:
    row = one(desk, tmp_path, entry(7, "Hello &lt;b&gt; &amp; goodbye", at="09.03.2026 14:07:30 UTC+02:00"))
    assert (row["msg_id"], row["text"], row["type"]) == (7, "Hello <b> & goodbye", "text")
    assert row["date"] == datetime(2026, 3, 9, 12, 7, 30, tzinfo=UTC)
    assert (row["channel_title"], row["author"], row["source"]) == ("World", None, "desktop_html")
    assert row["views"] is None and row["forwards"] is None


def test_formatting_keeps_the_words_and_line_breaks_are_those_of_br(desk: Desk, tmp_path: Path) -> None:
    text = (
        "<strong>Bold</strong> and <em>thin</em><br>second<br><br><blockquote>quote</blockquote> "
        '<span class="spoiler hidden" onclick="ShowSpoiler(this)"><span aria-hidden="true">secret</span></span>'
        "<pre>a  b<br>c</pre>"
    )
    assert one(desk, tmp_path, entry(1, text))["text"] == "Bold and thin\nsecond\n\nquote secreta  b\nc"


def test_links_hashtags_and_mentions_are_those_of_the_markup(desk: Desk, tmp_path: Path) -> None:
    text = (
        'See <a href="https://example.org/a?b=1&amp;c=2">here</a>, <a href="example.org">example.org</a>, '
        '<a href="" onclick="return ShowHashtag(&quot;News&quot;)">#News</a> '
        '<a href="https://t.me/world_x">@World_X</a> <a href="mailto:a@example.org">a@example.org</a> '
        '<a href = "stickers/emoji_1.tgs">👍</a> <a href="" onclick="return ShowMentionName()">Olga</a> '
        '<a href="javascript:alert(1)">click</a> <a href="tg://resolve?domain=x">open</a>'
    )
    row = one(desk, tmp_path, entry(1, text))
    assert row["links"] == ["https://example.org/a?b=1&c=2", "http://example.org", "tg://resolve?domain=x"]
    assert (row["hashtags"], row["mentions"]) == (["news"], ["world_x"])
    assert "👍" in row["text"] and "javascript" not in row["text"]


def test_joined_messages_have_the_author_of_the_first(desk: Desk, tmp_path: Path) -> None:
    desk.load(
        write_page(
            tmp_path,
            entry(1, "a", sender="Olga via @gif"),
            entry(2, "b", sender=None),
            entry(3, "c", sender="Ivan"),
            entry(4, "d", sender="Deleted Account"),
        )
    )
    assert desk.rows()["author"].to_list() == ["Olga", "Olga", "Ivan", "Deleted Account"]


def test_a_joined_message_on_the_next_page_has_the_author_of_the_last_page(desk: Desk, tmp_path: Path) -> None:
    write_page(tmp_path, entry(1, "a", sender="Olga"), entry(2, "x", sender="Ivan"), entry(3, "x", sender="Anna"))
    write_page(tmp_path, entry(11, "b", sender=None), name="messages10.html")
    write_page(tmp_path, entry(5, "c", sender="Olga"), name="messages2.html")
    got = desk.load(tmp_path)
    assert (got.files, got.read, got.landed) == (1, 5, 5)
    assert desk.rows().select("msg_id", "author").rows() == [
        (1, "Olga"), (2, "Ivan"), (3, "Anna"), (5, "Olga"), (11, "Olga"),
    ]  # fmt: skip


def test_a_page_that_is_named_brings_those_that_follow_it(desk: Desk, tmp_path: Path) -> None:
    first = write_page(tmp_path, entry(1, "a"))
    second = write_page(tmp_path, entry(2, "b"), name="messages2.html")
    assert desk.load(second).read == 1
    assert desk.load(first).read == 2


def test_replies_link_within_the_chat_and_across_pages_and_to_no_other_chat(desk: Desk, tmp_path: Path) -> None:
    here = 'In reply to <a href="#go_to_message3" onclick="return GoToMessage(3)">this message</a>'
    there = 'In reply to <a href="messages2.html#go_to_message1234">this message</a>'
    other = "In reply to a message in another chat"
    blocks = [entry(5, "a", reply=here), entry(6, "b", reply=there), entry(7, "c", reply=other)]
    desk.load(write_page(tmp_path, *blocks))
    assert desk.rows()["reply_to"].to_list() == [3, 1234, None]


def test_a_forward_names_its_origin_and_the_next_joined_one_too(desk: Desk, tmp_path: Path) -> None:
    desk.load(
        write_page(
            tmp_path,
            entry(1, "first", forwarded="The Herald"),
            entry(2, "second", sender=None, forwarded=""),
            entry(3, "own", sender=None),
        )
    )
    rows = desk.rows()
    assert rows["forwarded_from"].to_list() == ["The Herald", "The Herald", None]
    assert rows["text"].to_list() == ["first", "second", "own"]
    assert rows["author"].to_list() == [None, None, None]


def test_reactions_are_counted_whether_by_a_number_or_by_faces(desk: Desk, tmp_path: Path) -> None:
    row = one(desk, tmp_path, entry(1, "a", reactions=REACTIONS))
    assert [(item["emoji"], item["count"]) for item in row["reactions_by_emoji"]] == [("⭐", 40), ("👍", 12), ("🔥", 2)]
    assert row["reactions"] == 54


def test_a_poll_has_its_question_and_answers(desk: Desk, tmp_path: Path) -> None:
    row = one(desk, tmp_path, entry(1, media=POLL))
    assert (row["type"], row["text"]) == ("poll", "Tea or coffee?\n• Tea & milk\n• Coffee")


def test_a_signature_is_the_author(desk: Desk, tmp_path: Path) -> None:
    assert one(desk, tmp_path, entry(1, "a", signature="Editor"))["author"] == "Editor"


@pytest.mark.parametrize(
    ("media", "kind", "name", "status", "duration"),
    [
        (PHOTO, "photo", "photo_1@09-03-2026_12-00-00.jpg", "stored", None),
        (
            generic("media_file", title="Report.pdf", status="1.2 MB", href="files/Report.pdf"),
            "document", "Report.pdf", "failed: file is missing", None,
        ),
        (
            generic("media_file", title="Big.zip", status="3.1 GB", description="Exceeds maximum size, change data …"),
            "document", "Big.zip", "skipped: over the export's own size limit", None,
        ),
        (
            generic("media_photo", title="Photo", status="900×600, 80 KB", description="Not included, change data …"),
            "photo", None, "skipped: not included in the export", None,
        ),
        (
            generic("media_voice_message", title="Voice message", status="00:15", href="voice_messages/a.ogg"),
            "voice", "a.ogg", "failed: file is missing", 15.0,
        ),
        (
            generic("media_video", title="Video message", status="01:02:03", href="round_video_messages/a.mp4"),
            "video_note", "a.mp4", "failed: file is missing", 3723.0,
        ),
        (
            generic("media_audio_file", title="Band – Song", status="03:20", href="files/song.mp3"),
            "audio", "song.mp3", "failed: file is missing", 200.0,
        ),
        (
            wrapped("video_file_wrap", "video_files/v.mp4", '<div class="video_duration">\n00:42\n</div>'),
            "video", "v.mp4", "failed: file is missing", 42.0,
        ),
        (wrapped("animated_wrap", "video_files/g.mp4"), "animation", "g.mp4", "failed: file is missing", None),
        (wrapped("sticker_wrap", "stickers/s.webp"), "sticker", "s.webp", "failed: file is missing", None),
    ],
)  # fmt: skip
def test_media_are_of_their_kind_and_named_by_their_file(
    desk: Desk, tmp_path: Path, media: str, kind: str, name: str | None, status: str, duration: float | None
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "photo_1@09-03-2026_12-00-00.jpg").write_bytes(b"\xff\xd8\xff picture")
    row = one(desk, tmp_path, entry(1, "caption", media=media))
    (item,) = row["attachments"]
    assert (row["type"], row["text"]) == (kind, "caption")
    assert (item["kind"], item["file_name"], item["status"], item["duration"]) == (kind, name, status, duration)


def test_neighbouring_photos_are_an_album_as_in_the_json_export(desk: Desk, tmp_path: Path) -> None:
    moment = "09.03.2026 14:00:00 UTC+02:00"
    desk.load(
        write_page(
            tmp_path,
            entry(1, "caption", at=moment, media=PHOTO),
            entry(2, at=moment, sender=None, media=PHOTO),
            entry(3, "alone"),
        )
    )
    rows = desk.rows()
    assert rows["type"].to_list() == ["album", "text"]
    assert rows["album"].to_list() == [[1, 2], []]


@pytest.mark.parametrize(
    ("media", "kind", "text"),
    [
        (generic("media_location", title="Location", status="52.5, 13.4", href="https://maps.google.com/?q=1"), "location", ""),
        (generic("media_contact", title="Olga", status="+1 202 555 0100"), "contact", ""),
        (generic("media_invoice", title="Course", description="Of drawing", status="€10"), "other", "Course\nOf drawing"),
        (
            POLL.replace("Anonymous poll", "To-do list").replace("Tea or coffee?", "Shopping"),
            "other", "Shopping\n• Tea & milk\n• Coffee",
        ),
        ("", "other", ""),
    ],
)  # fmt: skip
def test_what_has_no_text_is_of_its_own_kind_and_never_a_blank_text(
    desk: Desk, tmp_path: Path, media: str, kind: str, text: str
) -> None:
    row = one(desk, tmp_path, entry(1, media=media))
    assert (row["type"], row["text"], row["attachments"]) == (kind, text, [])


def test_service_messages_have_their_sentence_and_the_day_of_their_divider(desk: Desk, tmp_path: Path) -> None:
    desk.load(
        write_page(
            tmp_path,
            service(-1, "8 March 2026"),
            service(1, "Channel &laquo;World&raquo; created"),
            entry(2, "a", at="08.03.2026 23:30:00 UTC+00:00"),
            service(-2, "9 March 2026"),
            service(3, 'World pinned <a href="#go_to_message2">this message</a>'),
            entry(4, "b"),
            service(
                5, "This message is not supported by this version of Telegram Desktop. Please update the application."
            ),
        )
    )
    rows = desk.rows()
    assert rows["type"].to_list() == ["service", "text", "service", "text", "other"]
    assert rows["service_action"].to_list() == ["create_channel", None, "pin_message", None, None]
    assert rows["text"].to_list() == ["Channel «World» created", "a", "World pinned this message", "b", ""]
    assert [f"{moment:%d %H:%M}" for moment in rows["date"]] == [
        "08 00:00", "08 23:30", "09 00:00", "09 12:04", "09 12:04",
    ]  # fmt: skip


def test_times_without_a_zone_are_of_the_given_one_and_are_counted(desk: Desk, tmp_path: Path) -> None:
    path = write_page(tmp_path, service(-1, "9 March 2026"), entry(1, "a", at="09.03.2026 14:00:00"), service(2, "x"))
    got = desk.load(path, time_zone="Europe/Moscow")
    assert desk.rows()["date"].to_list() == [datetime(2026, 3, 9, 11, tzinfo=UTC)] * 2
    assert (got.local_times, got.time_zone) == (1, "Europe/Moscow")


def test_a_bad_message_costs_only_itself(desk: Desk, tmp_path: Path) -> None:
    blocks = [entry(1, "a"), entry(2, "b", at="32.13.2026 99:00:00 UTC+02:00"), entry(3, "c", at="soon"), entry(4, "d")]
    got = desk.load(write_page(tmp_path, *blocks))
    assert (got.read, got.landed, got.rejected) == (4, 2, 2)
    assert [reject.message_id for reject in desk.rejects()] == [2, 3]


def test_an_interrupted_import_goes_on_and_ends_as_an_uninterrupted_one(desk: Desk, tmp_path: Path) -> None:
    path = write_page(tmp_path, *(entry(n, f"Post {n}", sender=None if n > 1 else "World") for n in range(1, 31)))

    def stop(step: Any) -> None:
        if step.done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.load(path, batch=10, progress=stop)
    got = desk.load(path, batch=10)
    assert (got.read, got.landed_before, desk.rows().height) == (10, 20, 30)


def test_the_case_of_one_message_without_a_header_lands(desk: Desk) -> None:
    got = desk.load(CASES / "html_folder")
    row = desk.rows().to_dicts()[0]
    assert (got.landed, row["text"], row["channel_title"]) == (1, "hello", "News")
    assert row["date"] == datetime(2024, 1, 15, 8, tzinfo=UTC)


def test_a_known_channel_of_the_same_title_is_the_same_channel(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path / "json", chat([message(1), message(2)])))
    html = tmp_path / "html"
    moment = f"{datetime.fromtimestamp(START + 60, UTC):%d.%m.%Y %H:%M:%S} UTC+00:00"
    desk.load(write_page(html, entry(1, "Post 1", at=moment), entry(9, "new")))
    assert set(desk.rows()["channel_id"]) == {1001}


def test_another_channel_of_the_same_title_stays_another(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path / "json", chat([message(1), message(2)])))
    desk.load(write_page(tmp_path / "html", entry(1, "not that one", at="10.03.2026 10:00:00 UTC+02:00")))
    assert set(desk.rows()["channel_id"]) == {1001, own_id("World")}


def test_a_username_that_is_known_names_the_channel_and_an_unknown_one_its_address(desk: Desk, tmp_path: Path) -> None:
    remember_channels(desk.catalog, "demo", [ChannelSeen(77, "world_x", "World of old", "channel")])
    path = write_page(tmp_path, entry(1, "a"))
    desk.load(path, channel="@World_X")
    desk.load(path, channel="@elsewhere", again=True)
    rows = desk.rows().sort("channel_id").select("channel_id", "url").rows()
    assert rows == [(77, "https://t.me/World_X/1"), (own_id("@elsewhere"), "https://t.me/elsewhere/1")]


def test_the_kind_of_chat_is_told_by_its_authors(desk: Desk, tmp_path: Path) -> None:
    desk.load(write_page(tmp_path / "a", entry(1, "a", sender="Channel"), title="Channel"))
    talk = [entry(n, "a", sender=name) for n, name in enumerate(["Olga", "Ivan", "Anna"], start=1)]
    desk.load(write_page(tmp_path / "b", *talk, title="Friends"))
    got = desk.load(write_page(tmp_path / "c", entry(1, "a", sender="Olga"), entry(2, "b", sender="Me"), title="Olga"))
    assert {row.title: row.kind for row in list_channels(desk.catalog, "demo")} == {
        "Channel": "channel", "Friends": "supergroup",
    }  # fmt: skip
    assert got.nothing_landed and got.filtered_by == {
        "chat of type personal_chat: only channels and supergroups are imported": 2
    }


def test_where_both_forms_lie_in_a_folder_json_is_read(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path, chat([message(1), message(2)]))
    write_page(tmp_path, entry(1, "a"), entry(2, "b"))
    assert desk.load(tmp_path).files == 1
    assert set(desk.rows()["source"]) == {"desktop_export"}


def test_an_account_in_html_brings_each_of_its_chats(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "export_results.html").write_text(page(title="Exported Data"))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "chats.html").write_text(page(title="Chats"))
    write_page(tmp_path / "chats" / "chat_001", entry(1, "a", sender="A"), title="A")
    write_page(tmp_path / "chats" / "chat_002", entry(1, "b", sender="B"), title="B")
    got = desk.load(tmp_path)
    assert (got.files, got.landed, got.ignored) == (2, 2, [])


def test_a_page_without_messages_is_named(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "export_results.html"
    path.write_text(page(title="Exported Data"))
    with pytest.raises(SourceError, match="no page of a Telegram Desktop export with messages"):
        desk.load(path)
