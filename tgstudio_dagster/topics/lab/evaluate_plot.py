"""The plot of an evaluation, as SVG: how each measure goes with the threshold, and where the shipped one stands.

SVG for the reasons that compare_plot.py gives. Nothing is computed here.
"""

from __future__ import annotations

from html import escape

import polars as pl

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 56, 560, 56, 372
COLOURS = {
    "f1_same_story_ignored": "#2563eb",
    "f1_strict": "#d97706",
    "f1_story": "#15803d",
    "b_cubed": "#7c3aed",
    "ari": "#6b7280",
}


def plot(sweep: pl.DataFrame, *, shipped: float, heading: str) -> str:
    """The SVG of `evaluate.sweep`; `shipped` is the threshold in use. Equal frames give equal text."""
    thresholds = sweep["threshold"].to_list()
    low, high = min(thresholds), max(thresholds)

    def x(threshold: float) -> float:
        return LEFT + (RIGHT - LEFT) * ((threshold - low) / (high - low) if high > low else 0.5)

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#111827">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="15">{escape(heading)}</text>',
    ]
    for tenth in range(0, 11, 2):
        level = y(tenth / 10)
        parts += [
            f'<line x1="{LEFT}" x2="{RIGHT}" y1="{level:.1f}" y2="{level:.1f}" stroke="#e5e7eb"/>',
            f'<text x="{LEFT - 8}" y="{level + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>',
        ]
    for threshold in thresholds:
        parts.append(
            f'<text x="{x(threshold):.1f}" y="{BOTTOM + 18}" text-anchor="middle" font-size="10">{threshold:g}</text>'
        )
    parts += [
        f'<line x1="{x(shipped):.1f}" x2="{x(shipped):.1f}" y1="{TOP}" y2="{BOTTOM}" stroke="#111827" stroke-dasharray="4 3"/>',
        f'<text x="{x(shipped):.1f}" y="{TOP - 6}" text-anchor="middle">shipped</text>',
    ]
    for place, (name, colour) in enumerate(COLOURS.items()):
        points = " ".join(
            f"{x(at):.1f},{y(value):.1f}" for at, value in zip(thresholds, sweep[name].to_list(), strict=True)
        )
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{RIGHT + 16}" y="{TOP + 14 + 20 * place}" fill="{colour}">{name}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])
