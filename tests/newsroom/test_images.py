"""Briefs and images: sizes, hashes, re-use, moderation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest

from tests.newsroom.posts import changed, edited, english_topic
from tgstudio_dagster.ai.offline.moderator import CATEGORIES, OfflineModerator
from tgstudio_dagster.ai.protocols import PaintRequest, PaintResult, Reply
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.newsroom.brief import aspect, briefs
from tgstudio_dagster.newsroom.moderation import judged, judged_by_words
from tgstudio_dagster.newsroom.painter import dimensions, paint
from tgstudio_dagster.newsroom.records.image import Image, ImageBrief


@dataclass(frozen=True)
class File:
    uri: str
    sha256: str


class Counting:
    """A painter that counts its calls."""

    provider = "test"
    model = "counting/1"

    def __init__(self) -> None:
        self.calls = 0

    def paint(self, request: PaintRequest) -> Reply[PaintResult]:
        self.calls += 1
        image = request.brief_hash.encode()
        return Reply(PaintResult(image=image, extension="jpg", width=request.width, height=request.height), self.model)


def put_file(data: bytes, extension: str) -> File:
    digest = hashlib.sha256(data).hexdigest()
    return File(f"{digest}.{extension}", digest)


def test_platforms_that_share_a_size_share_a_brief() -> None:
    made = briefs(edited(), ["tg", "vk", "x", "ig"])
    assert [(brief.n, brief.size, brief.aspect, brief.platforms) for brief in made] == [
        (0, "1280x720", "16:9", ("tg", "x")),
        (1, "1080x1080", "1:1", ("vk",)),
        (2, "1080x1350", "4:5", ("ig",)),
    ]
    assert made[0].caption == "Дайджест · 4 канала · 9 марта 2026"
    assert briefs(edited(english_topic(), "en"), ["tg"])[0].caption == "Digest · 2 channels · 9 March 2026"


def test_a_brief_hash_is_of_what_is_drawn() -> None:
    (alone,) = briefs(edited(), ["ig"])
    assert alone.brief_hash == briefs(edited(), ["tg", "ig"])[1].brief_hash
    assert alone.brief_hash != briefs(changed(headline="Другой"), ["ig"])[0].brief_hash


def test_facebooks_size_goes_by_its_usual_name() -> None:
    assert aspect(1200, 630) == "1.91:1"


def drawn(painter: Counting, wanted: list[ImageBrief], existing: list[Image] | None = None) -> list[Image]:
    return paint(painter, OfflineModerator(), wanted, put_file, existing or [])


def test_painting_again_draws_nothing_and_changes_nothing() -> None:
    wanted, painter = briefs(edited(), ["tg", "ig"]), Counting()
    first = drawn(painter, wanted)
    assert drawn(painter, wanted, first) == first
    assert painter.calls == 2


def test_an_image_of_the_same_brief_under_another_number_is_used_again() -> None:
    painter = Counting()
    first = drawn(painter, briefs(edited(), ["tg", "ig"]))
    (only,) = drawn(painter, briefs(edited(), ["ig"]), first)
    assert painter.calls == 2
    assert (only.n, only.cached, only.uri) == (0, True, first[1].uri)


def test_another_painters_image_is_not_used() -> None:
    wanted, other = briefs(edited(), ["tg"]), Counting()
    other.model = "other/1"
    first = drawn(Counting(), wanted)
    assert [image.model for image in drawn(other, wanted, first)] == ["other/1"]
    assert other.calls == 1


def test_what_a_card_says_is_moderated_before_it_is_drawn() -> None:
    (image,) = drawn(Counting(), briefs(changed(headline="Гарантированный доход"), ["tg"]))
    assert (image.moderation, image.passed) == ("scam", False)


@pytest.mark.parametrize("size", ["1080", "x", "1080xabc", "-1x5"])
def test_a_malformed_size_is_named(size: str) -> None:
    with pytest.raises(NewsroomError, match="width"):
        dimensions(size)


def test_moderation_finds_each_listed_stem_and_nothing_in_news() -> None:
    for name, stems in CATEGORIES.items():
        assert all(judged_by_words(f"Текст: {stem.upper()}ы") == name for stem in stems)
    assert judged_by_words(edited().body_long) == "ok"
    assert judged(OfflineModerator(), ["Слово шкафхохл", "онлайн-казино"], [b"image"]) == ["ok", "gambling", "ok"]
