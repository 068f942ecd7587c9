"""The contracts themselves, and the check that every write goes through."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import messages
from tgstudio_dagster.core.errors import ContractError
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.posts import LANDING, MESSAGES

ALL = [LANDING, *TABLES.values()]


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_a_contract_is_whole(table: Table) -> None:
    assert set(table.key) <= set(table.columns)
    assert not any(table.columns[name].nullable for name in table.key)
    assert not {"tenant", "day", "order_id"} & set(table.columns)
    assert table.description.endswith(".")
    assert all(column.description.endswith(".") for column in table.columns.values())
    assert table.conform(table.empty()).equals(table.empty())


def test_names_of_tables_are_their_keys() -> None:
    assert {name: table.name for name, table in TABLES.items()} == {name: name for name in TABLES}


@given(st.permutations(range(6)), st.permutations(list(MESSAGES.columns)))
def test_order_of_rows_and_columns_does_not_matter(rows: list[int], columns: list[str]) -> None:
    frame = messages(*({"msg_id": n + 1} for n in range(6)))
    assert MESSAGES.conform(frame[rows].select(columns)).equals(frame)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda frame: frame.drop("views"), "views"),
        (lambda frame: frame.with_columns(extra=1), "extra"),
        (lambda frame: frame.with_columns(pl.col("views").cast(pl.Int32)), r"messages\.views: is Int32"),
        (lambda frame: frame.with_columns(pl.col("date").dt.replace_time_zone(None)), r"messages\.date"),
        (lambda frame: frame.with_columns(text=pl.lit(None, pl.String)), r"messages\.text: holds 2 nulls"),
        (lambda frame: pl.concat([frame, frame]), "share one key"),
    ],
)
def test_a_frame_off_contract_is_refused_by_the_columns_name(change: object, named: str) -> None:
    assert callable(change)
    with pytest.raises(ContractError, match=named):
        MESSAGES.conform(change(messages({}, {})))


def test_nulls_are_let_through_where_the_contract_allows_them() -> None:
    frame = messages({"views": None, "channel": None})
    assert MESSAGES.conform(frame).equals(frame)
