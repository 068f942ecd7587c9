"""The newsroom's pipeline, declared: the steps of an order, one made of the other, and the goal that each is the end of.

Jobs, sensors, assets, the studio and its pages read the chain from here; a step is added here and nowhere else listed. It
is a chain, so that whatever stands behind something missing is made again with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tgstudio_dagster.core.vocabulary import Goal
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS, EXPORTS, IMAGE_BRIEFS, IMAGES


@dataclass(frozen=True)
class PipelineStep:
    """A step of an order: the table it fills, whose name is its asset's; the goal that ends with it, where one does.

    `group` is the asset's group; `draws`: images are drawn in it, which count against a tenant's limit.
    """

    table: Table
    group: str
    goal: Goal | None = None
    draws: bool = False

    @property
    def name(self) -> str:
        """The name of its table and its asset."""
        return self.table.name


PIPELINE = (
    PipelineStep(EDITOR_RESULTS, "edit", goal="text"),
    PipelineStep(IMAGE_BRIEFS, "edit", goal="briefs"),
    PipelineStep(IMAGES, "edit", goal="images", draws=True),
    PipelineStep(CONTENT_PACKAGES, "deliver"),
    PipelineStep(EXPORTS, "deliver", goal="packages"),
)
CHAIN = tuple(step.name for step in PIPELINE)
GROUPS = tuple(dict.fromkeys(step.group for step in PIPELINE))
"""The asset groups of an order's job."""


def steps(goal: Goal) -> tuple[str, ...]:
    """The tables an order of this goal makes, in their order."""
    return tuple(step.name for step in _way(goal))


def missing(goal: Goal, existing: Collection[str]) -> tuple[str, ...]:
    """Those to make where `existing` ones are there: the first that is not, and all behind it."""
    names = steps(goal)
    first = next((place for place, name in enumerate(names) if name not in existing), len(names))
    return names[first:]


def made_of(lake: TenantLake, order: str) -> set[str]:
    """Those of the order's tables that are in the lake."""
    return {step.name for step in PIPELINE if lake.paths(step.table, order=order)}


def draws(goal: Goal) -> bool:
    """Whether images are drawn on the way."""
    return any(step.draws for step in _way(goal))


def _way(goal: Goal) -> tuple[PipelineStep, ...]:
    last = next(place for place, step in enumerate(PIPELINE) if step.goal == goal)
    return PIPELINE[: last + 1]
