"""The colour of a story on the map: the same on every day and in every front end. A pure function of its id."""

from __future__ import annotations

import hashlib

# 14 colours that stay apart for people with any one kind of cone (protanopia, deuteranopia, tritanopia as simulated by
# Machado, Oliveira and Fernandes, 2009): no two nearer than .093 in OKLab for anyone, found by search over a grid of
# sRGB. Each has a contrast of 3 and more on white, as WCAG asks of graphics.
PALETTE = (
    *("#dd44ff", "#440033", "#118800", "#882299", "#555500", "#ff3388", "#220066"),
    *("#0000ee", "#771144", "#9988bb", "#11aa00", "#9955bb", "#aa3366", "#333300"),
)
WITHOUT_STORY = "#9ca3af"


def story_colour(story_id: str | None) -> str:
    """The story's colour as #rrggbb: one of PALETTE by the id's hash, grey for posts without a story.

    A map of more than 14 stories has stories of one colour, so colour alone must not tell them apart.
    """
    if story_id is None:
        return WITHOUT_STORY
    return PALETTE[int.from_bytes(hashlib.sha256(story_id.encode()).digest()[:4]) % len(PALETTE)]
