"""A person's version: its hashtags are its last line, and what the platform would not take is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.newsroom.posts import AS_OF, edited
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.newsroom.edits import check_version, hashtags_of, lay_over, with_hashtags
from tgstudio_dagster.newsroom.platforms import PLATFORMS
from tgstudio_dagster.newsroom.records.image import Image
from tgstudio_dagster.newsroom.records.package import Package


def images(*sizes: tuple[int, int], moderation: str = "ok") -> list[Image]:
    return [
        Image.from_row({
            "n": n, "uri": f"{n}.png", "sha256": "s", "width": width, "height": height, "model": "m",
            "moderation": moderation, "cached": False, "brief_hash": str(n),
        })
        for n, (width, height) in enumerate(sizes)
    ]  # fmt: skip


SQUARE_AND_WIDE = images((1080, 1080), (1280, 400))


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Text\n\n#one #two", ["one", "two"]),
        ("#one", ["one"]),
        ("Text #one", []),
        ("Text\n#one two", []),
        ("Text\n#метро\n", ["метро"]),
        ("", []),
    ],
)
def test_hashtags_are_those_of_a_last_line_of_nothing_else(text: str, tags: list[str]) -> None:
    assert hashtags_of(text) == tags


def test_hashtags_of_all_scripts_are_read_back_and_taken() -> None:
    tags = ["हिन्दी_समाचार", "ข่าววันนี้", "هوش\u200cمصنوعی"]
    assert hashtags_of(with_hashtags("text", tags)) == tags
    check_version("text", tags, None, images=[], target=PLATFORMS["tg"], with_image=False)


@given(st.text(max_size=60), st.lists(st.from_regex(r"\A[^\W\d]\w{0,8}\Z"), max_size=4, unique=True))
def test_hashtags_that_are_set_are_those_that_are_read(text: str, tags: list[str]) -> None:
    once = with_hashtags(text, tags)
    assert with_hashtags(once, tags) == once
    if tags:
        assert hashtags_of(once) == tags


@pytest.mark.parametrize(
    ("platform", "text", "hashtags", "image", "named"),
    [
        ("x", "a" * 281, [], None, "text: has 281 of 280"),
        ("tg", "", [], None, "text: is empty"),
        ("tg", "я" * 1025, [], 0, "1025 of 1024"),
        ("ig", "ok", list("abcdef"), None, "hashtags: 6 are given"),
        ("tg", "ok", ["two words"], None, "hashtags: 'two words'"),
        ("tg", "ok", ["2026"], None, "hashtags: '2026'"),
        ("tg", "ok", [], 7, "no image 7; it has 0, 1"),
        ("ig", "ok", [], 1, "its ratio is 3.20"),
    ],
)
def test_what_the_platform_would_not_take_is_refused_by_name(
    platform: str, text: str, hashtags: list[str], image: int | None, named: str
) -> None:
    with pytest.raises(NewsroomError, match=named):
        check_version(
            text,
            hashtags,
            image,
            images=SQUARE_AND_WIDE,
            target=PLATFORMS[platform],
            with_image=False,  # type: ignore[index]
        )


def test_an_image_that_moderation_stopped_is_not_taken() -> None:
    with pytest.raises(NewsroomError, match="stopped as scam"):
        check_version(
            "ok", [], 0, images=images((1080, 1080), moderation="scam"), target=PLATFORMS["tg"], with_image=False
        )


@dataclass
class Version:
    text: str
    hashtags: list[str] = field(default_factory=list)
    image: int | None = None


def test_a_version_laid_over_replaces_text_hashtags_image_and_checks() -> None:
    result = edited()
    url = result.source_links[0]
    made = Package.from_row({
        "platform": "tg", "package_id": "acme-1-tg", "text": "made", "hashtags": ["a"], "image_uri": "0.png", "checks": [],
        "text_short": "s", "text_medium": "m", "text_long": "l", "post_time": AS_OF, "cta": "",
    })  # fmt: skip
    laid = lay_over(
        made, Version(f"mine {url}", ["b"], 1), result=result, images=SQUARE_AND_WIDE, target=PLATFORMS["tg"]
    )
    assert (laid.text, laid.hashtags, laid.image_uri) == (f"mine {url}", ("b",), "1.png")
    assert {check.name: check.passed for check in laid.checks}["source_links"]
    own = lay_over(made, Version("mine"), result=result, images=SQUARE_AND_WIDE, target=PLATFORMS["tg"])
    assert own.image_uri == "0.png"
    assert not {check.name: check.passed for check in own.checks}["source_links"]
