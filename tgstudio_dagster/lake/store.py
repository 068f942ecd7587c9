"""The lake: tables and files of one tenant at a time, read and replaced by partition.

Reading names its objects, never globs the root; writing checks the table's contract first. No Dagster, no SQL.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import BinaryIO, Literal, cast

import polars as pl

from tgstudio_dagster.core.errors import LakeError, NotFoundError
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.lake import layout
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.derived import DerivedFrames
from tgstudio_dagster.lake.fetched import FetchedFiles
from tgstudio_dagster.lake.frame_cache import FrameCache
from tgstudio_dagster.lake.objects import LocalObjects, Objects, S3Objects, S3Options
from tgstudio_dagster.lake.tables.posts import LANDING
from tgstudio_dagster.lake.uploads import UploadFiles
from tgstudio_dagster.lake.vector_cache import VectorCache

__all__ = ["Lake", "Landing", "S3Options", "StoredFile", "TenantLake", "Written"]

CHUNK = 2**20
CODE_VERSION = "tgstudio.code_version"
"""Key of an object's metadata: the version of the code that made it."""
FIRST_CODE_VERSION = "1"
"""That of objects which name none: they were written before versions were kept, by the first."""
MEND = "Materialize it again."
WRITERS = 4
"""Landings written at once: flushing one to the disk, or its way to S3, takes longer than making it."""
ROW_GROUP = 4_096
"""Rows are sorted by key: of a small group's rows many are passed over at once when one channel is asked for."""


@dataclass(frozen=True)
class Written:
    """What a write left: where, how many rows and bytes, and the hash of the bytes (the data version)."""

    uri: str
    rows: int
    bytes: int
    data_version: str


@dataclass(frozen=True)
class Landing:
    """One batch of posts of one day that waits to be merged; the name is the hash of its content."""

    day: date
    name: str


@dataclass(frozen=True)
class StoredFile:
    """A file of the tenant, by content: `uri` is <sha256>.<extension>."""

    sha256: str
    uri: str
    size: int


class Lake:
    """The root of the lake; data is reached only through `tenant`. Nothing is touched before the first use."""

    def __init__(self, root: str, *, s3: S3Options | None = None, cache: FrameCache | None = None) -> None:
        self.root = root
        self.cache = cache
        self.objects: Objects = S3Objects(root, s3 or S3Options()) if root.startswith("s3://") else LocalObjects(root)

    @classmethod
    def open(cls, settings: Settings, *, cache: FrameCache | None = None) -> Lake:
        """The lake of the settings; with a `cache` an object that is read again is not decoded again."""
        secret = settings.s3_secret_access_key
        return cls(
            settings.lake_root,
            s3=S3Options(
                settings.s3_endpoint_url,
                settings.s3_access_key_id,
                secret.get_secret_value() if secret else None,
            ),
            cache=cache,
        )

    @property
    def vectors(self) -> VectorCache:
        """Vectors of texts, shared by all tenants: they name neither text nor tenant."""
        return VectorCache(self.objects)

    def waiting_tenants(self) -> set[str]:
        """Tenants that have landings, or news of files, which are in no table yet: two listings, however many tenants."""
        paths = [*self.objects.list(layout.LANDINGS), *self.objects.list(layout.FETCHED)]
        return {layout.tenant_of(path) for path in paths}

    def objects_of(self, tenant: str) -> list[str]:
        """The paths of everything the lake holds of a tenant: tables, landings, files, uploads, bundles."""
        mark = f"/tenant={layout.check_tenant(tenant)}/"
        return [path for path in self.objects.list("") if mark in f"/{path}"]

    def erase(self, tenant: str) -> int:
        """Delete everything of a tenant; returns how many objects that were."""
        paths = self.objects_of(tenant)
        for path in paths:
            self.objects.delete(path)
        return len(paths)

    def tenant(self, tenant: str) -> TenantLake:
        """The tenant's part; raises LakeError for what is no slug."""
        return TenantLake(self.objects, layout.check_tenant(tenant), self.cache)


