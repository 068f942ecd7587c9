"""Files that were fetched: what became of each, until the `media` table of its day tells it.

Landings of posts say what a post holds; these say what came of asking for it. One object per batch and day, named by its
content, so that the same batch twice is one.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

import polars as pl

from tgstudio_dagster.lake import layout
from tgstudio_dagster.lake.objects import Objects
from tgstudio_dagster.lake.tables.posts import MEDIA

_COLUMNS = (
    "channel_id", "msg_id", "index", "member_id", "status", "sha256", "uri", "size", "thumb_sha256", "thumb_uri",
)  # fmt: skip
SCHEMA = {name: MEDIA.schema[name] for name in _COLUMNS}


@dataclass(frozen=True)
class Fetched:
    """What is known of a day's files, later news last, and the batches that tell it."""

    rows: pl.DataFrame
    names: tuple[str, ...]


class FetchedFiles:
    """A tenant's news of files. Every method raises LakeError where the store fails."""

    def __init__(self, objects: Objects, tenant: str) -> None:
        self._objects, self._tenant = objects, tenant

    def land(self, day: date, rows: pl.DataFrame) -> None:
        """Tell what became of files of the day's posts."""
        buffer = io.BytesIO()
        rows.select(list(SCHEMA)).write_parquet(buffer, compression="lz4")
        content = buffer.getvalue()
        path = layout.fetched_path(self._tenant, day, hashlib.sha256(content).hexdigest()[:32])

        def fill(file: BinaryIO) -> str:
            file.write(content)
            return path

        self._objects.put(fill, replace=False)

    def days(self) -> list[date]:
        """Days with news, oldest first."""
        paths = self._objects.list(layout.fetched_folder(self._tenant))
        return sorted({date.fromisoformat(layout.partition_value(path)) for path in paths})

    def names(self, day: date) -> tuple[str, ...]:
        """The day's batches, by name."""
        return tuple(sorted(map(layout.stem, self._objects.list(layout.fetched_folder(self._tenant, day)))))

    def read(self, day: date) -> Fetched:
        """The day's news."""
        listed = self._objects.list(layout.fetched_folder(self._tenant, day))
        paths = sorted(listed, key=lambda path: (listed[path], path))
        content = {path: pl.read_parquet(file) for path, file in self._objects.fetch(paths)}
        rows = pl.concat([pl.DataFrame(schema=SCHEMA), *(content[path] for path in paths if path in content)])
        return Fetched(rows, tuple(map(layout.stem, paths)))

    def drop(self, day: date, names: Sequence[str]) -> None:
        """Remove batches that the `media` table tells now."""
        for name in names:
            self._objects.delete(layout.fetched_path(self._tenant, day, name))
