"""A preview counts as the platform does, and its parts are the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.newsroom.fit import clean
from tgstudio_dagster.newsroom.platforms import PLATFORMS
from tgstudio_dagster.newsroom.preview import preview


@given(st.text(max_size=700), st.sampled_from(sorted(PLATFORMS)), st.booleans())
def test_the_parts_put_together_are_the_text_and_only_what_fits_is_taken(
    text: str, name: str, with_image: bool
) -> None:
    target = PLATFORMS[name]  # type: ignore[index]
    found = preview(text, target, with_image=with_image)
    assert found.shown + found.folded + found.over == clean(text)
    assert target.length(found.shown + found.folded) <= found.limit
    assert bool(found.over) == (found.count > found.limit)
    assert found.left == found.limit - found.count


def test_an_image_makes_telegram_s_limit_a_caption_s() -> None:
    with_image, without = (preview("я" * 2000, PLATFORMS["tg"], with_image=with_image) for with_image in (True, False))
    assert (with_image.limit, len(with_image.over), with_image.fits) == (1024, 976, False)
    assert (without.limit, without.over, without.fits) == (4096, "", True)


@pytest.mark.parametrize(("name", "seen"), [("ig", 125), ("li", 210), ("tg", 600)])
def test_what_a_feed_hides_is_folded_at_a_word(name: str, seen: int) -> None:
    text = "word " * 120
    found = preview(text, PLATFORMS[name], with_image=False)  # type: ignore[index]
    assert seen - 6 < len(found.shown) <= seen
    assert not found.shown.endswith("wor")


def test_an_empty_text_does_not_fit() -> None:
    assert not preview(" \n", PLATFORMS["tg"], with_image=False).fits
