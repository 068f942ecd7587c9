"""Which orders to start: a pure decision over what waits in the catalog and what was asked of Dagster before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Waiting:
    """An order that waits. `changed_at` is when it was last asked for: an order that is queued again is another wish."""

    order: str
    tenant: str
    changed_at: datetime


@dataclass(frozen=True)
class Start:
    """A run to start, and whether its partition is new."""

    order: str
    tenant: str
    run_key: str
    new_partition: bool


def decide(waiting: Sequence[Waiting], known: Collection[str]) -> list[Start]:
    """A run for every order that waits: once however often the tick sees it, again when it is queued again."""
    return [
        Start(one.order, one.tenant, f"{one.order}:{one.changed_at.isoformat()}", one.order not in known)
        for one in sorted(waiting, key=lambda one: one.order)
    ]
