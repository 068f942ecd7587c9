"""What a person sees of a table at a glance: a few rows, a count or a picture, as Markdown for Dagster's UI."""

from __future__ import annotations

import base64
from collections.abc import Callable

import polars as pl

from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.topics.colours import story_colour

ROWS = 8
CELL = 60


def preview(table: Table, frame: pl.DataFrame) -> dict[str, str]:
    """Markdown by metadata name: `preview` for every table, and what helps for this one."""
    found = {"preview": markdown(frame.head(ROWS))}
    if table.name in EXTRAS and not frame.is_empty():
        name, make = EXTRAS[table.name]
        found[name] = make(frame)
    return found


def markdown(frame: pl.DataFrame) -> str:
    """The frame as a Markdown table with short cells; a sentence where it has no row."""
    if frame.is_empty():
        return "No rows."
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * frame.width]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.iter_rows()]
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = " ".join(str("" if value is None else value).split()).replace("|", "\\|")
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def _by_channel(frame: pl.DataFrame) -> str:
    counted = (
        frame.group_by("channel", "type").len("posts").sort("posts", "channel", "type", descending=[True, False, False])
    )
    return markdown(counted)


def _by_status(frame: pl.DataFrame) -> str:
    return markdown(frame.group_by("kind", "status").len("files").sort("kind", "status"))


def _top(frame: pl.DataFrame) -> str:
    columns = ["entity_kind", "window", "rank", "entity_id", "score", "popularity", "trend", "channels", "messages"]
    top = frame.filter(pl.col("rank") <= ROWS).sort("entity_kind", "window", "rank", descending=[True, False, False])
    return markdown(top.select(columns).with_columns(pl.col("score", "popularity", "trend").round(2)))


def _largest(frame: pl.DataFrame) -> str:
    columns = ["title", "messages", "channels", "keywords"]
    return markdown(frame.sort("messages", "topic_id", descending=[True, False]).select(columns).head(ROWS * 2))


def _map_picture(frame: pl.DataFrame) -> str:
    """A scatter of the posts, coloured by story, as an SVG image in Markdown."""
    spans = frame.select(pl.col("x", "y").min().name.suffix("0"), pl.col("x", "y").max().name.suffix("1")).row(
        0, named=True
    )
    width, height = (spans["x1"] - spans["x0"]) or 1.0, (spans["y1"] - spans["y0"]) or 1.0
    dots = "".join(
        f'<circle cx="{(x - spans["x0"]) / width * 620 + 10:.1f}" cy="{(y - spans["y0"]) / height * 420 + 10:.1f}" '
        f'r="2.4" fill="{story_colour(story)}"/>'
        for x, y, story in frame.select("x", "y", "story_id").iter_rows()
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 440" width="640" height="440">{dots}</svg>'
    return f"![map](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


EXTRAS: dict[str, tuple[str, Callable[[pl.DataFrame], str]]] = {
    "messages": ("by_channel", _by_channel),
    "media": ("by_status", _by_status),
    "topics": ("largest", _largest),
    "topic_map": ("map", _map_picture),
    "rankings": ("top", _top),
}
