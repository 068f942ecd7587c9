"""Briefs and images: sizes, hashes, re-use, moderation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest

from tests.newsroom.posts import english_topic, result_row
from tgstudio_dagster.ai.protocols import PaintRequest, PaintResult
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.newsroom.brief import aspect, brief
from tgstudio_dagster.newsroom.moderation import CATEGORIES, moderate
from tgstudio_dagster.newsroom.painter import dimensions, paint


@dataclass(frozen=True)
class File:
    uri: str
    sha256: str


class Counting:
    """A painter that counts its calls."""

    model = "counting/1"

    def __init__(self) -> None:
        self.calls = 0

    def paint(self, request: PaintRequest) -> PaintResult:
        self.calls += 1
        return PaintResult(
            image=request.brief_hash.encode(), extension="jpg", width=request.width, height=request.height
        )


def put_file(data: bytes, extension: str) -> File:
    digest = hashlib.sha256(data).hexdigest()
    return File(f"{digest}.{extension}", digest)


def test_platforms_that_share_a_size_share_a_brief() -> None:
    rows = brief(result_row(), ["tg", "vk", "x", "ig"]).to_dicts()
    assert [(row["n"], row["size"], row["aspect"], row["platforms"]) for row in rows] == [
        (0, "1280x720", "16:9", ["tg", "x"]),
        (1, "1080x1080", "1:1", ["vk"]),
        (2, "1080x1350", "4:5", ["ig"]),
    ]
    assert rows[0]["caption"] == "Дайджест · 4 канала · 9 марта 2026"
    assert brief(result_row(english_topic(), "en"), ["tg"])["caption"][0] == "Digest · 2 channels · 9 March 2026"


def test_a_brief_hash_is_of_what_is_drawn() -> None:
    alone = brief(result_row(), ["ig"])["brief_hash"][0]
    assert alone == brief(result_row(), ["tg", "ig"])["brief_hash"][1]
    assert alone != brief({**result_row(), "headline": "Другой"}, ["ig"])["brief_hash"][0]


def test_facebooks_size_goes_by_its_usual_name() -> None:
    assert aspect(1200, 630) == "1.91:1"


def test_painting_again_draws_nothing_and_changes_nothing() -> None:
    briefs, painter = brief(result_row(), ["tg", "ig"]), Counting()
    first = paint(painter, briefs, put_file)
    again = paint(painter, briefs, put_file, first)
    assert painter.calls == 2
    assert again.equals(first)


def test_an_image_of_the_same_brief_under_another_number_is_used_again() -> None:
    painter = Counting()
    first = paint(painter, brief(result_row(), ["tg", "ig"]), put_file)
    only = paint(painter, brief(result_row(), ["ig"]), put_file, first)
    assert painter.calls == 2
    assert (only["n"][0], only["cached"][0], only["uri"][0]) == (0, True, first["uri"][1])


def test_another_painters_image_is_not_used() -> None:
    briefs, other = brief(result_row(), ["tg"]), Counting()
    other.model = "other/1"
    first = paint(Counting(), briefs, put_file)
    assert paint(other, briefs, put_file, first)["model"].to_list() == ["other/1"]
    assert other.calls == 1


@pytest.mark.parametrize("size", ["1080", "x", "1080xabc", "-1x5"])
def test_a_malformed_size_is_named(size: str) -> None:
    with pytest.raises(NewsroomError, match="width"):
        dimensions(size)


def test_moderation_finds_each_listed_stem_and_nothing_in_news() -> None:
    for category, stems in CATEGORIES.items():
        assert all(moderate(f"Текст: {stem.upper()}ы") == category for stem in stems)
    assert moderate(result_row()["body_long"]) == "ok"
    assert moderate("Слово шкафхохл") == "ok"
