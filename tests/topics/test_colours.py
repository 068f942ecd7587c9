"""Colours of stories: stable, seen on both themes, and apart for people who see fewer colours."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tgstudio_dagster.topics.colours import PALETTE, SHAPES, WITHOUT_STORY, story_colour, story_shape

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
_SEEN_BY = {
    "everyone": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colour: str) -> NDArray[np.float64]:
    parts = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    lab: NDArray[np.float64] = _OKLAB @ np.cbrt(_CONES @ np.clip(rgb, 0, 1))
    return lab


@given(st.text("0123456789abcdef", min_size=12, max_size=12))
def test_a_story_has_one_colour_of_the_palette(digits: str) -> None:
    assert story_colour(f"s-{digits}") in PALETTE
    assert story_colour(f"s-{digits}") == story_colour(f"s-{digits}")


def test_posts_without_a_story_are_grey() -> None:
    assert story_colour(None) == WITHOUT_STORY
    assert WITHOUT_STORY not in PALETTE


def test_a_story_keeps_its_colour_from_release_to_release() -> None:
    assert [story_colour(f"s-{n:012x}") for n in range(3)] == ["#ee6622", "#bb7777", "#ee6622"]


@pytest.mark.parametrize("page", ["#ffffff", "#10151d"])
def test_every_colour_is_seen_on_the_page_of_both_themes(page: str) -> None:
    for colour in PALETTE:
        light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_the_shape_tells_most_stories_of_one_colour_apart() -> None:
    looks = {(story_colour(f"s-{n:012x}"), story_shape(f"s-{n:012x}")) for n in range(400)}
    assert looks == set(itertools.product(PALETTE, SHAPES))


def test_no_two_colours_look_alike_to_anyone() -> None:
    for name, matrix in _SEEN_BY.items():
        views = {colour: oklab(matrix @ linear(colour)) for colour in PALETTE}
        for one, other in itertools.combinations(PALETTE, 2):
            assert float(np.linalg.norm(views[one] - views[other])) >= 0.1, (name, one, other)
