"""What a dump of Telethon messages says, row by row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from tests.telegram.conftest import Desk
from tests.telegram.exports import START, lines, telethon
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.lake.tables.posts import LANDING

CHANNEL = {"_": "Channel", "id": 1001, "title": "World", "username": "world", "broadcast": True}
PEER = types.PeerChannel(1001)


def rows(desk: Desk, tmp_path: Path, *items: Any) -> list[dict[str, Any]]:
    desk.load(lines(tmp_path, items))
    landed = desk.rows()
    assert landed.schema == LANDING.schema
    return list(landed.iter_rows(named=True))


def dumped(message: types.Message, **own: Any) -> dict[str, Any]:
    """The message as Telethon itself writes it."""
    made: dict[str, Any] = json.loads(message.to_json() or "")
    return made | own


def test_what_telethon_writes_itself_is_read(desk: Desk, tmp_path: Path) -> None:
    message = types.Message(
        id=7,
        peer_id=PEER,
        date=datetime(2026, 3, 9, 12, tzinfo=UTC),
        message="👍 #Тег and link @Some_One https://a.example/1",
        entities=[
            types.MessageEntityHashtag(3, 4),
            types.MessageEntityTextUrl(12, 4, "https://b.example"),
            types.MessageEntityMention(17, 9),
            types.MessageEntityUrl(27, 19),
        ],
        views=10,
        forwards=2,
        replies=types.MessageReplies(replies=3, replies_pts=1, comments=True),
        reactions=types.MessageReactions(
            results=[
                types.ReactionCount(types.ReactionEmoji("🔥"), 2),
                types.ReactionCount(types.ReactionCustomEmoji(55), 4),
                types.ReactionCount(types.ReactionPaid(), 1),
            ]
        ),
        edit_date=datetime(2026, 3, 9, 13, tzinfo=UTC),
        post_author="Anna",
        fwd_from=types.MessageFwdHeader(date=datetime(2026, 3, 8, tzinfo=UTC), from_id=types.PeerChannel(77)),
        reply_to=types.MessageReplyHeader(reply_to_msg_id=5, reply_to_top_id=4, forum_topic=True),
    )
    (got,) = rows(desk, tmp_path, CHANNEL, dumped(message))
    assert (got["hashtags"], got["mentions"]) == (["тег"], ["some_one"])
    assert got["links"] == ["https://b.example", "https://a.example/1"]
    assert (got["views"], got["forwards"], got["comments"], got["reactions"]) == (10, 2, 3, 7)
    assert [item["emoji"] for item in got["reactions_by_emoji"]] == ["custom:55", "🔥", "⭐"]
    assert (got["author"], got["forwarded_from"], got["reply_to"], got["forum_topic"]) == ("Anna", "77", 5, 4)
    assert (got["channel"], got["channel_title"], got["url"]) == ("world", "World", "https://t.me/world/7")
    assert got["observed_at"] == datetime(2026, 3, 9, 13, tzinfo=UTC)


def media(kind: str) -> tuple[types.TypeMessageMedia, dict[str, Any]]:
    photo = types.Photo(
        1, 2, b"", None, [types.PhotoSize("m", 90, 60, 5), types.PhotoSizeProgressive("y", 900, 600, [1, 9])], 2
    )
    if kind == "photo":
        return types.MessageMediaPhoto(photo=photo), {"width": 900, "height": 600, "size": 9, "mime": "image/jpeg"}
    attributes: dict[str, list[Any]] = {
        "video": [types.DocumentAttributeVideo(2.5, 640, 480), types.DocumentAttributeFilename("a/b.mp4")],
        "video_note": [types.DocumentAttributeVideo(2.5, 640, 480, round_message=True)],
        "animation": [types.DocumentAttributeVideo(2.5, 640, 480), types.DocumentAttributeAnimated()],
        "voice": [types.DocumentAttributeAudio(3, voice=True)],
        "audio": [types.DocumentAttributeAudio(3)],
        "document": [types.DocumentAttributeFilename("Отчёт.pdf")],
    }
    document = types.Document(1, 2, b"", None, "x/y", 77, 2, attributes[kind])
    expected: dict[str, dict[str, Any]] = {"video": {"duration": 2.5, "width": 640, "file_name": "b.mp4"},
                                           "audio": {"duration": 3.0},
                                           "document": {"file_name": "Отчёт.pdf", "size": 77}}  # fmt: skip
    return types.MessageMediaDocument(document=document), expected.get(kind, {})


@pytest.mark.parametrize("kind", ["photo", "video", "video_note", "animation", "voice", "audio", "document"])
def test_media_become_attachments(desk: Desk, tmp_path: Path, kind: str) -> None:
    medium, expected = media(kind)
    message = types.Message(id=1, peer_id=PEER, date=datetime(2026, 3, 9, tzinfo=UTC), message="", media=medium)
    (got,) = rows(desk, tmp_path, dumped(message))
    (item,) = got["attachments"]
    assert (got["type"], item["kind"]) == (kind, kind)
    assert expected.items() <= item.items()
    assert item["status"] == "skipped: not included in the dump"


def test_a_file_beside_the_dump_is_stored(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    medium, _ = media("photo")
    message = types.Message(id=1, peer_id=PEER, date=datetime(2026, 3, 9, tzinfo=UTC), message="", media=medium)
    (got,) = rows(desk, tmp_path, dumped(message, file="a.jpg"))
    (item,) = got["attachments"]
    assert (item["status"], item["size"]) == ("stored", 7)
    assert desk.lake.has_file(f"{item['sha256']}.jpg")


def test_a_poll_and_a_service_message_are_kept(desk: Desk, tmp_path: Path) -> None:
    poll = {
        "_": "MessageMediaPoll",
        "poll": {"question": {"_": "TextWithEntities", "text": "Q?"}, "answers": [{"text": "A"}]},
    }
    pinned = telethon(2, _="MessageService", action={"_": "MessageActionPinMessage"})
    del pinned["message"]
    first, second = rows(desk, tmp_path, telethon(1, media=poll), pinned)
    assert (first["type"], first["text"]) == ("poll", "Q?\n• A")
    assert (second["type"], second["service_action"]) == ("service", "MessageActionPinMessage")


def test_an_album_is_one_post_and_its_counters_are_not_added_up(desk: Desk, tmp_path: Path) -> None:
    photo = json.loads(media("photo")[0].to_json() or "")
    members = [telethon(n, "cap" if n == 11 else "", grouped_id=5, media=photo, views=50) for n in (10, 11, 12)]
    (got,) = rows(desk, tmp_path, *members)
    assert (got["msg_id"], got["type"], got["text"], got["album"], got["views"]) == (
        10,
        "album",
        "cap",
        [10, 11, 12],
        50,
    )


def test_a_batch_does_not_cut_an_album(desk: Desk, tmp_path: Path) -> None:
    items = [telethon(n, "", grouped_id=n // 5) for n in range(5, 25)]
    desk.load(lines(tmp_path, items), batch=3)
    assert desk.rows()["album"].list.len().to_list() == [5, 5, 5, 5]


def test_one_message_may_be_observed_many_times(desk: Desk, tmp_path: Path) -> None:
    seen = [telethon(1, "a", views=n, observed_at=START + 3600 * n) for n in (1, 2, 3)]
    got = rows(desk, tmp_path, *seen)
    assert [row["views"] for row in got] == [1, 2, 3]
    assert len({row["observed_at"] for row in got}) == 3


def test_an_empty_message_proves_a_delete_with_the_date_known_from_the_dump_or_the_lake(
    desk: Desk, tmp_path: Path
) -> None:
    empty = {"_": "MessageEmpty", "peer_id": {"_": "PeerChannel", "channel_id": 1001}}
    living = [telethon(n, "text", observed_at=START + 3600) for n in (1, 2)]
    first = lines(tmp_path, [empty | {"id": 1, "observed_at": START + 7200}, *living])
    assert desk.load(first).landed == 3
    second = lines(tmp_path, [empty | {"id": 2, "observed_at": START + 9000}, empty | {"id": 99}], "later.jsonl")
    got = desk.load(second)
    assert (got.landed, got.rejected) == (1, 1)
    assert "unknown date" in desk.rejects()[-1].reason or "unknown date" in desk.rejects()[0].reason
    gone = desk.rows().filter(type="deleted")
    assert gone.select("msg_id", "date", "deleted_at").rows() == [
        (1, datetime.fromtimestamp(START + 60, UTC), datetime.fromtimestamp(START + 7200, UTC)),
        (2, datetime.fromtimestamp(START + 120, UTC), datetime.fromtimestamp(START + 9000, UTC)),
    ]


def test_a_delete_in_the_same_observation_marks_its_message(desk: Desk, tmp_path: Path) -> None:
    empty = {"_": "MessageEmpty", "id": 1, "peer_id": {"_": "PeerChannel", "channel_id": 1001}}
    (got,) = rows(desk, tmp_path, telethon(1, "text"), empty)
    assert (got["text"], got["deleted_at"]) == ("text", got["observed_at"])


def test_names_come_from_entities_anywhere_in_the_file(desk: Desk, tmp_path: Path) -> None:
    user = {"_": "User", "id": 9, "first_name": "Anna", "last_name": "B"}
    group = {"_": "Channel", "id": 2002, "title": "Group", "megagroup": True, "username": None,
             "usernames": [{"_": "Username", "username": "grp", "active": True}]}  # fmt: skip
    said = telethon(1, "x", peer_id={"_": "PeerChannel", "channel_id": 2002}, from_id={"_": "PeerUser", "user_id": 9})
    (got,) = rows(desk, tmp_path, said, user, group)
    assert (got["author"], got["sender_id"], got["channel"], got["channel_title"]) == ("Anna B", 9, "grp", "Group")


def test_private_chats_and_basic_groups_are_left_out(desk: Desk, tmp_path: Path) -> None:
    items = [telethon(1, "a"), telethon(2, "b", peer_id={"_": "PeerUser", "user_id": 5})]
    got = desk.load(lines(tmp_path, items))
    assert (got.read, got.landed, got.filtered) == (2, 1, 1)


def test_a_json_array_is_read_too(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text(json.dumps([CHANNEL, telethon(1, "a"), telethon(2, "b")], indent=2))
    assert desk.load(path).landed == 2


def test_a_username_for_many_channels_is_refused(desk: Desk, tmp_path: Path) -> None:
    items = [telethon(1, "a"), telethon(1, "b", peer_id={"_": "PeerChannel", "channel_id": 2002})]
    with pytest.raises(SourceError, match="--channel"):
        desk.load(lines(tmp_path, items), channel="world")
