"""Which orders to start: a pure decision over what waits in the catalog and what was asked of Dagster before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Waiting:
    """An order that waits. `changed_at` is when it was last asked for: an order that is queued again is another wish.

    `missing` are the assets that are still to be made for its goal.
    """

    order: str
    tenant: str
    changed_at: datetime
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Start:
    """A run to start: of which assets, and whether its partition is new. `asked_at` names the wish it answers."""

    order: str
    tenant: str
    asked_at: str
    new_partition: bool
    assets: tuple[str, ...]

    @property
    def run_key(self) -> str:
        """Unique per wish."""
        return f"{self.order}:{self.asked_at}"


def decide(waiting: Sequence[Waiting], known: Collection[str]) -> list[Start]:
    """A run for every order that lacks something: once however often the tick sees it, again when it is queued again."""
    return [
        Start(one.order, one.tenant, one.changed_at.isoformat(), one.order not in known, one.missing)
        for one in sorted(waiting, key=lambda one: one.order)
        if one.missing
    ]
