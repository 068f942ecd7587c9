"""The lake: tables and files of one tenant at a time, read and replaced by partition.

Reading names its objects, never globs the root; writing checks the table's contract first. No Dagster, no SQL.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

import polars as pl

from tgstudio_dagster.lake import layout
from tgstudio_dagster.lake.objects import LocalObjects, Objects, S3Objects, S3Options
from tgstudio_dagster.lake.tables import LANDING, Table
from tgstudio_dagster.settings import Settings

CHUNK = 2**20


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
    """The root of the lake; data is reached only through `tenant`."""

    def __init__(self, root: str, *, s3: S3Options | None = None) -> None:
        self.root = root
        self.objects: Objects = S3Objects(root, s3 or S3Options()) if root.startswith("s3://") else LocalObjects(root)

    @classmethod
    def open(cls, settings: Settings) -> Lake:
        """The lake of the settings."""
        secret = settings.s3_secret_access_key
        return cls(
            settings.lake_root,
            s3=S3Options(
                settings.s3_endpoint_url,
                settings.s3_access_key_id,
                secret.get_secret_value() if secret else None,
            ),
        )

    def tenant(self, tenant: str) -> TenantLake:
        """The tenant's part; raises LakeError for what is no slug."""
        return TenantLake(self.objects, layout.check_tenant(tenant))


class TenantLake:
    """Everything of one tenant in the lake."""

    def __init__(self, objects: Objects, tenant: str) -> None:
        self._objects = objects
        self.tenant = tenant

    def read(
        self,
        table: Table,
        *,
        days: Iterable[date] | None = None,
        order: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The rows of the named partitions, one after another; a partition that does not exist has no row."""
        wanted = list(columns or table.columns)
        frames = [self._read(path, wanted) for path in self._paths(table, days, order)]
        return pl.concat(frames or [table.empty().select(wanted)])

    def paths(self, table: Table, *, days: Iterable[date] | None = None, order: str | None = None) -> list[str]:
        """URLs of the named partitions that exist."""
        return [self._objects.url(path) for path in self._paths(table, days, order)]

    def write(
        self, table: Table, frame: pl.DataFrame, *, day: date | None = None, order: str | None = None
    ) -> Written:
        """Replace one partition; raises ContractError before and LakeError during the write, the old object stands."""
        path = layout.partition_path(table, self.tenant, day=day, order=order)
        frame = table.conform(frame)
        content = _parquet(frame)
        self._objects.put(path, lambda file: _write(file, content))
        return Written(self._objects.url(path), frame.height, len(content), hashlib.sha256(content).hexdigest())

    def days(self, table: Table) -> list[date]:
        """Days that have an object, oldest first."""
        return [date.fromisoformat(value) for value in self._partitions(table)]

    def orders(self, table: Table) -> list[str]:
        """Orders that have an object."""
        return self._partitions(table)

    def modified(self, table: Table) -> dict[date, float]:
        """When each day's object was last replaced, in seconds since 1970 by the store's clock."""
        return {
            day: self._objects.modified(layout.partition_path(table, self.tenant, day=day, order=None))
            for day in self.days(table)
        }

    def land(self, frame: pl.DataFrame) -> list[Landing]:
        """Store posts that arrived, one file per day; landing the same content twice leaves one file."""
        landed = []
        frame = frame.sort(LANDING.key)
        for (day,), part in frame.group_by(pl.col("date").dt.date(), maintain_order=True):
            assert isinstance(day, date)
            content = _parquet(LANDING.conform(part))
            landing = Landing(day, hashlib.sha256(content).hexdigest()[:32])
            self._objects.put(self._landing_path(landing), lambda file, content=content: _write(file, content))
            landed.append(landing)
        return sorted(landed, key=lambda landing: landing.day)

    def landing_days(self) -> list[date]:
        """Days that have landings waiting, oldest first."""
        folders = self._objects.list(layout.landing_folder(self.tenant))
        days = [date.fromisoformat(layout.partition_value(folder)) for folder in folders]
        return [day for day in days if self.landings(day)]

    def landings(self, day: date) -> list[Landing]:
        """What waits for a day."""
        names = self._objects.list(layout.landing_folder(self.tenant, day))
        return [Landing(day, name.removesuffix(".parquet")) for name in names if name.endswith(".parquet")]

    def read_landings(self, landings: Sequence[Landing]) -> pl.DataFrame:
        """The rows of the landings, one after another."""
        frames = [self._read(self._landing_path(landing), list(LANDING.columns)) for landing in landings]
        return pl.concat(frames or [LANDING.empty()])

    def drop_landings(self, landings: Sequence[Landing]) -> None:
        """Remove landings that have been merged."""
        for landing in landings:
            self._objects.delete(self._landing_path(landing))

    def put_file(self, source: BinaryIO | bytes, extension: str) -> StoredFile:
        """Store a file by its content, streamed in chunks; the same bytes are stored once."""
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        digest, size = hashlib.sha256(), 0

        def write(file: BinaryIO) -> str:
            nonlocal size
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            return layout.file_path(self.tenant, f"{digest.hexdigest()}.{extension}")

        layout.file_path(self.tenant, f"{'0' * 64}.{extension}")
        path = self._objects.put(f"files/tenant={self.tenant}/new", write)
        return StoredFile(digest.hexdigest(), path.rsplit("/", 1)[-1], size)

    def open_file(self, uri: str) -> BinaryIO:
        """A stored file for reading; raises FileNotFoundError where it is not there."""
        return self._objects.open(layout.file_path(self.tenant, uri))

    def has_file(self, uri: str) -> bool:
        """Whether the file is stored."""
        return self._objects.exists(layout.file_path(self.tenant, uri))

    def _paths(self, table: Table, days: Iterable[date] | None, order: str | None) -> list[str]:
        if order is not None:
            named = [layout.partition_path(table, self.tenant, day=None, order=order)]
        else:
            named = [layout.partition_path(table, self.tenant, day=day, order=None) for day in days or ()]
        return [path for path in named if self._objects.exists(path)]

    def _partitions(self, table: Table) -> list[str]:
        return [layout.partition_value(n) for n in self._objects.list(layout.table_folder(table, self.tenant))]

    def _landing_path(self, landing: Landing) -> str:
        return f"{layout.landing_folder(self.tenant, landing.day)}/{landing.name}.parquet"

    def _read(self, path: str, columns: list[str]) -> pl.DataFrame:
        if isinstance(self._objects, LocalObjects):
            return pl.read_parquet(self._objects.url(path), columns=columns, hive_partitioning=False, glob=False)
        with self._objects.open(path) as file:
            return pl.read_parquet(file.read(), columns=columns, hive_partitioning=False)


def _parquet(frame: pl.DataFrame) -> bytes:
    """The frame as Parquet; equal frames give equal bytes."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=3, statistics=True, row_group_size=100_000)
    return buffer.getvalue()


def _write(file: BinaryIO, content: bytes) -> None:
    file.write(content)
