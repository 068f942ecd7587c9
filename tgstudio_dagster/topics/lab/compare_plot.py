"""The plot of a comparison of rankings, as SVG: agreement by day, and who changed places on the newest day.

SVG and not PNG: it needs no font file and no drawing library, holds titles in any script, stays sharp at any size, and equal
comparisons give equal bytes. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import polars as pl

from tgstudio_dagster.topics.lab.compare import TOP, Comparison

WIDTH, HEIGHT = 1200, 460
LEFT, TOP_EDGE, BOTTOM = 46, 64, 420
LINES_END = 380
BEFORE_X, AFTER_X = 720, 840
ROW = 30
TITLE_LENGTH = 38
COLOURS = {"kendall_tau": "#2563eb", "top10_overlap": "#d97706"}
NAMES = {"kendall_tau": "Kendall tau", "top10_overlap": "top-10 overlap"}
RISES, FALLS, STAYS = "#15803d", "#b91c1c", "#9ca3af"


def plot(
    comparison: Comparison,
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    kind: str,
    window: str,
    titles: Mapping[str, str],
    heading: str,
) -> str:
    """The SVG for one kind (topic, message) and window. `before`, `after`: what was compared; `titles` by entity_id."""
    chosen = (pl.col("entity_kind") == kind) & (pl.col("window") == window)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#111827">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(16, 26, heading, size=15),
        *_agreement(comparison.agreement.filter(chosen).sort("day").to_dicts()),
        *_places(before.filter(chosen), after.filter(chosen), titles),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _agreement(rows: list[dict[str, Any]]) -> list[str]:
    """Two lines from -1 or 0 to 1 over the days."""
    if not rows:
        return [_text(LEFT, TOP_EDGE, "nothing to compare")]
    lowest = min([0.0, *(row["kendall_tau"] for row in rows if row["kendall_tau"] is not None)])
    lowest = -1.0 if lowest < 0 else 0.0

    def x(n: int) -> float:
        return LEFT + (LINES_END - LEFT) * (n / (len(rows) - 1) if len(rows) > 1 else 0.5)

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP_EDGE) * (value - lowest) / (1 - lowest)

    parts = []
    for value in (lowest, (1 + lowest) / 2, 1.0):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{LINES_END}" stroke="#e5e7eb"/>')
        parts.append(_text(LEFT - 8, y(value) + 4, f"{value:g}", anchor="end"))
    for n in sorted({0, len(rows) - 1}):
        parts.append(_text(x(n), BOTTOM + 18, f"{rows[n]['day']:%d.%m}", anchor="middle"))
    for place, (name, colour) in enumerate(COLOURS.items()):
        points = [(x(n), y(row[name])) for n, row in enumerate(rows) if row[name] is not None]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(_text(LEFT + 110 * place, TOP_EDGE - 14, NAMES[name], colour=colour))
    return parts


def _places(before: pl.DataFrame, after: pl.DataFrame, titles: Mapping[str, str]) -> list[str]:
    """The first ten of both on the newest day, each entity's two places joined by a line."""
    newest = max([*before["day"].to_list(), *after["day"].to_list()], default=None)
    if newest is None:
        return []
    old, new = (
        dict(frame.filter((pl.col("day") == newest) & (pl.col("rank") <= TOP)).select("entity_id", "rank").iter_rows())
        for frame in (before, after)
    )
    parts = [_text((BEFORE_X + AFTER_X) / 2, TOP_EDGE - 14, f"first {TOP} on {newest:%d.%m.%Y}", anchor="middle")]
    for entity in sorted({*old, *new}, key=lambda name: (new.get(name, TOP + 1), old.get(name, TOP + 1), name)):
        was, now = old.get(entity), new.get(entity)
        colour = STAYS if was == now else RISES if now is not None and (was is None or now < was) else FALLS
        title = _short(titles.get(entity, entity))
        if was is not None:
            parts.append(_text(BEFORE_X - 10, _row(was) + 4, f"{title}  {was}", anchor="end"))
        if now is not None:
            parts.append(_text(AFTER_X + 10, _row(now) + 4, f"{now}  {title}"))
        start = (BEFORE_X, _row(was)) if was is not None else (AFTER_X - 30, _row(now or 0) + 8)
        end = (AFTER_X, _row(now)) if now is not None else (BEFORE_X + 30, _row(was or 0) + 8)
        parts.append(f'<path d="M{start[0]} {start[1]}L{end[0]} {end[1]}" stroke="{colour}" stroke-width="2"/>')
    return parts


def _row(rank: int) -> int:
    return TOP_EDGE + 10 + (rank - 1) * ROW


def _short(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = "#111827", size: int = 12) -> str:
    # Control characters have no place in XML, not even escaped.
    printable = escape("".join(sign for sign in words if sign.isprintable()))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{printable}</text>'
