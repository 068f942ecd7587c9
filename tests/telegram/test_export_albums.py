"""Albums of Desktop exports, which name none: neighbours of one sender, at most 2 s apart, with one caption at most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import Desk
from tests.telegram.exports import START, chat, message, write

PLAIN = "(File not included. Change data exporting settings to download.)"
PHOTO = {"photo": PLAIN}
VIDEO = {"file": PLAIN, "media_type": "video_file"}
FILE = {"file": PLAIN, "mime_type": "application/pdf"}
AUDIO = {"file": PLAIN, "media_type": "audio_file"}
VOICE = {"file": PLAIN, "media_type": "voice_message"}


def member(n: int, seconds: int, text: str = "", **medium: Any) -> dict[str, Any]:
    return message(n, text, date_unixtime=str(START + seconds), **medium)


def albums(desk: Desk, tmp_path: Path, *members: dict[str, Any], batch: int = 1000) -> list[list[int]]:
    """The ids of each post's members."""
    desk.load(write(tmp_path, chat(members)), batch=batch)
    return [row["album"] or [row["msg_id"]] for row in desk.rows().iter_rows(named=True)]


def test_an_album_may_take_a_second_more(desk: Desk) -> None:
    assert desk.case("album_one_second").landed == 1
    (post,) = desk.rows().iter_rows(named=True)
    assert (post["type"], post["text"], post["album"]) == ("album", "An album of four", [79, 80, 81, 82])


def test_a_forwarded_album_keeps_its_caption_and_origin(desk: Desk) -> None:
    desk.case("forward_same_second")
    (post,) = desk.rows().iter_rows(named=True)
    assert (post["text"], post["album"], post["forwarded_from"]) == ("caption of the third", [1, 2, 3], "X")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [((0, 2, 4, 6), [[1, 2, 3, 4]]), ((0, 2, 5, 5), [[1, 2], [3, 4]]), ((0, 0, 0, 3), [[1, 2, 3], [4]])],
)
def test_two_seconds_from_one_to_the_next_hold_an_album_together(
    desk: Desk, tmp_path: Path, seconds: tuple[int, ...], expected: list[list[int]]
) -> None:
    members = [member(n, second, **PHOTO) for n, second in enumerate(seconds, 1)]
    assert albums(desk, tmp_path, *members) == expected


def test_ids_that_are_no_neighbours_are_no_album(desk: Desk, tmp_path: Path) -> None:
    assert albums(desk, tmp_path, member(1, 0, **PHOTO), member(3, 0, **PHOTO), member(4, 0, **PHOTO)) == [[1], [3, 4]]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (PHOTO, VIDEO, True), (FILE, FILE, True), (AUDIO, AUDIO, True), (FILE, PHOTO, False), (AUDIO, FILE, False),
        (VOICE, VOICE, False), (PHOTO, {}, False),
    ],
)  # fmt: skip
def test_what_telegram_sends_together_is_an_album(
    desk: Desk, tmp_path: Path, first: dict[str, Any], second: dict[str, Any], together: bool
) -> None:
    got = albums(desk, tmp_path, member(1, 0, "caption", **first), member(2, 1, **second))
    assert got == ([[1, 2]] if together else [[1], [2]])


def test_another_sender_or_origin_is_another_album(desk: Desk, tmp_path: Path) -> None:
    others = [member(2, 0, **PHOTO, from_id="user5"), member(3, 0, **PHOTO, from_id="user5", forwarded_from="X")]
    assert albums(desk, tmp_path, member(1, 0, **PHOTO), *others) == [[1], [2], [3]]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_batch_never_cuts_an_album(desk: Desk, tmp_path: Path, batch: int) -> None:
    members = [member(n, n, "caption" if n == 1 else "", **FILE) for n in range(1, 6)]
    assert albums(desk, tmp_path, *members, member(9, 60, "x"), batch=batch) == [[1, 2, 3, 4, 5], [9]]
