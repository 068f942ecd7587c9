"""Files of packages: JSON, CSV, Parquet or a zip of several orders, and copies in a folder."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from tgstudio_dagster.catalog.work.edits import latest_edits
from tgstudio_dagster.core.errors import LakeError, NewsroomError, NotFoundError
from tgstudio_dagster.core.text import visible
from tgstudio_dagster.core.vocabulary import EXPORT_FORMATS, ExportFormat
from tgstudio_dagster.newsroom.export import FinishedOrder, orders_file, package_files
from tgstudio_dagster.services.package_records import read_packages
from tgstudio_dagster.services.scope import Scope

MAX_ORDERS = 100
"""Orders of one file: it is made in memory, and each may carry seven images."""
_MIME: dict[ExportFormat, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}


@dataclass(frozen=True)
class Export:
    """A file to download."""

    name: str
    mime: str
    content: bytes


def export_orders(
    scope: Scope, order_ids: Sequence[str], format: ExportFormat, *, platforms: Sequence[str] = ()
) -> Export:
    """The packages of the orders as one file, with the latest edits laid over; `zip` holds texts, images, JSON and CSV.

    `platforms` are those wanted, empty: all. CSV begins with a byte-order mark, for spreadsheets. Raises NotFoundError
    for an unknown order or one without packages, NewsroomError for an unknown format, or for none or too many orders.
    """
    if format not in EXPORT_FORMATS:
        raise NewsroomError(f"{format!r} is unknown; choose from {', '.join(EXPORT_FORMATS)}.", field="format")
    wanted = list(dict.fromkeys(order_ids))
    if not 1 <= len(wanted) <= MAX_ORDERS:
        raise NewsroomError(f"{len(wanted)} are named; choose 1 to {MAX_ORDERS}.", field="orders")
    made = [_made(scope, order, platforms) for order in wanted]
    content = _zip(scope, made) if format == "zip" else orders_file(made, format, bom=True)
    name = "-".join([wanted[0], *platforms]) if len(wanted) == 1 else f"{scope.tenant.slug}-packages"
    return Export(f"{name}.{format}", _MIME[format], content)


def save_packages(scope: Scope, packages: pl.DataFrame, folder: Path) -> list[Path]:
    """Copy packages out of the lake: per package its text, its image, and the order's JSON and CSV, edits laid over.

    Returns the files written, below `<folder>/<order>/`. Raises LakeError where a file can't be written.
    """
    written = []
    for package in packages.to_dicts():
        target = folder / package["order_id"]
        written.append(_copy(io.BytesIO(package["text"].encode()), target / f"{package['platform']}.txt"))
        if package["image_uri"]:
            image = package["image_uri"]
            suffix = image.rsplit(".", 1)[-1]
            written.append(_copy(scope.lake.open_file(image), target / f"{package['platform']}.{suffix}"))
    for order in packages["order_id"].unique(maintain_order=True):
        for kind, content in package_files(_made(scope, order)).items():
            written.append(_copy(io.BytesIO(content), folder / order / f"packages.{kind}"))
    return written


def _made(scope: Scope, order_id: str, platforms: Sequence[str] = ()) -> FinishedOrder:
    whole = read_packages(scope, order_id)
    laid = whole.laid_over(latest_edits(scope.catalog, scope.principal, [order_id]))
    if platforms:
        laid = [package for package in laid if package.platform in platforms]
        if not laid:
            raise NotFoundError(f"order {order_id}: it has no package for {', '.join(platforms)}.")
    return FinishedOrder.of(order_id, whole.result, laid)


def _zip(scope: Scope, made: Sequence[FinishedOrder]) -> bytes:
    """A folder per order; the archive's bytes follow from its files: sorted, without times or owners."""
    files: dict[str, bytes] = {}
    for finished in made:
        for package in finished.packages:
            name = f"{finished.order}/{package.platform}"
            files[f"{name}.txt"] = visible(package.text).encode()
            if package.image_uri:
                with scope.lake.open_file(package.image_uri) as image:
                    files[f"{name}.{package.image_uri.rsplit('.', 1)[-1]}"] = image.read()
        for kind, content in package_files(finished, bom=True).items():
            files[f"{finished.order}/packages.{kind}"] = content
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def _copy(source: BinaryIO, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise LakeError(
            f"{target}: cannot be written: {error.strerror}. Make room or choose another folder."
        ) from error
    return target
