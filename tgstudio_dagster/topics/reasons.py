"""Why a post or topic ranks as it does: the terms of a row of RANKINGS in words. For the command line and the studio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tgstudio_dagster.catalog.people.ranking_weights import COUNTERS

_NEAR = 0.1  # a ratio within 7% of one is the usual


def reasons(row: Mapping[str, Any]) -> list[str]:
    """Short phrases, the strongest first: channels, each known counter beside its usual (and its term in
    doublings), the trend, the age.

    `row`: a row of RANKINGS. Counters are those of the topic's strongest post.
    """
    phrases = []
    if row["channels"] > 1:
        phrases.append(f"{row['channels']} channels")
    counted = [counter for counter in COUNTERS if row[f"{counter}_term"] is not None]
    if not counted:
        counted_instead = f"{row['replies'] or 0} replies, {row['authors'] or 0} authors count instead"
        phrases.append(
            f"no counters known: {counted_instead}" if row["authors"] or row["replies"] else "no counters known"
        )
    for counter in sorted(counted, key=lambda name: -abs(row[f"{name}_term"])):
        phrases.append(_beside_usual(counter, row))
    if row["entity_kind"] == "topic":
        phrases.append(f"{row['recent']} channel-hours lately, {row['expected']:.1f} expected (z {row['trend']:+.1f})")
    phrases.append(f"{_hours(row['age'])} old, counts {row['decay']:.0%}")
    return phrases


def _beside_usual(counter: str, row: Mapping[str, Any]) -> str:
    term, read, usual = (row[f"{counter}_{part}"] for part in ("term", "read", "usual"))
    if abs(term) < _NEAR:
        return f"{counter} {_count(read)}, as usual"
    if usual < 1:
        return f"{counter} {_count(read)}, usually none"
    return f"{counter} {_count(read)}, usually {_count(usual)} ({term:+.1f})"


def _count(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _hours(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"
