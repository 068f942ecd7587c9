"""Packages as files: JSON for programs, CSV for a spreadsheet, Parquet for analysts. Equal inputs give equal bytes.

Bytes only; storing them is the asset's affair, handing them out the studio's.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import polars as pl

from tgstudio_dagster.core.csv import cell
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES

_EDITOR_COLUMNS = ("topic_id", "language", "headline", "dek", "source_links", "model", "prompt_version", "run_id")
Made = tuple[str, pl.DataFrame, pl.DataFrame]
"""An order, its CONTENT_PACKAGES and its EDITOR_RESULTS."""
CSV_COLUMNS = ("order", *CONTENT_PACKAGES.columns, *_EDITOR_COLUMNS)


def package_files(
    order: str, packages: pl.DataFrame, editor_results: pl.DataFrame, *, bom: bool = False
) -> dict[str, bytes]:
    """{"json": …, "csv": …} of an order's CONTENT_PACKAGES and EDITOR_RESULTS, UTF-8, sorted by platform.

    JSON: an object with order, editor_results and packages, keys sorted, times ISO 8601. CSV: one line per package
    with the editor result beside it, lists joined by a space (checks and claims as JSON), a cell that a spreadsheet
    might run as a formula behind an apostrophe. bom: put a byte order mark before the CSV, for Excel.
    """
    one = (order, packages, editor_results)
    return {"json": _json(_whole(one)), "csv": _csv([one], bom=bom)}


def orders_file(orders: Sequence[Made], format: Literal["json", "csv", "parquet"], *, bom: bool = False) -> bytes:
    """The packages of several orders as one file: JSON `{"orders": [...]}` of objects as `package_files` gives them, CSV
    with a line per package, or Parquet with the same columns and their own types."""
    if format == "json":
        return _json({"orders": [_whole(one) for one in orders]})
    if format == "csv":
        return _csv(orders, bom=bom)
    out = io.BytesIO()
    frames = [
        packages.sort("platform")
        .select(pl.lit(order).alias("order"), pl.all())
        .join(editor_results.select(_EDITOR_COLUMNS).head(1), how="cross")
        for order, packages, editor_results in orders
    ]
    pl.concat(frames).select(CSV_COLUMNS).write_parquet(out, compression="zstd")
    return out.getvalue()


def _whole(made: Made) -> dict[str, Any]:
    order, packages, editor_results = made
    rows = packages.sort("platform").to_dicts()
    return {"order": order, "editor_results": editor_results.sort("topic_id").to_dicts(), "packages": rows}


def _json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, default=_plain)
    return f"{text}\n".encode("utf-8", "replace")


def _csv(orders: Sequence[Made], *, bom: bool) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for order, packages, editor_results in orders:
        result: Mapping[str, Any] = next(editor_results.sort("topic_id").iter_rows(named=True), {})
        beside = {name: result.get(name) for name in _EDITOR_COLUMNS}
        for package in packages.sort("platform").iter_rows(named=True):
            row = {"order": order, **package, **beside}
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
