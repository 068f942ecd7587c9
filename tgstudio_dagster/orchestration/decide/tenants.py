"""Which tenants are partitions: a pure decision over the catalog's tenants and Dagster's keys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class PartitionChanges:
    """Keys to add and to remove, by slug; `waiting` ones are removed once their run has ended."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    waiting: tuple[str, ...]


def decide(active: Collection[str], known: Collection[str], busy: Collection[str]) -> PartitionChanges:
    """Make the partitions equal to the tenants that are not deleted.

    A deleted tenant's key goes (its rows and its lake stay, its slug is never used again), but not under a running run:
    Dagster fails a run whose partition vanishes.
    """
    gone = sorted(set(known) - set(active))
    return PartitionChanges(
        add=tuple(sorted(set(active) - set(known))),
        remove=tuple(slug for slug in gone if slug not in busy),
        waiting=tuple(slug for slug in gone if slug in busy),
    )
