"""An order's packages as files: JSON for programs, CSV for a spreadsheet. Equal inputs give equal bytes.

Bytes only; storing them is the asset's affair.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from tgstudio_dagster.lake.tables import CONTENT_PACKAGES

# A cell that begins so may run as a formula: owasp.org/www-community/attacks/CSV_Injection (with the full-width forms).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_EDITOR_COLUMNS = ("topic_id", "language", "headline", "dek", "source_links", "model", "prompt_version", "run_id")
CSV_COLUMNS = ("order", *CONTENT_PACKAGES.columns, *_EDITOR_COLUMNS)


def package_files(
    order: str, packages: pl.DataFrame, editor_results: pl.DataFrame, *, bom: bool = False
) -> dict[str, bytes]:
    """{"json": …, "csv": …} of an order's CONTENT_PACKAGES and EDITOR_RESULTS, UTF-8, sorted by platform.

    JSON: an object with order, editor_results and packages, keys sorted, times ISO 8601. CSV: one line per package
    with the editor result beside it, lists joined by a space (checks and claims as JSON), a cell that a spreadsheet
    might run as a formula behind an apostrophe. bom: put a byte order mark before the CSV, for Excel.
    """
    rows = packages.sort("platform").to_dicts()
    results = editor_results.sort("topic_id").to_dicts()
    whole = {"order": order, "editor_results": results, "packages": rows}
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, indent=2, default=_plain)
    return {
        "json": f"{text}\n".encode("utf-8", "replace"),
        "csv": _csv(order, rows, results[0] if results else {}).encode("utf-8-sig" if bom else "utf-8", "replace"),
    }


def _csv(order: str, packages: list[dict[str, Any]], result: Mapping[str, Any]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    beside = {name: result.get(name) for name in _EDITOR_COLUMNS}
    for package in packages:
        row = {"order": order, **package, **beside}
        writer.writerow([_cell(row[name]) for name in CSV_COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _plain(value)
    if isinstance(value, list):
        flat = all(isinstance(item, str) for item in value)
        value = " ".join(value) if flat else json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(value).__name__} has no JSON form here")
