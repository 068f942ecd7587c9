"""Runs one file of `sql/` on frames with DuckDB. What users ask in their own words goes through `sandbox.py`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake import engine

SQL = Path(__file__).resolve().parents[2] / "sql"


def ask(question: str, frames: Mapping[str, pl.DataFrame], parameters: Mapping[str, Any]) -> pl.DataFrame:
    """Run `sql/<question>.sql` over the frames as views. Raises QueryError with what DuckDB says."""
    with engine.cursor() as connection:
        for name, frame in frames.items():
            engine.give_frame(connection, name, frame)
        try:
            return engine.fetch(connection, _text(question), parameters)
        except duckdb.Error as error:
            raise QueryError(f"sql/{question}.sql: {str(error).splitlines()[0]}") from error


@cache
def _text(question: str) -> str:
    return (SQL / f"{question}.sql").read_text(encoding="utf-8")
