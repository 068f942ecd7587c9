"""What a person sees of a table at a glance in Dagster's UI: a few numbers, or a link. Never a word of a post.

Metadata is stored with every event and read by the operator of all tenants: it is small, and holds no stranger's text.
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import polars as pl

from tgstudio_dagster.core.settings import web_settings
from tgstudio_dagster.lake.contract import Table

ROWS = 5
CELL = 60


def preview(table: Table, frame: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """What helps for this table's day, by metadata name; nothing where it has no row."""
    if table.name not in EXTRAS or frame.is_empty():
        return {}
    name, make = EXTRAS[table.name]
    return {name: make(frame)}


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


def _channels(frame: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.int(frame["channel_id"].n_unique())


def _by_status(frame: pl.DataFrame) -> dg.MetadataValue:
    counted = frame.group_by("kind", pl.col("status").str.split(":").list.first()).len("files").sort("kind", "status")
    return dg.MetadataValue.md(markdown(counted.head(ROWS * 2)))


def _top(frame: pl.DataFrame) -> dg.MetadataValue:
    columns = ["rank", "entity_id", "score", "channels", "messages"]
    top = frame.filter(pl.col("rank") <= ROWS, entity_kind="topic", window="24h").sort("rank")
    return dg.MetadataValue.md(markdown(top.select(columns).with_columns(pl.col("score").round(2))))


def _largest(frame: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.int(int(frame["messages"].max() or 0))  # type: ignore[arg-type]


def _map_page(_: pl.DataFrame) -> dg.MetadataValue:
    """Where the studio draws it: a picture of every point would outgrow all other events together."""
    return dg.MetadataValue.url(f"{web_settings().origin}/map")


EXTRAS: dict[str, tuple[str, Callable[[pl.DataFrame], dg.MetadataValue]]] = {
    "messages": ("channels", _channels),
    "media": ("by_status", _by_status),
    "topics": ("largest", _largest),
    "topic_map": ("map", _map_page),
    "rankings": ("top", _top),
}
