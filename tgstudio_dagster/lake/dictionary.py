"""The data dictionary, made from the table contracts.

python -m tgstudio_dagster.lake.dictionary docs/data-dictionary.md
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
from polars.datatypes import DataTypeClass

from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables import TABLES

HEAD = """# Data dictionary

Made from `tgstudio_dagster/lake/tables/`; a test compares. One Parquet object per table and partition:
`{lake}/<table>/tenant=<tenant>/date=<day>/part-0.parquet`, or `…/order=<order>/part-0.parquet`. Partition columns come
from the path; in SQL they are `tenant`, and `day` or `order_id`. Times are UTC.
"""


def markdown() -> str:
    """The whole document: a section per table with its grain, key and columns."""
    return "\n".join([HEAD, *(_section(table) for table in TABLES.values())])


def _section(table: Table) -> str:
    rows = [
        f"| `{name}` | {_type(column.dtype)} | {'yes' if column.nullable else ''} | {column.description} |"
        for name, column in table.columns.items()
    ]
    by = "tenant × day" if table.partition == "tenant_day" else "order"
    lines = [
        f"## {table.name}",
        "",
        f"{table.description} Partition: {by}. Key: {', '.join(f'`{name}`' for name in table.key)}.",
        "",
        "| column | type | null | meaning |",
        "|---|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)


def _type(dtype: pl.DataType | type[pl.DataType] | DataTypeClass) -> str:
    if isinstance(dtype, pl.List):
        return f"list of {_type(dtype.inner)}"
    if isinstance(dtype, pl.Struct):
        return "struct (" + ", ".join(f"{field.name} {_type(field.dtype)}" for field in dtype.fields) + ")"
    if isinstance(dtype, pl.Datetime):
        return "timestamp (UTC)"
    return str(dtype).lower()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
