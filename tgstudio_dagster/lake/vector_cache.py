"""Vectors of texts that a model has read before, so that no re-run and no other tenant pays for them again.

An object per model and day of the posts, below `vectors/`. It holds hashes of texts and their vectors, no text, no
tenant: who asks must have the text. It may be lost at any time; what can't be read counts as not there. Two runs at once
are safe: an object is replaced as a whole, and what the slower one overwrites is computed again when it is next asked for.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake import layout
from tgstudio_dagster.lake.objects import Objects

MOST_TEXTS = 50_000  # of an object: 75 MB with 384 values a vector
MOST_OBJECTS = 100  # of all models together: the longest unwritten go first
_SCHEMA = pl.Schema({"hash": pl.Binary(), "vector": pl.List(pl.Float32())})

Floats = NDArray[np.float32]


def text_hash(text: str) -> bytes:
    """The key of a text: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


class VectorCache:
    """The vectors of one lake."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def known(self, model: str, day: date, hashes: Iterable[bytes]) -> dict[bytes, Floats]:
        """Those of the texts that are here, by hash. Raises LakeError where the store can't be asked."""
        requested = pl.DataFrame({"hash": sorted(set(hashes))}, schema_overrides={"hash": pl.Binary()})
        rows = self._read(layout.vectors_path(model, day)).join(requested, on="hash", how="semi")
        if rows.is_empty():
            return {}
        matrix = rows["vector"].explode().to_numpy().reshape(rows.height, -1)
        return dict(zip(rows["hash"], matrix, strict=True))

    def add(self, model: str, day: date, vectors: dict[bytes, Floats]) -> None:
        """Keep these too; of more than MOST_TEXTS the earlier ones go. Raises LakeError where the store fails."""
        path = layout.vectors_path(model, day)
        new = pl.DataFrame({"hash": list(vectors), "vector": list(vectors.values())}).cast(_SCHEMA)
        newest = pl.concat([new, self._read(path)]).unique("hash", keep="first", maintain_order=True).head(MOST_TEXTS)
        buffer = io.BytesIO()
        newest.sort("hash").write_parquet(buffer, compression="lz4")

        def fill(file: BinaryIO) -> str:
            file.write(buffer.getbuffer())
            return path

        self._objects.put(fill)
        written = self._objects.list(layout.VECTORS)
        for old in sorted(set(written) - {path}, key=lambda name: (-written[name], name))[MOST_OBJECTS - 1 :]:
            self._objects.delete(old)

    def _read(self, path: str) -> pl.DataFrame:
        """What an object holds; nothing where there is none, or a damaged one: it is written anew."""
        if self._objects.size(path) is not None:
            # Gone meanwhile is as good as never there.
            with suppress(LakeError, pl.exceptions.PolarsError, OSError), self._objects.open(path) as file:
                rows = pl.read_parquet(file)
                if rows.schema == _SCHEMA and rows["vector"].list.len().n_unique() == 1:
                    return rows
        return pl.DataFrame(schema=_SCHEMA)
