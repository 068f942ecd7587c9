"""Cells that a spreadsheet opens and does not run."""

from __future__ import annotations

import csv
import io
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgstudio_dagster.core.csv import FORMULA_STARTS, cell, cells
from tgstudio_dagster.core.text import harmless

texts = st.text() | st.builds(str.__add__, st.sampled_from(FORMULA_STARTS), st.text())
nested = st.none() | st.lists(st.none() | st.text())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.none() | texts, nested), max_size=5))
def test_cells_never_begin_a_formula_and_lose_nothing(values: list[tuple[str | None, list[str | None] | None]]) -> None:
    frame = pl.DataFrame(values, schema={"text": pl.String, "list": pl.List(pl.String)}, orient="row")
    written = cells(frame)
    for (text, items), shown, encoded in zip(values, written["text"], written["list"], strict=True):
        kept = None if text is None else harmless(text)
        assert shown == (None if text is None else cell(text)) and shown in (kept, f"'{kept}")
        assert not (shown or "").startswith(FORMULA_STARTS)
        assert (None if encoded is None else json.loads(encoded)) == items


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_every_beginning_of_a_formula_is_guarded(start: str) -> None:
    frame = pl.DataFrame({f"{start}name": [f"{start}1+1"]}, schema_overrides={f"{start}name": pl.Categorical})
    rows = list(csv.reader(io.StringIO(cells(frame).write_csv(), newline="")))
    assert rows == [[f"'{start}name"], [f"'{start}1+1"]]


def test_numbers_and_times_are_left_as_they_are() -> None:
    frame = pl.DataFrame({"n": [-1, 2], "share": [-0.5, None]})
    assert cells(frame).equals(frame)
