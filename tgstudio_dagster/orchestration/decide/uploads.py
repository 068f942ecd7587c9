"""Which uploads get a run: a pure decision over the catalog's rows and what became of the runs that were started before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Candidate:
    """An upload that waits or is being imported.

    `run` is what became of the run of its present attempt: none was asked for yet, it is waiting or at work, or it is
    over: it ended or died without having said how the upload ended.
    """

    upload: str
    tenant: str
    attempts: int
    run: Literal["none", "alive", "over"]


@dataclass(frozen=True)
class Start:
    """A run to start. The key names the attempt, so that a dead one is followed by another."""

    upload: str
    tenant: str
    attempts: int

    @property
    def run_key(self) -> str:
        """Unique per attempt."""
        return f"{self.upload}:{self.attempts}"


@dataclass(frozen=True)
class Decision:
    """Runs to start now, and uploads whose run is over and that are to be tried again at the next tick, or given up."""

    starts: tuple[Start, ...]
    over: tuple[Candidate, ...]


def decide(candidates: Sequence[Candidate], busy: Collection[str]) -> Decision:
    """One run a tenant at a time, oldest upload first; `busy` are tenants for whom a file is being imported elsewhere.

    Two imports of one tenant would each have to wait for the other (a lease keeps them apart), in a slot of Dagster's.
    """
    taken = {*busy, *(candidate.tenant for candidate in candidates if candidate.run == "alive")}
    starts = []
    for candidate in sorted(candidates, key=lambda candidate: candidate.upload):
        if candidate.run == "none" and candidate.tenant not in taken:
            taken.add(candidate.tenant)
            starts.append(Start(candidate.upload, candidate.tenant, candidate.attempts))
    return Decision(tuple(starts), tuple(candidate for candidate in candidates if candidate.run == "over"))
