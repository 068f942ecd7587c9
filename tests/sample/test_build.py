"""The built sample: its size, its forms, and that it is the same every time."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from telethon.tl import types

from tgstudio_dagster.sample import Sample, build

Form = dict[str, Any]
LAST_READ = "2026-03-15T23:30:00+00:00"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return build(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def dumps(sample: Sample) -> list[list[Form]]:
    return [lines(path) for path in sorted(sample.imports[0].glob("*.jsonl"))]


@pytest.fixture(scope="module")
def observed(dumps: list[list[Form]]) -> dict[tuple[int, int], list[Form]]:
    """The observations of each message, in the order of their files and lines."""
    rows: dict[tuple[int, int], list[Form]] = defaultdict(list)
    for form in messages_of(dumps):
        rows[form["peer_id"]["channel_id"], form["id"]].append(form)
    return rows


@pytest.fixture(scope="module")
def chats(sample: Sample) -> list[Form]:
    rows: list[Form] = json.loads(sample.imports[1].read_bytes())["chats"]["list"]
    return rows


@pytest.fixture(scope="module")
def labels(sample: Sample) -> list[Form]:
    return lines(sample.labels)


def lines(path: Path) -> list[Form]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def messages_of(dumps: list[list[Form]]) -> Iterator[Form]:
    return (form for dump in dumps for form in dump if form["_"] != "Channel")


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_content_gives_the_same_bytes(sample: Sample, tmp_path: Path) -> None:
    build(tmp_path)
    assert hashes(tmp_path) == hashes(sample.labels.parent)


def test_the_sample_is_as_large_as_promised(labels: list[Form]) -> None:
    assert len(labels) >= 1500
    assert len({label["channel"] for label in labels}) == 10
    assert len({label["story"] for label in labels if label["story"]}) >= 40


def test_posts_are_on_each_of_the_seven_days(observed: dict[tuple[int, int], list[Form]], sample: Sample) -> None:
    days = {datetime.fromisoformat(forms[0]["date"]).date() for forms in observed.values() if "date" in forms[0]}
    assert (min(days), max(days), len(days)) == (sample.first_day, sample.last_day, 7)


def test_the_last_observation_is_at_the_promised_time(dumps: list[list[Form]]) -> None:
    assert max(form["observed_at"] for form in messages_of(dumps)) == LAST_READ


def test_counters_never_shrink_from_one_observation_to_the_next(observed: dict[tuple[int, int], list[Form]]) -> None:
    for forms in observed.values():
        counts = sorted((form for form in forms if form["_"] == "Message"), key=lambda form: form["observed_at"])
        for earlier, later in pairwise(counts):
            before, after = counters(earlier), counters(later)
            assert all(after[name] >= count for name, count in before.items()), (earlier["id"], before, after)


def counters(form: Form) -> Counter[str]:
    counts = Counter(views=form["views"], forwards=form["forwards"])
    if form["replies"]:
        counts["comments"] = form["replies"]["replies"]
    if form["reactions"]:
        counts.update({r["reaction"]["emoticon"]: r["count"] for r in form["reactions"]["results"]})
    if (form["media"] or {}).get("_") == "MessageMediaPoll":
        counts["votes"] = form["media"]["results"]["total_voters"]
    return counts


def test_labels_are_one_for_each_post_that_a_reader_saw(
    observed: dict[tuple[int, int], list[Form]], chats: list[Form], labels: list[Form]
) -> None:
    groups: set[int] = set()
    expected: set[tuple[int, int]] = set()
    for key, forms in sorted(observed.items()):
        first = forms[0]
        if first["_"] != "Message" or first["grouped_id"] in groups:
            continue
        groups |= {first["grouped_id"]} - {None}
        expected.add(key)
    heads = [(chat["id"], m) for chat in chats for m in chat["messages"] if m.get("poll") or m["text"]]
    labelled = [(label["channel_id"], label["message_id"]) for label in labels]
    assert len(set(labelled)) == len(labelled)
    usernames = {chat["id"] for chat in chats}
    assert {key for key in labelled if key[0] not in usernames} == expected
    assert {key for key in labelled if key[0] in usernames} == {(chat, m["id"]) for chat, m in heads}


def test_every_observation_is_a_telethon_dump_plus_two_keys(dumps: list[list[Form]]) -> None:
    by_shape: dict[tuple[str, ...], Form] = {}
    for form in (form for dump in dumps for form in dump):
        by_shape.setdefault(shape(form), form)
    assert len(by_shape) > 10
    for form in by_shape.values():
        bare = {key: value for key, value in form.items() if key not in ("observed_at", "file")}
        assert json.loads(rebuilt(bare).to_json()) == bare


def shape(form: Form) -> tuple[str, ...]:
    inner = [form["_"], str((form.get("media") or {}).get("_"))]
    inner += sorted({entity["_"] for entity in form.get("entities", [])})
    return (*inner, *(key for key in ("fwd_from", "reply_to", "replies", "reactions", "edit_date") if form.get(key)))


def rebuilt(form: Any) -> Any:
    """The form through Telethon's own constructors."""
    if isinstance(form, list):
        return [rebuilt(item) for item in form]
    if not isinstance(form, dict):
        return form
    fields = {key: rebuilt(value) for key, value in form.items() if key != "_"}
    return getattr(types, form["_"])(**fields)


