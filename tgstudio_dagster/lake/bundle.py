"""The analyst's bundle: a tenant's tables of a range of days as Parquet and CSV, with a manifest, in a zip or a folder.

How a table becomes a file for people outside the lake is decided here. The tables are declared in `tables/`;
packages as their publishers want them are made by `newsroom/export.py`.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, cast

import polars as pl
from pydantic import BaseModel

from tgstudio_dagster.core.csv import BOM, cells
from tgstudio_dagster.core.errors import ConflictError, FieldError, LakeError
from tgstudio_dagster.lake.contract import Column, Table
from tgstudio_dagster.lake.objects import MENDS
from tgstudio_dagster.lake.store import TenantLake, partition_columns
from tgstudio_dagster.lake.tables import TABLES

BUNDLE_TABLES = ("messages", "message_stats", "topics", "topic_messages", "rankings", "content_packages")
MANIFEST = "manifest.json"
CHUNK = 2**20

NOTES = (
    "Times are UTC. In CSV they read 2026-03-15T12:00:00.000000Z, an empty cell is null, and lists and structs are "
    "JSON text.",
    "In CSV a text that begins with = + - @ (full-width ones too), a tab or a line break has an apostrophe before it, so that no "
    "spreadsheet runs it as a formula. Parquet holds every text as it is.",
    "Tables by day hold the window's days that were materialized; tables by order hold all of the tenant's orders.",
)
_PARTITION = {
    "tenant": Column(pl.String, "The tenant."),
    "day": Column(pl.Date, "The day (UTC) of the partition."),
    "order_id": Column(pl.String, "The order."),
}


class Field(BaseModel):
    """A column as the manifest tells it; `type` is the Polars type."""

    name: str
    type: str
    nullable: bool
    description: str


class TableSchema(BaseModel):
    """A table of the bundle. `key` is unique within its partition (the last two columns)."""

    name: str
    description: str
    key: list[str]
    columns: list[Field]


class BundleFile(BaseModel):
    """One file of the bundle: what it holds, and its size and SHA-256 (hex) as they are on disk."""

    name: str
    table: str
    format: Literal["parquet", "csv"]
    rows: int
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a bundle holds. Nothing in it comes from the clock: the same lake and code give the same manifest."""

    tenant: str
    first: date
    last: date
    code_version: str
    bom: bool
    notes: list[str]
    files: list[BundleFile]
    tables: list[TableSchema]


def write_bundle(
    lake: TenantLake,
    target: Path,
    *,
    days: Sequence[date],
    formats: tuple[str, ...],
    bom: bool,
    as_zip: bool,
    code_version: str,
    tables: Sequence[str] = BUNDLE_TABLES,
) -> Manifest:
    """Write the tenant's tables of the days to `target`, a zip or a folder; it appears whole, or the old one stands.

    One file per table and format, with the columns of the contract, then `tenant` and `day` or `order_id`; `bom` begins
    CSV files with a byte-order mark (for spreadsheets). Partitions are read one at a time. Raises SettingsError for
    days, formats or tables that make no bundle, ConflictError where the target is something else than an earlier
    bundle, LakeError where the lake can't be read or the target can't be written.
    """
    _check(days, formats, tables)
    _check_target(target, as_zip)
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.tmp-", dir=target.parent))
        try:
            folder = scratch / "bundle"
            folder.mkdir()
            files = [
                file
                for name in sorted(set(tables))
                for file in _write_table(lake, TABLES[name], sorted(set(days)), folder, sorted(set(formats)), bom)
            ]
            manifest = Manifest(
                tenant=lake.tenant,
                first=min(days),
                last=max(days),
                code_version=code_version,
                bom=bom,
                notes=list(NOTES),
                files=files,
                tables=[_schema(TABLES[name]) for name in sorted(set(tables))],
            )
            with _synced(folder / MANIFEST) as file:
                file.write(manifest.model_dump_json(indent=2).encode() + b"\n")
            if as_zip:
                _zip(folder, scratch / "bundle.zip")
                (scratch / "bundle.zip").replace(target)
            else:
                _put_folder(folder, target, scratch / "old")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def _check(days: Sequence[date], formats: Sequence[str], tables: Sequence[str]) -> None:
    if not days:
        raise FieldError("days", "name at least one.")
    unknown = sorted(set(formats) - set(WRITERS))
    if unknown or not formats:
        raise FieldError("formats", f"{', '.join(unknown) or 'none'} can't be written; name {' or '.join(WRITERS)}.")
    missing = sorted(set(tables) - set(TABLES))
    if missing or not tables:
        raise FieldError("tables", f"{', '.join(missing) or 'none'} is no table; name some of {', '.join(TABLES)}.")


