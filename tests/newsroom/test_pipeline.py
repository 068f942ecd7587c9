"""How far an order is worked, and what is left of it to make."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest

from tgstudio_dagster.core.vocabulary import Goal
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.newsroom.pipeline import CHAIN, draws, missing, steps


def test_a_further_goal_goes_through_all_that_a_nearer_one_does() -> None:
    for nearer, further in pairwise(get_args(Goal)):
        assert steps(further)[: len(steps(nearer))] == steps(nearer)
    assert steps("packages") == CHAIN
    assert all(TABLES[name].partition == "order" for name in CHAIN)


@pytest.mark.parametrize(
    ("goal", "made", "left"),
    [
        ("text", [], ["editor_results"]),
        ("text", CHAIN, []),
        ("images", ["editor_results"], ["image_briefs", "images"]),
        ("packages", ["editor_results", "images"], ["image_briefs", "images", "content_packages", "exports"]),
    ],
)
def test_what_is_left_begins_with_the_first_that_is_missing(goal: Goal, made: list[str], left: list[str]) -> None:
    assert list(missing(goal, made)) == left


def test_images_are_drawn_on_the_way_to_images_and_packages_only() -> None:
    assert [draws(goal) for goal in get_args(Goal)] == [False, False, True, True]
