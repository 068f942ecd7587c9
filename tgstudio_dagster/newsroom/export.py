"""Packages as files: JSON for programs, CSV for a spreadsheet, Parquet for analysts. Equal inputs give equal bytes.

Bytes only; they are stored in `assets/` and handed out in `services/`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

import polars as pl

from tgstudio_dagster.core.csv import cell
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.package import Package

_EDITOR_COLUMNS = ("topic_id", "language", "headline", "dek", "source_links", "model", "prompt_version", "run_id")
CSV_COLUMNS = ("order", *CONTENT_PACKAGES.columns, *_EDITOR_COLUMNS)


@dataclass(frozen=True)
class FinishedOrder:
    """An order with its text and its packages, these sorted by platform."""

    order: str
    result: EditorResult
    packages: tuple[Package, ...]

    @classmethod
    def of(cls, order: str, result: EditorResult, packages: Iterable[Package]) -> Self:
        """The packages in any order."""
        return cls(order, result, tuple(sorted(packages, key=lambda package: package.platform)))


def package_files(finished: FinishedOrder, *, bom: bool = False) -> dict[str, bytes]:
    """{"json": …, "csv": …} of an order's packages and its text, UTF-8, sorted by platform.

    JSON: an object with order, editor_results and packages, keys sorted, times ISO 8601. CSV: one line per package
    with the editor result beside it, lists joined by a space (checks and claims as JSON), a cell that a spreadsheet
    might run as a formula behind an apostrophe. bom: put a byte order mark before the CSV, for Excel.
    """
    return {"json": _json(_whole(finished)), "csv": _csv([finished], bom=bom)}


def orders_file(
    orders: Sequence[FinishedOrder], format: Literal["json", "csv", "parquet"], *, bom: bool = False
) -> bytes:
    """The packages of several orders as one file: JSON `{"orders": [...]}` of objects as `package_files` gives them, CSV
    with a line per package, or Parquet with the same columns and their own types."""
    if format == "json":
        return _json({"orders": [_whole(finished) for finished in orders]})
    if format == "csv":
        return _csv(orders, bom=bom)
    out = io.BytesIO()
    frames = [
        Package.frame(finished.packages)
        .select(pl.lit(finished.order).alias("order"), pl.all())
        .join(EditorResult.frame([finished.result]).select(_EDITOR_COLUMNS), how="cross")
        for finished in orders
    ]
    pl.concat(frames).select(CSV_COLUMNS).write_parquet(out, compression="zstd")
    return out.getvalue()


def _whole(finished: FinishedOrder) -> dict[str, Any]:
    """The JSON form of an order."""
    packages = [package.to_row() for package in finished.packages]
    return {"order": finished.order, "editor_results": [finished.result.to_row()], "packages": packages}


def _json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, default=_plain)
    return f"{text}\n".encode("utf-8", "replace")


def _csv(orders: Sequence[FinishedOrder], *, bom: bool) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for finished in orders:
        result = finished.result.to_row()
        beside = {name: result[name] for name in _EDITOR_COLUMNS}
        for package in finished.packages:
            row = {"order": finished.order, **package.to_row(), **beside}
            writer.writerow([_cell(row[name]) for name in CSV_COLUMNS])
    return out.getvalue().encode("utf-8-sig" if bom else "utf-8", "replace")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _plain(value)
    if isinstance(value, list):
        flat = all(isinstance(item, str) for item in value)
        value = " ".join(value) if flat else json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)
    return cell(str(value))


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(value).__name__} has no JSON form here")
