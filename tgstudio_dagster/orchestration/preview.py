"""Frames as small Markdown tables, for what a check shows in Dagster's UI.

Events hold no pictures and no stranger's words: they stay for weeks, and the operator of all tenants reads them.
"""

from __future__ import annotations

import polars as pl

CELL = 60


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