def test_entities_mark_what_they_name_in_utf16_units(dumps: list[list[Form]]) -> None:
    marked: Counter[str] = Counter()
    starts = {"MessageEntityHashtag": "#", "MessageEntityMention": "@", "MessageEntityCashtag": "$"}
    for form in messages_of(dumps[-1:]):
        units = form.get("message", "").encode("utf-16-le")
        for entity in form.get("entities", []):
            start, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
            text = units[start:end].decode("utf-16-le")
            assert text
            assert text == text.strip()
            assert text.startswith(starts.get(entity["_"], ""))
            marked[entity["_"]] += 1
    often = {
        "MessageEntityHashtag",
        "MessageEntityMention",
        "MessageEntityUrl",
        "MessageEntityBold",
        "MessageEntityTextUrl",
    }
    assert often <= set(marked)


def test_edits_and_deletes_are_seen_before_and_after(observed: dict[tuple[int, int], list[Form]]) -> None:
    edited = deleted = touched = 0
    for forms in observed.values():
        texts = list(dict.fromkeys(form["message"] for form in forms if form["_"] == "Message"))
        edited += len(texts) == 2
        deleted += {form["_"] for form in forms} == {"Message", "MessageEmpty"}
        touched += len(texts) == 1 and any(form.get("edit_date") for form in forms)
    assert edited >= 5
    assert deleted >= 3
    assert touched >= 5


def test_albums_have_consecutive_ids_and_a_caption_on_the_first_only(
    observed: dict[tuple[int, int], list[Form]],
) -> None:
    albums: dict[int, dict[int, str]] = defaultdict(dict)
    for (_, message_id), forms in observed.items():
        if forms[0].get("grouped_id"):
            albums[forms[0]["grouped_id"]][message_id] = forms[0]["message"]
    assert len(albums) >= 5
    for members in albums.values():
        ids = sorted(members)
        assert 2 <= len(ids) <= 4
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert [bool(members[message_id]) for message_id in ids] == [True] + [False] * (len(ids) - 1)


def test_every_named_file_is_there_and_every_image_opens(
    dumps: list[list[Form]], chats: list[Form], sample: Sample
) -> None:
    named = {sample.imports[0] / form["file"] for form in messages_of(dumps) if "file" in form}
    exported = [
        m.get("photo") or m.get("file") for chat in chats for m in chat["messages"] if "photo" in m or "file" in m
    ]
    named |= {sample.imports[1].parent / path for path in exported if not path.startswith("(")}
    assert any(path.startswith("(File not included") for path in exported)
    images = [path for path in named if path.suffix == ".jpg"]
    assert len(images) >= 50
    assert all(path.is_file() for path in named)
    for path in images:
        with Image.open(path) as image:
            image.load()
            assert 320 <= image.width <= 640


def test_no_two_posts_have_the_same_text_but_forwards(observed: dict[tuple[int, int], list[Form]]) -> None:
    first = [forms[0] for forms in observed.values() if forms[0]["_"] == "Message" and not forms[0]["fwd_from"]]
    texts = Counter(form["message"] for form in first if form["message"])
    assert [text for text, count in texts.items() if count > 1] == []


def test_texts_and_captions_keep_to_telegrams_limits(observed: dict[tuple[int, int], list[Form]]) -> None:
    for form in (form for forms in observed.values() for form in forms if form["_"] == "Message"):
        with_file = (form["media"] or {}).get("_") in ("MessageMediaPhoto", "MessageMediaDocument")
        assert len(form["message"]) <= (1024 if with_file else 4096), form["message"]


def test_forwards_and_replies_point_to_messages_of_the_sample(
    observed: dict[tuple[int, int], list[Form]], labels: list[Form]
) -> None:
    ids = {(label["channel_id"], label["message_id"]) for label in labels} | set(observed)
    forwards = [form["fwd_from"] for forms in observed.values() for form in forms[:1] if form.get("fwd_from")]
    assert len(forwards) >= 10
    for forward in forwards:
        assert (forward["from_id"]["channel_id"], forward["channel_post"]) in ids
    replies = [
        (key[0], form["reply_to"]["reply_to_msg_id"])
        for key, forms in observed.items()
        for form in forms
        if form.get("reply_to")
    ]
    assert len(set(replies)) >= 10
    assert set(replies) <= ids


def test_the_export_is_as_telegram_desktop_writes_it(chats: list[Form], sample: Sample) -> None:
    assert {chat["id"] for chat in chats} == set(sample.usernames)
    messages = [message for chat in chats for message in chat["messages"]]
    assert {"message", "service"} == {message["type"] for message in messages}
    assert any("poll" in message for message in messages)
    assert any("reactions" in message for message in messages)
    for message in messages:
        text = message["text"]
        whole = text if isinstance(text, str) else "".join(p if isinstance(p, str) else p["text"] for p in text)
        assert whole == "".join(entity["text"] for entity in message["text_entities"])
        assert isinstance(message["date_unixtime"], str)
        assert "+" not in message["date"]
        assert not {"views", "forwards", "grouped_id"} & set(message)
