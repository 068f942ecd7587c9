"""One odd field costs itself and nothing else: text, date and id of its message stay, and what was dropped is counted."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.telegram.conftest import Desk
from tests.telegram.exports import NOW, START, chat, lines, message, telethon, write
from tgstudio_dagster.catalog.follows.channels import ChannelSeen
from tgstudio_dagster.cli.work import describe
from tgstudio_dagster.lake.tables.posts import LANDING
from tgstudio_dagster.posts.normalize import to_micros
from tgstudio_dagster.posts.shape import Post, landing_frame
from tgstudio_dagster.telegram.sources import desktop_message
from tgstudio_dagster.telegram.sources.decoding import decode_elements
from tgstudio_dagster.telegram.sources.json_stream import scan
from tgstudio_dagster.telegram.sources.source import Span
from tgstudio_dagster.telegram.sources.telethon_item import Item
from tgstudio_dagster.telegram.sources.telethon_message import Messages

SPAN = Span(date(2013, 8, 1), NOW)
MOMENT = START + 60
TEXT = "A text with #tag, https://a.example and an emoji 👍"
PEER = {"_": "PeerChannel", "channel_id": 77}

TELETHON: dict[str, Any] = telethon(
    1,
    TEXT,
    from_id={"_": "PeerUser", "user_id": 5},
    to_id=PEER,
    reply_to_msg_id=3,
    post_author="Anna",
    edit_date=datetime.fromtimestamp(MOMENT + 60, UTC).isoformat(),
    observed_at=datetime.fromtimestamp(MOMENT + 90, UTC).isoformat(),
    fwd_from={"_": "MessageFwdHeader", "from_id": PEER, "from_name": "X", "channel_id": 88, "date": MOMENT},
    reply_to={"_": "MessageReplyHeader", "reply_to_msg_id": 3, "reply_to_top_id": 2, "forum_topic": True},
    replies={"_": "MessageReplies", "replies": 4, "recent_repliers": [PEER]},
    entities=[{"_": "MessageEntityHashtag", "offset": 12, "length": 4}, {"_": "MessageEntityTextUrl", "offset": 0,
              "length": 2, "url": "https://b.example"}],
    reactions={"results": [{"_": "ReactionCount", "reaction": {"_": "ReactionEmoji", "emoticon": "👍"}, "count": 2}]},
    media={
        "_": "MessageMediaDocument",
        "document": {"_": "Document", "mime_type": "video/mp4", "size": 9, "attributes": [
            {"_": "DocumentAttributeVideo", "duration": 3.5, "w": 8, "h": 9, "round_message": False},
            {"_": "DocumentAttributeFilename", "file_name": "a.mp4"}]},
        "photo": {"_": "Photo", "sizes": [{"_": "PhotoSize", "w": 1, "h": 2, "size": 3, "sizes": [1, 2]}]},
        "poll": {"question": {"text": "Q"}, "answers": [{"text": "A"}]},
    },
    grouped_id=9, pinned=False, via_bot_id=1, file="a.mp4",
    action={"_": "MessageActionEmpty"},
)  # fmt: skip
DESKTOP: dict[str, Any] = message(
    1,
    [{"type": "bold", "text": "A text with "}, {"type": "hashtag", "text": "#tag"}, ", ",
     {"type": "text_link", "text": "https://a.example", "href": "https://b.example"}, " and an emoji ",
     {"type": "custom_emoji", "text": "👍", "document_id": "1"}],
    edited="2026-03-09T12:10:00", edited_unixtime=str(MOMENT + 60), actor="A", actor_id="user5", action="x", author="B",
    forwarded_from="C", forwarded_from_id="channel5", reply_to_message_id=4, reply_to_peer_id="channel1001", photo="a.jpg",
    photo_file_size=5, file="b.pdf", file_name="b.pdf", file_size=6, media_type="video_file", mime_type="video/mp4",
    width=3, height=4, duration_seconds=2, reactions=[{"type": "emoji", "count": 2, "emoji": "👍"}],
    poll={"question": "Q", "closed": False, "answers": [{"text": "A", "voters": 1}]},
    location_information={"latitude": 1.0}, contact_information={"first_name": "A"}, game_title="G",
    invoice_information={"title": "I"}, text_entities=[{"type": "plain", "text": "other"}],
)  # fmt: skip

odd_texts = st.text(max_size=6) | st.sampled_from(["\ud83d", "nul\0", "-100", "1e3", "", "NaN"])
odd_numbers = st.integers() | st.floats() | st.sampled_from([2**31, 2**63, 2**64, -1, 10**30, -0.0, 1e400])
odd_values = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["_", "text", "count", "results", "channel_id", "id", "type"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything below a value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for step, inner in steps for place in ((*path, step), *places(inner, (*path, step)))]


def replaced(document: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: Any = deepcopy(document)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return changed  # type: ignore[no-any-return]


def decoded(document: dict[str, Any], kind: Any) -> Any:
    data = json.dumps({"messages": [document]}).encode()
    (array,) = scan(io.BytesIO(data)).arrays
    many, one = msgspec.json.Decoder(list[kind]), msgspec.json.Decoder(kind)
    ((_, item, _),) = decode_elements(io.BytesIO(data), array, many, one)
    return item


TELETHON_OPTIONAL = [p for p in places(TELETHON) if p[0] not in ("_", "id", "peer_id", "date", "message")]
# What a person reads stands in the texts of the parts of `text`, and nowhere else.
DESKTOP_OPTIONAL = [p for p in places(DESKTOP) if p[0] != "id" and not (p[0] == "text" and p[-1] not in ("type", "href", "document_id"))]  # fmt: skip  # noqa: E501


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TELETHON_OPTIONAL), odd_values)
def test_any_optional_field_of_a_telethon_message_may_be_anything(place: tuple[Any, ...], value: Any) -> None:
    post = Messages(SPAN, usernames={}, titles={}).post(decoded(replaced(TELETHON, place, value), Item))
    assert isinstance(post, Post), post
    assert (post.channel_id, post.msg_id, post.text, post.date) == (1001, 1, TEXT, MOMENT * 1_000_000)
    assert LANDING.conform(landing_frame([post], "telethon_dump")).height == 1


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DESKTOP_OPTIONAL), odd_values)
def test_any_optional_field_of_a_desktop_message_may_be_anything(place: tuple[Any, ...], value: Any) -> None:
    # Another time that a message may have is no fault that can be seen.
    assume(place != ("date_unixtime",) or not (str(value).strip("-.").isdecimal() and abs(float(value)) > 10**9))
    reader = desktop_message.Reader(ChannelSeen(1001, None, "World", "channel"), SPAN)
    post = reader.post(decoded(replaced(DESKTOP, place, value), desktop_message.Message))
    assert isinstance(post, Post), post
    assert (post.msg_id, post.text, post.date) == (1, TEXT, MOMENT * 1_000_000)
    assert LANDING.conform(landing_frame([post], "desktop_export")).height == 1


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ({"views": -1}, "views"),
        ({"views": float("nan")}, "views"),
        ({"forwards": 1.5}, "forwards"),
        ({"entities": [{"_": "MessageEntityUrl", "offset": "x"}]}, "entities.offset"),
        ({"edit_date": "soon"}, "edit_date"),
        ({"media": "a photo"}, "media"),
        ({"reactions": {"results": [{"count": []}]}}, "reactions.results.count"),
    ],
)
def test_what_is_dropped_of_a_dump_is_counted_by_its_field(
    desk: Desk, tmp_path: Path, odd: dict[str, Any], field: str
) -> None:
    got = desk.load(lines(tmp_path, [telethon(1, "a"), telethon(2, "b", **odd), telethon(3, "c")]))
    assert (got.landed, got.rejected, got.dropped) == (3, 0, {field: 1})
    assert desk.rows()["text"].to_list() == ["a", "b", "c"]
    assert f"{field}: 1" in describe(got)


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ({"date_unixtime": "soon"}, "date_unixtime"),
        ({"date_unixtime": str(10**15)}, "date_unixtime"),
        ({"photo": []}, "photo"),
        ({"reactions": [{"count": "many"}]}, "reactions.count"),
        ({"photo": "a.jpg", "width": 2**40}, "width"),
        ({"edited": "x"}, "edited"),
        ({"text_entities": {"a": 1}, "text": ...}, "text_entities"),
    ],
)
def test_what_is_dropped_of_an_export_is_counted_by_its_field(
    desk: Desk, tmp_path: Path, odd: dict[str, Any], field: str
) -> None:
    got = desk.load(write(tmp_path, chat([message(1), message(2, **odd), message(3)])), batch=1)
    assert (got.landed, got.rejected, got.dropped) == (3, 0, {field: 1})
    assert desk.rows()["date"][1] == datetime.fromtimestamp(START + 120, UTC)


def test_numbers_written_as_texts_and_whole_floats_are_taken(desk: Desk, tmp_path: Path) -> None:
    got = desk.load(lines(tmp_path, [telethon(1, "a", views="120", forwards=7.0) | {"id": "5"}]))
    assert got.dropped == {}
    assert desk.rows().select("msg_id", "views", "forwards").row(0) == (5, 120, 7)


def test_reactions_of_2022_are_texts_and_albums_keep_their_captions(desk: Desk) -> None:
    got = desk.case("telethon_reactions_2022")
    assert (got.read, got.landed, got.rejected, got.dropped) == (4, 3, 0, {})
    album, reacted, plain = desk.rows().iter_rows(named=True)
    assert (album["text"], album["album"], album["reactions"]) == ("Album caption, very important", [1, 2], 22)
    assert reacted["reactions_by_emoji"] == [{"emoji": "🔥", "count": 5}]
    assert plain["reactions"] is None


@pytest.mark.parametrize(
    ("case", "texts", "dropped"),
    [
        ("invoice_string", ["before", "Buy our course, 10 EUR", "after"], {}),
        (
            "custom_emoji_unquoted",
            ["plain before", "😮 Important: the bridge is closed", "plain after"],
            {"(syntax)": 1},
        ),
        ("unescaped_quotes", ["before", 'He said "stop" twice', "after"], {"(syntax)": 1}),
        ("lone_surrogate", ["broken � emoji", "fine"], {}),
        ("nul_char", ["nul  char", "fine"], {}),
        ("control_chars", ["before \x0c after"], {}),
        ("trailing_comma", ["text", "text"], {}),
        ("crlf_jsonl", ["l1", "l2", "l3"], {}),
        ("chat_string_id", ["text"], {}),
        ("chat_minus100", ["text"], {}),
    ],
)
def test_a_file_with_one_fault_lands_whole(desk: Desk, case: str, texts: list[str], dropped: dict[str, int]) -> None:
    got = desk.case(case)
    assert (got.landed, got.rejected, got.dropped) == (len(texts), 0, dropped)
    assert desk.rows()["text"].to_list() == texts
    assert set(desk.rows()["channel_id"]) == {1234567890}


@pytest.mark.parametrize("indent", [1, None])
@pytest.mark.parametrize(
    "texts", [('5" pipe',), ('5" pipe', "plain", 'he said "no'), ('a "b", "c" d',), ('end "',), ('"{[',)]
)
def test_quotes_that_were_not_escaped_cost_no_message(
    desk: Desk, tmp_path: Path, texts: tuple[str, ...], indent: int | None
) -> None:
    marks = [f"MARK{n}" for n in range(len(texts))]
    messages = [message(n, text) for n, text in enumerate(["before", *marks, "after", "last"], 1)]
    data = json.dumps(chat(messages), indent=indent)
    for mark, text in zip(marks, texts, strict=True):
        data = data.replace(mark, text)
    path = tmp_path / "result.json"
    path.write_text(data)
    got = desk.load(path)
    landed = desk.rows()["text"].to_list()
    # Without lines nothing tells where a message with an odd quote ends, unless a second one closes it.
    if indent is not None or data.count('"') % 2 == 0:
        assert landed == ["before", *texts, "after", "last"]
    else:
        assert "before" in landed and (got.rejected or got.dropped)


def test_a_message_nested_beyond_reason_keeps_its_text(desk: Desk, tmp_path: Path) -> None:
    deep = (
        '{"_": "Message", "id": 2, "peer_id": {"_": "PeerChannel", "channel_id": 1001}, "date": 1773057720, "media": '
    )
    deep += '{"photo":' * 20_000 + "1" + "}" * 20_000 + ', "message": "deep"}'
    got = desk.load(lines(tmp_path, [telethon(1, "a"), deep]))
    assert (got.landed, got.dropped) == (2, {"(syntax)": 1})
    assert desk.rows()["text"].to_list() == ["a", "deep"]


def test_an_upload_shows_what_was_dropped_after_it_was_resumed(desk: Desk, tmp_path: Path) -> None:
    odd = [message(n, width=[n], photo="a.jpg") for n in range(1, 5)]
    path = write(tmp_path, chat(odd))
    seen: list[int] = []

    def stop(step: Any) -> None:
        seen.append(step.done)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.load(path, batch=1, progress=stop)
    desk.load(path, batch=1)
    (job,) = desk.imports()
    assert json.loads(job.state)["dropped"] == {"width": 4}


def test_a_moment_of_python_in_an_optional_field_is_no_reason_to_lose_the_post() -> None:
    messages = Messages(SPAN, usernames={}, titles={})
    live = telethon(1, "a", date=datetime.fromtimestamp(MOMENT, UTC), views=datetime.now(UTC), media=b"\0")
    post = messages.post(live, NOW)
    assert isinstance(post, Post) and post.date == to_micros(datetime.fromtimestamp(MOMENT, UTC))
    assert dict(messages.dropped) == {"views": 1, "media": 1}
