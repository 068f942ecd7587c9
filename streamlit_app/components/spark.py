"""A line of counts over time, small enough to stand beside a title: drawn as SVG, so a page of fifty costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from tgstudio_dagster.core.text import escape

WIDTH, HEIGHT = 120, 30
COLOUR = "#3b82f6"  # to be seen on light and on dark


def spark_html(values: Sequence[float], *, label: str) -> str:
    """The counts, oldest first, as an area; `label` is what it shows, for those who don't see it. Empty without counts."""
    if not values:
        return ""
    most = max(max(values), 1)
    step = WIDTH / max(len(values) - 1, 1)
    points = " ".join(
        f"{n * step:.1f},{HEIGHT - 2 - value / most * (HEIGHT - 4):.1f}" for n, value in enumerate(values)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<polygon points="0,{HEIGHT} {points} {WIDTH},{HEIGHT}" fill="{COLOUR}" opacity=".18"/>'
        f'<polyline points="{points}" fill="none" stroke="{COLOUR}" stroke-width="1.6"/></svg>'
    )
    # As an image: Streamlit takes bare SVG out of what it is given.
    return f'<img class="ts-spark" src="data:image/svg+xml,{quote(svg)}" alt="{escape(label)}" width="{WIDTH}" height="{HEIGHT}">'
