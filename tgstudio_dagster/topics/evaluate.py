"""How well clusters match labels: pairwise F1. Used by tests and benchmarks, not by assets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PairScore:
    """Share of pairs put together rightly (precision), of pairs that belong together found (recall), and their F1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def pair_score(
    events: Sequence[Hashable], clusters: Sequence[Hashable], stories: Sequence[Hashable] | None = None
) -> PairScore:
    """Pairs of posts of one event should share a cluster, others should not.

    With `stories`, a pair of different events of one story is ignored: where an event ends is a matter of taste (the
    figure tF1 of the measurements). With no pair to judge, precision or recall is 1. Raises ValueError where the
    sequences differ in length.
    """
    rows = list(zip(events, clusters, stories if stories is not None else events, strict=True))
    same_event = _pairs(Counter(event for event, _, _ in rows))
    together = _pairs(Counter(cluster for _, cluster, _ in rows))
    right = _pairs(Counter((event, cluster) for event, cluster, _ in rows))
    if stories is not None:
        ignored = _pairs(Counter((story, cluster) for _, cluster, story in rows)) - right
        together -= ignored
    return PairScore(right / together if together else 1.0, right / same_event if same_event else 1.0)


def _pairs(counts: Counter[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
