"""The part of a post to show for a hit, and the positions of the query's words in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from tgstudio_dagster.core.letters import cut_at
from tgstudio_dagster.search.words import Span, spans

LENGTH = 240

Marks = Callable[[Sequence[Span]], list[Span]]
"""Those of a text's words that were asked for, in order."""


def snippet(text: str, marks: Marks, length: int = LENGTH) -> tuple[str, list[tuple[int, int]]]:
    """About `length` characters on one line with as many different words asked for as can be, the earliest such place.

    The second value has the start and end of each such word in the first. A cut is shown by an ellipsis.
    """
    line = " ".join(text.split())
    marked = marks(spans(line))
    begin = 0 if len(line) <= length else _begin(line, marked, length)
    end = min(len(line), begin + length)
    if end < len(line):
        # A line without a space in its second half is of a script that sets none.
        space = line.rfind(" ", begin + length // 2, end)
        end = space if space > 0 else begin + len(cut_at(line[begin:], end - begin))
    head, tail = "…" if begin else "", "…" if end < len(line) else ""
    shift = len(head) - begin
    inside = [(start + shift, stop + shift) for start, stop, _ in marked if start >= begin and stop <= end]
    return f"{head}{line[begin:end]}{tail}", inside


def _begin(line: str, marked: Sequence[Span], length: int) -> int:
    """Where to cut: a third of the window before the best first word, at the beginning of a word."""
    if not marked:
        return 0
    room = length * 2 // 3
    starts = [start for start, _, _ in marked]
    best = max(
        range(len(marked)),
        key=lambda n: (len({stem for _, _, stem in marked[n : bisect_left(starts, starts[n] + room)]}), -n),
    )
    begin = max(0, min(starts[best] - length // 3, len(line) - length))
    return 0 if begin == 0 else min(line.find(" ", begin - 1) + 1 or begin, starts[best])
