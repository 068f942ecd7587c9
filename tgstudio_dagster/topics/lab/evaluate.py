"""How well clusters match labels: pairwise F1, B-cubed, V-measure and ARI. Used by the command, tests and benchmarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import comb, log

import polars as pl


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


def scores(labelled: pl.DataFrame) -> dict[str, float]:
    """Every measure of one clustering, rounded to four digits.

    `labelled`: a row per post with event, story (true), topic and story_found (found); a post in no topic has a value
    of its own there. `f1_strict`: events against topics; `f1_same_story_ignored`: pairs of two events of one story are
    not judged; `f1_story`: stories against stories found; `b_cubed` (F1), `v_measure` and `ari`: events against topics.
    """
    events, stories = labelled["event"].to_list(), labelled["story"].to_list()
    topics, found_stories = labelled["topic"].to_list(), labelled["story_found"].to_list()
    strict, ignored, story = (
        pair_score(events, topics),
        pair_score(events, topics, stories),
        pair_score(stories, found_stories),
    )
    values = {
        "f1_strict": strict.f1,
        "precision_strict": strict.precision,
        "recall_strict": strict.recall,
        "f1_same_story_ignored": ignored.f1,
        "precision_same_story_ignored": ignored.precision,
        "f1_story": story.f1,
        "precision_story": story.precision,
        "recall_story": story.recall,
        "b_cubed": b_cubed(events, topics).f1,
        "v_measure": v_measure(events, topics),
        "ari": adjusted_rand(events, topics),
    }
    return {name: round(value, 4) for name, value in values.items()}


def sweep(clusterings: Iterable[tuple[float, pl.DataFrame]]) -> pl.DataFrame:
    """A row of `scores` for each (threshold, labelled frame), in the order given."""
    return pl.DataFrame([{"threshold": threshold, **scores(labelled)} for threshold, labelled in clusterings])


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


def b_cubed(events: Sequence[Hashable], clusters: Sequence[Hashable]) -> PairScore:
    """Mean over posts of the share of their cluster that is of their event, and of their event in their cluster."""
    both = Counter(zip(events, clusters, strict=True))
    event, cluster = Counter(events), Counter(clusters)
    if not both:
        return PairScore(1.0, 1.0)
    precision = sum(count * count / cluster[name] for (_, name), count in both.items()) / len(events)
    recall = sum(count * count / event[name] for (name, _), count in both.items()) / len(events)
    return PairScore(precision, recall)


def v_measure(events: Sequence[Hashable], clusters: Sequence[Hashable]) -> float:
    """Harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg, 2007)."""
    both = Counter(zip(events, clusters, strict=True))
    event, cluster = Counter(events), Counter(clusters)
    of_events, of_clusters = _entropy(event), _entropy(cluster)
    shared = of_events + of_clusters - _entropy(both)
    homogeneity = shared / of_events if of_events else 1.0
    completeness = shared / of_clusters if of_clusters else 1.0
    total = homogeneity + completeness
    return 2 * homogeneity * completeness / total if total else 0.0


def adjusted_rand(events: Sequence[Hashable], clusters: Sequence[Hashable]) -> float:
    """The share of agreeing pairs beyond chance (Hubert and Arabie, 1985): 1 where both are equal, about 0 by chance."""
    right = _pairs(Counter(zip(events, clusters, strict=True)))
    of_events, of_clusters, every = _pairs(Counter(events)), _pairs(Counter(clusters)), comb(len(events), 2)
    chance = of_events * of_clusters / every if every else 0.0
    most = (of_events + of_clusters) / 2
    return (right - chance) / (most - chance) if most != chance else 1.0


def _entropy(counts: Counter[Hashable] | Counter[tuple[Hashable, Hashable]]) -> float:
    total = sum(counts.values())
    return -sum(count / total * log(count / total) for count in counts.values())


def _pairs(counts: Counter[Hashable] | Counter[tuple[Hashable, Hashable]] | Counter[tuple[Hashable, ...]]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
