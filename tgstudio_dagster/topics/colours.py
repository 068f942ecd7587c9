"""The colour and shape of a story on the map: the same on every day and in every front end. Pure functions of its id."""

from __future__ import annotations

import hashlib

# 8 colours that stay apart for people with any one kind of cone (protanopia, deuteranopia, tritanopia as simulated by
# Machado, Oliveira and Fernandes, 2009): no two nearer than .1 in OKLab for anyone, found by search over a grid of sRGB.
# Each has a contrast of 3 and more on the white of the light theme and on the near-black of the dark one, as WCAG asks of
# graphics; that leaves no room for a ninth.
PALETTE = ("#4499bb", "#cc0000", "#8811ff", "#885566", "#bb7777", "#2266aa", "#aa77ff", "#ee6622")
SHAPES = ("circle", "square", "diamond", "triangle-up")
WITHOUT_STORY = "#9ca3af"


def story_colour(story_id: str | None) -> str:
    """The story's colour as #rrggbb: one of PALETTE by the id's hash, grey for posts without a story.

    A map of more than 8 stories has stories of one colour: `story_shape` tells most of those apart.
    """
    return WITHOUT_STORY if story_id is None else PALETTE[_hash(story_id, 0) % len(PALETTE)]


def story_shape(story_id: str | None) -> str:
    """The shape of the story's points: one of SHAPES by the id's hash, a circle for posts without a story."""
    return SHAPES[0] if story_id is None else SHAPES[_hash(story_id, 4) % len(SHAPES)]


def _hash(story_id: str, start: int) -> int:
    return int.from_bytes(hashlib.sha256(story_id.encode()).digest()[start : start + 4])
