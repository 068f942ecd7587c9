"""How far an order is worked: the tables it goes through, one made of the other, and where each goal ends.

A chain, so that whatever stands behind something missing is made again with it.
"""

from __future__ import annotations

from collections.abc import Collection

from tgstudio_dagster.core.vocabulary import Goal
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables import TABLES

CHAIN = ("editor_results", "image_briefs", "images", "content_packages", "exports")
_LAST: dict[Goal, str] = {
    "text": "editor_results",
    "briefs": "image_briefs",
    "images": "images",
    "packages": "exports",
}


def steps(goal: Goal) -> tuple[str, ...]:
    """The tables an order of this goal makes, in their order."""
    return CHAIN[: CHAIN.index(_LAST[goal]) + 1]


def missing(goal: Goal, made: Collection[str]) -> tuple[str, ...]:
    """Those to make where `made` ones are there: the first that is not, and all behind it."""
    wanted = steps(goal)
    first = next((place for place, name in enumerate(wanted) if name not in made), len(wanted))
    return wanted[first:]


def made_of(lake: TenantLake, order: str) -> set[str]:
    """Those of the order's tables that are in the lake."""
    return {name for name in CHAIN if lake.paths(TABLES[name], order=order)}


def draws(goal: Goal) -> bool:
    """Whether images are drawn on the way."""
    return "images" in steps(goal)
