"""Reading labelled posts, and saying what is wrong with a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.topics.lab.labelled import read_posts

POST = {
    "channel": "a",
    "message_id": 1,
    "date": "2024-12-02T03:12:07+03:00",
    "text": "Привет",
    "event": "e",
    "story": "s",
}


def written(folder: Path, *rows: dict[str, Any] | str) -> Path:
    file = folder / "day.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in POST.items() if name != field}


def test_times_are_read_as_utc_and_numbers_name_as_well_as_words(tmp_path: Path) -> None:
    other = POST | {"message_id": 2, "date": "2024-12-02T00:12:07", "event": 5, "text": None, "views": 7}
    posts = read_posts(written(tmp_path, POST, "", other), labelled=True)
    assert posts["date"].n_unique() == 1
    assert posts["date"][0].isoformat() == "2024-12-02T00:12:07+00:00"
    assert posts["event"].to_list() == ["e", "5"]
    assert posts["text"].to_list() == ["Привет", ""]


def test_a_line_separator_within_a_text_ends_no_line(tmp_path: Path) -> None:
    text = "one\u2028two\x85three"
    assert read_posts(written(tmp_path, POST | {"text": text}), labelled=True)["text"].to_list() == [text]


def test_posts_without_labels_are_read_as_history(tmp_path: Path) -> None:
    assert "event" not in read_posts(written(tmp_path, without("event")), labelled=False).columns


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("not json", "line 2: JSON is malformed"),
        ('{"channel": "a", "mess', "line 2: .* truncated"),
        ("[1, 2]", "line 2: Expected `object`"),
        (without("story"), "line 2: .*`story`"),
        (POST | {"event": None}, r"line 2: .*\$\.event"),
        (POST | {"event": ""}, r"line 2: .*\$\.event"),
        (POST | {"channel": None}, r"line 2: .*\$\.channel"),
        (POST | {"message_id": "7a"}, r"line 2: .*\$\.message_id"),
        (POST | {"message_id": 2.5}, r"line 2: .*\$\.message_id"),
        (POST | {"message_id": 2**63}, r"line 2: .*\$\.message_id"),
        (POST | {"date": "yesterday"}, r"line 2: .*\$\.date"),
        (POST | {"date": 1733098327}, r"line 2: .*\$\.date"),
        (POST | {"text": ["a"]}, r"line 2: .*\$\.text"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_field(tmp_path: Path, row: dict[str, Any] | str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        read_posts(written(tmp_path, POST, row), labelled=True)


def test_a_file_that_is_missing_empty_or_no_text_is_named(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty.jsonl", tmp_path / "binary.jsonl"
    empty.write_text("\n\n")
    binary.write_bytes(bytes(range(256)))
    for file, message in ((empty, "no posts"), (binary, "UTF-8"), (tmp_path / "none.jsonl", "cannot be read")):
        with pytest.raises(SourceError, match=message):
            read_posts(file, labelled=True)
