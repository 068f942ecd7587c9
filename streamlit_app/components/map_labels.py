"""Where the labels of the map's largest topics stand: inside its frame, and none on another. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

LABELS, ON_A_PHONE = 10, 4
"""Labels drawn at most, and how many of them a phone shows (style.css): the first ones."""
LETTERS = 26
_WIDE, _NARROW, _HEIGHT = 560.0, 340.0, 560.0
"""The map's size in pixels on a desk and on a phone, the smallest that labels are placed for."""
_LETTER, _EDGE, _TALL, _SHIFT, _GAP = 7.2, 12.0, 22.0, 18, 4.0
"""Pixels: a letter's width at most on average, both edges of a label, its height, how far above its place it stands."""
_ROOM = 0.04
"""Of the map's extent on each side, so that no point lies on the frame."""


@dataclass(frozen=True)
class Frame:
    """The range of both axes."""

    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where a label stands: which of its ends is at its topic, and by how many pixels it is above it (below: negative)."""

    anchor: Literal["left", "center", "right"]
    shift: int


@dataclass(frozen=True)
class _Box:
    left: float
    right: float
    low: float
    high: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right + _GAP
            and other.left < self.right + _GAP
            and self.low < other.high + _GAP
            and other.low < self.high + _GAP
        )


def frame_of(points: pl.DataFrame) -> Frame:
    """The frame that holds all points (x and y), with some room."""
    return Frame(*(_range(points[name]) for name in ("x", "y")))


def labels(topics: pl.DataFrame, frame: Frame) -> Iterator[tuple[dict[str, Any], Place]]:
    """The topics (x, y, title; largest first) to label, each with the place of its label; those for a phone first."""
    rows = topics.head(4 * LABELS).to_dicts()
    first = _placed(rows, frame, _NARROW, [], ON_A_PHONE)
    # What a phone shows is shown on a desk, too: its places are taken there.
    rest = _placed([row for row in rows if row not in [row for row, _ in first]], frame, _WIDE, first, LABELS)
    yield from [*first, *rest]


def _placed(
    rows: list[dict[str, Any]], frame: Frame, width: float, before: list[tuple[dict[str, Any], Place]], most: int
) -> list[tuple[dict[str, Any], Place]]:
    taken = [_box(row, place, frame, width) for row, place in before]
    placed: list[tuple[dict[str, Any], Place]] = []
    for row in rows:
        if len(before) + len(placed) >= most:
            break
        place = _place(row, frame, width)
        box = _box(row, place, frame, width)
        inside = box.left >= 0 and box.right <= width and box.low >= 0 and box.high <= _HEIGHT
        if inside and not any(box.meets(other) for other in taken):
            taken.append(box)
            placed.append((row, place))
    return placed


def _place(row: dict[str, Any], frame: Frame, width: float) -> Place:
    half = _length(row) / 2
    at, up = _share(row["x"], frame.x) * width, _share(row["y"], frame.y) * _HEIGHT
    anchor: Literal["left", "center", "right"] = "left" if at < half else "right" if at > width - half else "center"
    return Place(anchor, -_SHIFT if up + _SHIFT + _TALL / 2 > _HEIGHT else _SHIFT)


def _box(row: dict[str, Any], place: Place, frame: Frame, width: float) -> _Box:
    at, up = _share(row["x"], frame.x) * width, _share(row["y"], frame.y) * _HEIGHT + place.shift
    left = at - _length(row) * {"left": 0.0, "center": 0.5, "right": 1.0}[place.anchor]
    return _Box(left, left + _length(row), up - _TALL / 2, up + _TALL / 2)


def _length(row: dict[str, Any]) -> float:
    return min(len(row["title"]), LETTERS + 1) * _LETTER + _EDGE


def _share(value: float, of: tuple[float, float]) -> float:
    return (value - of[0]) / (of[1] - of[0])


def _range(values: pl.Series) -> tuple[float, float]:
    low, high = values.min(), values.max()
    assert isinstance(low, float) and isinstance(high, float)
    room = (high - low or 1.0) * _ROOM
    return low - room, high + room