class TenantLake:
    """Everything of one tenant in the lake. Every method raises LakeError where the store fails.

    `writes` counts the partitions that this process has replaced, of any tenant: what was kept of them is old then.
    """

    writes = 0

    def __init__(self, objects: Objects, tenant: str, cache: FrameCache | None = None) -> None:
        self._objects = objects
        self._cache = cache
        self.tenant = tenant
        self.root = objects.url("")
        self.local = isinstance(objects, LocalObjects)
        self.s3_options = objects.options if isinstance(objects, S3Objects) else None
        self.kept = DerivedFrames(objects, tenant)
        self.fetched = FetchedFiles(objects, tenant)
        self.uploads = UploadFiles(objects, tenant)

    def read(
        self,
        table: Table,
        *,
        days: Iterable[date] | None = None,
        order: str | None = None,
        columns: Sequence[str] | None = None,
        where: Sequence[pl.Expr] = (),
        with_partition: bool = False,
    ) -> pl.DataFrame:
        """The rows of the named partitions (of all, if none is named), oldest first.

        A partition that does not exist has no row. Of rows that fail a condition of `where` little is decoded.
        `with_partition` adds the columns `tenant`, and `day` or `order_id`.
        A column that may be null, and that an older object lacks, is null there.
        Raises LakeError where an object is damaged or of another contract.
        """
        wanted = list(table.columns if columns is None else columns)
        paths = self._paths(table, days, order)
        read = (
            self._frames(table, paths, wanted, where)
            if self._cache is None
            else self._kept(table, paths, wanted, where)
        )
        frames = [
            frame.with_columns(partition_columns(table, self.tenant, path)) if with_partition else frame
            for path, frame in read
        ]
        if frames:
            return pl.concat(frames)
        empty = table.empty().select(wanted)
        return empty.with_columns(partition_columns(table, self.tenant)) if with_partition else empty

    def count(self, table: Table, *, days: Iterable[date]) -> int:
        """Rows of the named days, told by their objects' footers: no column is read."""
        total = 0
        for path, file in self._objects.fetch(self._paths(table, days, None)):
            with self._explained(path):
                total += int(pl.scan_parquet(file).select(pl.len()).collect().item())
        return total

    def write(
        self,
        table: Table,
        frame: pl.DataFrame,
        *,
        day: date | None = None,
        order: str | None = None,
        code_version: str | None = None,
    ) -> Written:
        """Replace one partition; raises ContractError before and LakeError during the write, the old object stands.

        `code_version`: of the code that made it, kept in the object.
        """
        path = layout.partition_path(table, self.tenant, day=day, order=order)
        frame = table.conform(frame)
        content = _parquet(frame, metadata=None if code_version is None else {CODE_VERSION: code_version})
        self._objects.put(partial(_fill, content=content, path=path))
        TenantLake.writes += 1
        return Written(self._objects.url(path), frame.height, len(content), hashlib.sha256(content).hexdigest())

    def paths(self, table: Table, *, days: Iterable[date] | None = None, order: str | None = None) -> list[str]:
        """Places of the named partitions that exist (of all, if none is named), oldest first."""
        return [self._objects.url(path) for path in self._paths(table, days, order)]

    def days(self, table: Table) -> list[date]:
        """Days that have an object, oldest first."""
        return [date.fromisoformat(layout.partition_value(path)) for path in self._listed(table)]

    def orders(self, table: Table) -> list[str]:
        """Orders that have an object, by name: oldest first."""
        return [layout.partition_value(path) for path in self._listed(table)]

    def modified(self, table: Table) -> dict[date, float]:
        """When each day's object was last replaced, in seconds since 1970 by the store's clock."""
        return {date.fromisoformat(layout.partition_value(path)): at for path, at in self._listed(table).items()}

    def versions(self, table: Table) -> dict[date, str]:
        """Each day's object, by what changes whenever it is replaced."""
        found = self._objects.versions(layout.table_folder(table, self.tenant))
        return {
            date.fromisoformat(layout.partition_value(path)): version
            for path, version in found.items()
            if path.endswith(f"/{layout.PART}")
        }

    def code_versions(self, table: Table) -> dict[date, str]:
        """By which version of the code each day's object was made, told by its footer."""
        paths = self._paths(table, None, None)
        found = {}
        for path, file in self._objects.fetch(paths):
            with self._explained(path):
                version = pl.read_parquet_metadata(file).get(CODE_VERSION, FIRST_CODE_VERSION)
            found[date.fromisoformat(layout.partition_value(path))] = version
        return found

    def land(self, frame: pl.DataFrame) -> list[Landing]:
        """Store posts that arrived, one file per day of `date`, oldest first; the same content twice is one file."""
        days = LANDING.conform(frame).with_columns(day=pl.col("date").dt.date()).sort("day", maintain_order=True)
        parts = days.partition_by("day", as_dict=True, maintain_order=True, include_key=False)
        with ThreadPoolExecutor(WRITERS) as writers:
            return list(writers.map(self._land, (cast(date, day) for (day,) in parts), parts.values()))

    def _land(self, day: date, part: pl.DataFrame) -> Landing:
        content = _parquet(part, "lz4")  # read once and gone: quick to write counts, not small
        landing = Landing(day, hashlib.sha256(content).hexdigest()[:32])
        self._objects.put(partial(_fill, content=content, path=self._landing_path(landing)), replace=False)
        return landing

    def landing_days(self) -> list[date]:
        """Days that have landings waiting, oldest first."""
        waiting = self._objects.list(layout.landing_folder(self.tenant))
        return sorted({date.fromisoformat(layout.partition_value(path)) for path in waiting})

    def landings(self, day: date) -> list[Landing]:
        """What waits for a day, by name."""
        waiting = self._objects.list(layout.landing_folder(self.tenant, day))
        return [Landing(day, layout.stem(path)) for path in waiting]

    def read_landings(self, landings: Sequence[Landing]) -> pl.DataFrame:
        """The rows of the landings, one after another."""
        frames = self._frames(LANDING, [self._landing_path(landing) for landing in landings], list(LANDING.columns))
        return pl.concat([LANDING.empty(), *(frame for _, frame in frames)])

    def drop_landings(self, landings: Sequence[Landing]) -> None:
        """Remove landings that have been merged."""
        for landing in landings:
            self._objects.delete(self._landing_path(landing))

    def put_file(self, source: BinaryIO | bytes, extension: str) -> StoredFile:
        """Store a file by its content, streamed in chunks of 1 MiB; the same bytes are stored once."""
        layout.file_path(self.tenant, f"{'0' * 64}.{extension}")
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        digest, size = hashlib.sha256(), 0

        def fill(file: BinaryIO) -> str:
            nonlocal size
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            return layout.file_path(self.tenant, f"{digest.hexdigest()}.{extension}")

        self._objects.put(fill, replace=False)
        return StoredFile(digest.hexdigest(), f"{digest.hexdigest()}.{extension}", size)

    def open_file(self, uri: str) -> BinaryIO:
        """A stored file for reading; raises NotFoundError where the tenant has none such."""
        if not self.has_file(uri):
            raise NotFoundError(f"file {uri}: tenant {self.tenant} has none such; import or materialize it again.")
        return self._objects.open(layout.file_path(self.tenant, uri))

    def has_file(self, uri: str) -> bool:
        """Whether the file is stored."""
        return self.file_size(uri) is not None

    def file_size(self, uri: str) -> int | None:
        """Bytes of a stored file; None where the tenant has none such."""
        return self._objects.size(layout.file_path(self.tenant, uri))

    def _paths(self, table: Table, days: Iterable[date] | None, order: str | None) -> list[str]:
        if days is None and order is None:
            return list(self._listed(table))
        if order is not None:
            named = [layout.partition_path(table, self.tenant, day=None, order=order)]
        else:
            named = [layout.partition_path(table, self.tenant, day=day, order=None) for day in sorted(set(days or ()))]
        if not self.local and len(named) > 2:
            # One listing costs as much as one question after an object.
            listed = self._listed(table)
            return [path for path in named if path in listed]
        return [path for path in named if self._objects.size(path) is not None]

    def _listed(self, table: Table) -> dict[str, float]:
        found = self._objects.list(layout.table_folder(table, self.tenant))
        return {path: at for path, at in found.items() if path.endswith(f"/{layout.PART}")}

    def _landing_path(self, landing: Landing) -> str:
        return layout.landing_path(self.tenant, landing.day, landing.name)

    def _frames(
        self, table: Table, paths: list[str], columns: list[str], where: Sequence[pl.Expr] = ()
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        schema = {name: table.columns[name].dtype for name in columns}
        for path, file in self._objects.fetch(paths):
            with self._explained(path):
                # An opened file, not its path: what is read stays one object while it is replaced.
                frame = _with_new_columns(pl.scan_parquet(file), table).filter(*where).select(columns).collect()
            if dict(frame.schema) != schema:
                place = self._objects.url(path)
                raise LakeError(f"{place}: has other columns or types than {table.name} now has. {MEND}")
            yield path, frame

    def _kept(
        self, table: Table, paths: list[str], columns: list[str], where: Sequence[pl.Expr]
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        """As `_frames`, by way of the run's cache: whole objects are read, those that are not kept in their newest version."""
        assert self._cache is not None
        versions = {path: self._objects.version(path) or "" for path in paths}
        kept = {path: self._cache.get(path, version) for path, version in versions.items()}
        missing = [path for path, frame in kept.items() if frame is None]
        read = dict(self._frames(table, missing, list(table.columns)))
        for path, frame in read.items():
            self._cache.put(path, versions[path], frame)
        for path in paths:
            whole = kept[path]
            yield path, (read[path] if whole is None else whole).filter(*where).select(columns)

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        """Say which object cannot be read, and what to do."""
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            place = self._objects.url(path)
            raise LakeError(f"{place}: cannot be read ({str(error).splitlines()[0]}). {MEND}") from error


def partition_columns(table: Table, tenant: str, path: str | None = None) -> list[pl.Expr]:
    """What an object's path says, as columns: `tenant`, and `day` or `order_id`."""
    value = pl.lit(layout.partition_value(path) if path else None, pl.String)
    key = value.str.to_date("%Y-%m-%d").alias("day") if table.partition == "tenant_day" else value.alias("order_id")
    return [pl.lit(tenant).alias("tenant"), key]


def _with_new_columns(stored: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """What was stored, with null in columns that its table has got since: those that may be null."""
    there = stored.collect_schema()
    new = [
        pl.lit(None, column.dtype).alias(name)
        for name, column in table.columns.items()
        if column.nullable and name not in there
    ]
    return stored.with_columns(new) if new else stored


def _parquet(
    frame: pl.DataFrame, compression: Literal["zstd", "lz4"] = "zstd", metadata: dict[str, str] | None = None
) -> bytes:
    """The frame as Parquet; equal frames and metadata give equal bytes."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer, compression=compression, statistics=True, row_group_size=ROW_GROUP, metadata=metadata
    )
    return buffer.getvalue()


def _fill(file: BinaryIO, content: bytes, path: str) -> str:
    file.write(content)
    return path
