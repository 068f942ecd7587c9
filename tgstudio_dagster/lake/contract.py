"""What a table's contract is: columns with types and meanings, a key, a partition, and the check of a frame against it.

The tables are declared in `tables/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from tgstudio_dagster.core.errors import ContractError

Partition = Literal["tenant_day", "order"]


@dataclass(frozen=True)
class Column:
    """One column: its Polars type, what it means (with its unit), and whether it may be null."""

    dtype: pl.DataType | type[pl.DataType]
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the lake. `key` is unique within a partition, and rows are stored sorted by it."""

    name: str
    description: str
    partition: Partition
    key: tuple[str, ...]
    columns: Mapping[str, Column] = field(repr=False)

    @property
    def schema(self) -> pl.Schema:
        """Column names and Polars types, in file order."""
        return pl.Schema({name: column.dtype for name, column in self.columns.items()})

    def empty(self) -> pl.DataFrame:
        """A frame of this table with no row."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the table's columns in order, sorted by the key; raises ContractError, naming the column.

        Types must match already: a silent cast would hide a bug. Extra columns, nulls where none are allowed and
        duplicate keys are errors.
        """
        missing = [name for name in self.columns if name not in frame.columns]
        extra = [name for name in frame.columns if name not in self.columns]
        if missing or extra:
            raise ContractError(f"{self.name}: missing columns {missing}, unknown columns {extra}; see lake/tables/.")
        frame = frame.select(list(self.columns))
        for (name, column), dtype in zip(self.columns.items(), frame.dtypes, strict=True):
            if dtype != column.dtype:
                raise ContractError(f"{self.name}.{name}: is {dtype}, the contract says {column.dtype}.")
            if not column.nullable and frame[name].has_nulls():
                raise ContractError(f"{self.name}.{name}: holds {frame[name].null_count()} nulls; none are allowed.")
        if frame.select(pl.struct(self.key).is_duplicated().any()).item():
            raise ContractError(f"{self.name}: two rows share one key {self.key}.")
        return frame.sort(self.key)
