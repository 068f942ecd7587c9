"""Gaps: the ranges of message ids of a channel that have not been read, as data.

Pure arithmetic on ranges. What makes a gap and what fills it is `channel_reader.py`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterable

Gaps = tuple[tuple[int, int], ...]
"""Ranges of ids, both ends included; ascending, apart from each other (touching ones are one), none empty."""


def add(gaps: Gaps, first: int, last: int) -> Gaps:
    """The gaps with first..last among them; a range that ends before it begins adds nothing."""
    return _joined((*gaps, (first, last)))


def subtract(gaps: Gaps, first: int, last: int) -> Gaps:
    """The gaps without first..last, which has been read now."""
    if last < first:
        return gaps
    left = ((low, min(high, first - 1)) for low, high in gaps)
    right = ((max(low, last + 1), high) for low, high in gaps)
    return _joined((*left, *right))


def within(gaps: Gaps, first: int, last: int) -> Gaps:
    """What of the gaps lies in first..last."""
    return _joined((max(low, first), min(high, last)) for low, high in gaps)


def size(gaps: Gaps) -> int:
    """How many ids are missing; not every id is a message's."""
    return sum(high - low + 1 for low, high in gaps)


def _joined(ranges: Iterable[tuple[int, int]]) -> Gaps:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if low > high:
            continue
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
