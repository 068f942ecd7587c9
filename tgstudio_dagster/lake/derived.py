"""Frames kept by the hash of all that they were made of, so that the same work is not done twice. Disposable.

An object per key below `kept/tenant=…`, a zip of Parquet files. It may be lost at any time: what can't be read counts as
not there and is made again. What is kept, and what its key stands for, is decided by the caller (topics/clustering_key.py).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from typing import BinaryIO

import polars as pl

from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake import layout
from tgstudio_dagster.lake.objects import Objects

MOST = 48  # objects of a tenant: two days of hours; the longest unwritten go first


class DerivedFrames:
    """What is kept of one tenant."""

    def __init__(self, objects: Objects, tenant: str) -> None:
        self._objects = objects
        self._tenant = tenant

    def get(self, key: str) -> dict[str, pl.DataFrame] | None:
        """The frames of a key by name; None where there are none, or damaged ones."""
        path = layout.kept_path(self._tenant, key)
        with suppress(LakeError, OSError, zipfile.BadZipFile, pl.exceptions.PolarsError):
            if self._objects.size(path) is None:
                return None
            with self._objects.open(path) as file, zipfile.ZipFile(io.BytesIO(file.read())) as archive:
                return {name: pl.read_parquet(archive.read(name)) for name in archive.namelist()}
        return None

    def put(self, key: str, frames: Mapping[str, pl.DataFrame]) -> None:
        """Keep frames; of more than MOST keys the oldest go. Raises LakeError where the store fails."""
        path = layout.kept_path(self._tenant, key)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, frame in frames.items():
                part = io.BytesIO()
                frame.write_parquet(part, compression="lz4")
                archive.writestr(zipfile.ZipInfo(name), part.getvalue())  # without the time: equal frames, equal bytes

        def fill(file: BinaryIO) -> str:
            file.write(buffer.getbuffer())
            return path

        self._objects.put(fill)
        written = self._objects.list(layout.kept_folder(self._tenant))
        for old in sorted(set(written) - {path}, key=lambda name: (-written[name], name))[MOST - 1 :]:
            self._objects.delete(old)