def _check_target(target: Path, as_zip: bool) -> None:
    if as_zip and target.is_dir():
        raise ConflictError(f"{target}: is a folder; name a file for the zip.")
    if not as_zip and target.exists() and not (target / MANIFEST).is_file():
        if target.is_dir() and not any(target.iterdir()):
            return
        raise ConflictError(f"{target}: exists and is no bundle; name a new folder.")


def _partitions(lake: TenantLake, table: Table, days: Sequence[date]) -> Iterator[pl.DataFrame]:
    """The frames of the range, one partition each, with its columns; first one without rows, so there is always one."""
    yield table.empty().with_columns(partition_columns(table, lake.tenant))
    if table.partition == "tenant_day":
        for day in sorted(set(lake.days(table)) & set(days)):
            yield lake.read(table, days=[day], with_partition=True)
    else:
        for order in lake.orders(table):
            yield lake.read(table, order=order, with_partition=True)


def _write_table(
    lake: TenantLake, table: Table, days: Sequence[date], folder: Path, formats: Sequence[str], bom: bool
) -> Iterator[BundleFile]:
    rows = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(closing(WRITERS[name](folder / f"{table.name}.{name}", bom=bom))) for name in formats
        ]
        for frame in _partitions(lake, table, days):
            rows += frame.height
            for writer in writers:
                writer.write(frame)
    for name in formats:
        path = folder / f"{table.name}.{name}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield BundleFile(
            name=path.name,
            table=table.name,
            format=cast(Literal["parquet", "csv"], name),
            rows=rows,
            bytes=path.stat().st_size,
            sha256=digest,
        )


class _Writer(Protocol):
    """One file of a table, written frame by frame."""

    def __init__(self, path: Path, *, bom: bool) -> None: ...
    def write(self, frame: pl.DataFrame) -> None: ...
    def close(self) -> None: ...


class _Csv:
    """CSV in UTF-8 with \\n between rows; the first frame brings the header."""

    def __init__(self, path: Path, *, bom: bool) -> None:
        self._file = path.open("wb")
        self._file.write(BOM if bom else b"")
        self._header = True

    def write(self, frame: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        cells(frame).write_csv(buffer, include_header=self._header, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
        self._file.write(buffer.getvalue())
        self._header = False

    def close(self) -> None:
        _close(self._file)


class _Parquet:
    """Parquet with one or more row groups per frame."""

    def __init__(self, path: Path, *, bom: bool) -> None:  # noqa: ARG002 one shape for all writers
        self._file = path.open("wb")
        self._writer: Any = None

    def write(self, frame: pl.DataFrame) -> None:
        # Imported here: it takes longer than everything else of this module, and only a bundle needs it.
        from pyarrow import parquet as pq

        arrow = frame.to_arrow()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, arrow.schema, compression="zstd")
        if frame.height:
            self._writer.write_table(arrow)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        _close(self._file)


WRITERS: dict[str, type[_Writer]] = {"parquet": _Parquet, "csv": _Csv}


def _schema(table: Table) -> TableSchema:
    partition = "day" if table.partition == "tenant_day" else "order_id"
    columns = {**table.columns, "tenant": _PARTITION["tenant"], partition: _PARTITION[partition]}
    fields = [
        Field(name=name, type=str(column.dtype), nullable=column.nullable, description=column.description)
        for name, column in columns.items()
    ]
    return TableSchema(name=table.name, description=table.description, key=list(table.key), columns=fields)


def _zip(folder: Path, target: Path) -> None:
    """The folder's files as a zip whose bytes follow from theirs: sorted, without times or owners."""
    with _synced(target) as file, zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(path.name)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_STORED if path.suffix == ".parquet" else zipfile.ZIP_DEFLATED
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as sink:
                shutil.copyfileobj(source, sink, CHUNK)


def _put_folder(folder: Path, target: Path, old: Path) -> None:
    """Put the folder in the target's place; where that fails the old one comes back."""
    if not target.exists():
        folder.rename(target)
        return
    target.rename(old)
    try:
        folder.rename(target)
    except OSError:
        old.rename(target)
        raise


@contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    file = path.open("wb")
    try:
        yield file
    finally:
        _close(file)


def _close(file: BinaryIO) -> None:
    with closing(file):
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = MENDS.get(error.errno or 0, "Check the disk and run it again.")
        raise LakeError(
            f"cannot write {target}: {error.strerror or error}. What stood there before stands. {mend}"
        ) from error
