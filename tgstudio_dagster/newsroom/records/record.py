"""What all records share: they are made of a row and become one again, column for column of their table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

import polars as pl
from pydantic import BaseModel, ConfigDict

from tgstudio_dagster.lake.contract import Table


class Record(BaseModel):
    """A row of `table`. A row that lacks a column, has another or a wrong type raises pydantic's ValidationError."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: ClassVar[Table]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The record of a row, as Polars gives it by name."""
        return cls.model_validate(row)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Iterator[Self]:
        """The records of a frame's rows, in their order."""
        return map(cls.from_row, frame.iter_rows(named=True))

    @classmethod
    def frame(cls, records: Iterable[Self]) -> pl.DataFrame:
        """The records as a frame of their table, checked against its contract (ContractError)."""
        rows = [record.to_row() for record in records]
        return cls.table.conform(pl.DataFrame(rows, schema=cls.table.schema))

    def to_row(self) -> dict[str, Any]:
        """The row, with lists where the record has tuples: Polars takes a tuple for a row of its own."""
        return {name: _plain(value) for name, value in self.model_dump().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
