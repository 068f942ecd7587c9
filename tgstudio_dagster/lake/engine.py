"""DuckDB over one tenant's partitions: connections, relations over named objects, results as Polars frames.

The product's questions are in `questions.py`, users' SQL is in `sandbox.py`. A relation has the table's
columns, then `tenant` and the partition: `day`, or `order_id` (`date` is a column of the posts themselves).
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
import polars as pl

from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.layout import PART
from tgstudio_dagster.lake.store import TenantLake, partition_columns

MEMORY = "1GB"
THREADS = 2
MAX_DEPTH = 8
"""Levels of lists and structs that a result keeps."""
_NESTED = frozenset({"list", "array", "struct", "map", "union"})
_NO_ARROW = re.compile(r"INTERVAL|UNION|BIGNUM|BIT\b|ENUM|TIME WITH TIME ZONE|VARIANT|GEOMETRY")
_GLOB = re.compile(r"[*?\[\]{}]")


def connect() -> duckdb.DuckDBPyConnection:
    """A new connection without any table: in memory, never spilling to disk, times in UTC."""
    connection = duckdb.connect(":memory:", config={"threads": THREADS, "memory_limit": MEMORY, "temp_directory": ""})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


def cursor() -> duckdb.DuckDBPyConnection:
    """A connection for frames only: what it is given it alone sees. Opened in no time from one that the process keeps."""
    return _kept(os.getpid()).cursor()


@cache
def _kept(process: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001 a forked process must not use its parent's
    # Closed before Python takes its modules apart: DuckDB reports on stderr what lives longer.
    atexit.register(_kept.cache_clear)
    return connect()


def give_frame(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    """Let SQL see the frame under the name."""
    connection.register(name, _Stream(frame))


def give_table(connection: duckdb.DuckDBPyConnection, lake: TenantLake, table: Table) -> list[str]:
    """Let SQL see all of the tenant's partitions of a table; returns the files that SQL will read itself.

    Local objects are read by DuckDB, which leaves out partitions and columns that are not asked for. From S3 (it has no
    reader for it), and below folders whose names it would take for patterns, they are read here.
    """
    paths = lake.paths(table)
    if not paths or not lake.local or _GLOB.search(lake.root):
        give_frame(connection, table.name, lake.read(table, with_partition=True))
        return []
    columns = ", ".join(f'"{name}"' for name in table.columns)
    key, name, dtype = ("date", "day", "DATE") if table.partition == "tenant_day" else ("order", "order_id", "VARCHAR")
    view = (
        f"CREATE VIEW {table.name} AS SELECT {columns}, {quoted(lake.tenant)} AS tenant, "  # noqa: S608 our own names
        f"regexp_extract(filename, '/{key}=([^/]+)/{PART}$', 1)::{dtype} AS {name} "
        f"FROM read_parquet([{', '.join(map(quoted, paths))}], filename = true, hive_partitioning = false)"
    )
    connection.execute(view)
    return paths


def give_columns(connection: duckdb.DuckDBPyConnection, lake: TenantLake, table: Table) -> None:
    """Let SQL see the columns of a table, without rows: nothing is read."""
    give_frame(connection, table.name, table.empty().with_columns(partition_columns(table, lake.tenant)))


def fetch(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    limit: int | None = None,
) -> pl.DataFrame:
    """The result of a SELECT, at most `limit` rows of it. Raises duckdb.Error.

    Types that Polars has not (intervals, unions, bit strings), and lists and structs within each other deeper than
    MAX_DEPTH, whose readers would run out of stack, come as text, very large integers as 64 bits, and a
    column name that comes twice gets a number.
    """
    shape = connection.sql(sql, params=dict(parameters or {}))
    names = _unique(shape.columns)
    casts = ", ".join(_cast(f'"{name}"', dtype) for name, dtype in zip(names, shape.types, strict=True))
    aliases = ", ".join(f'"{name}"' for name in names)
    wrapped = f"SELECT {casts} FROM (\n{sql}\n) AS result({aliases})"  # noqa: S608 the caller's own statement
    if limit is not None:
        wrapped += f" LIMIT {limit}"
    return pl.DataFrame(_Stream(connection.sql(wrapped, params=dict(parameters or {}))))


def quoted(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


class _Stream:
    """A frame or a relation as an Arrow stream and nothing else.

    DuckDB would read what it knows to be Polars through pyarrow; Polars would keep a relation's type beyond DuckDB's
    end.
    """

    def __init__(self, source: pl.DataFrame | duckdb.DuckDBPyRelation) -> None:
        self._source = source

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._source.__arrow_c_stream__(requested_schema)


def _cast(column: str, dtype: Any) -> str:
    if _is_deep(dtype, MAX_DEPTH):
        return f"{column}::VARCHAR AS {column}"
    name = str(dtype)
    if name in {"HUGEINT", "UHUGEINT"}:
        return f"{column}::BIGINT AS {column}"
    return f"{column}::VARCHAR AS {column}" if _NO_ARROW.search(name) else column


def _is_deep(dtype: Any, levels: int) -> bool:
    """Whether the type has more levels of lists and structs than these."""
    if dtype.id not in _NESTED:
        return False
    return not levels or any(_is_deep(child, levels - 1) for _, child in dtype.children)


def _unique(names: Sequence[str]) -> list[str]:
    """The names, without quotation marks in them and each once without regard to case."""
    unique: list[str] = []
    for name in (name.replace('"', "'") for name in names):
        n, candidate = 1, name
        while candidate.lower() in {other.lower() for other in unique}:
            n, candidate = n + 1, f"{name}_{n + 1}"
        unique.append(candidate)
    return unique
