"""Dense vectors of one tenant in a folder of this machine: the nearest to a query's, in two steps.

First all rows by their signs around a common centre (one bit a value, Hamming distance), then the best of them by the
whole small numbers. Without the centre most signs would be the same in every row: sentence models put all texts on one
side. Where no dense model has run, nothing is here.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.search.index import DamagedError, Filter

CANDIDATES = 2_000
"""Rows that the first step leaves: of a million, .97 of the exact nearest 20 are among them (benchmarks/search.py)."""
_ROW = np.dtype([("channel_id", "i8"), ("msg_id", "i8"), ("lang", "S8"), ("comment", "?"), ("deleted", "?")])


@dataclass(frozen=True)
class _Day:
    rows: NDArray[np.void]
    bits: NDArray[np.uint64]
    vectors: NDArray[np.int8]


class VectorIndex:
    """Days of vectors, a folder per model below `folder`, three files a day: keys, signs, whole numbers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.reload()

    def reload(self) -> None:
        """See what was replaced since."""
        self._days: dict[tuple[str, date], _Day] = {}

    def replace_day(self, day: date, rows: pl.DataFrame) -> None:
        """Put the day's SEARCH_INDEX rows in place of what was held of it, whatever the model."""
        for old in self._folder.glob(f"*/{day}"):
            shutil.rmtree(old)
        dense = rows.filter(pl.col("vector").is_not_null())
        for (model,), part in dense.group_by("model", maintain_order=True):
            vectors = np.array(part["vector"].to_list(), dtype=np.int8)
            keys = np.zeros(part.height, _ROW)
            for name in _ROW.names or ():
                keys[name] = part[name].to_numpy()
            # Whole or not at all: another process may be searching.
            temporary = self._folder / _safe(str(model)) / f".{day}"
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            np.save(temporary / "rows.npy", keys)
            np.save(temporary / "bits.npy", _bits(vectors, self._centre(str(model), vectors)))
            np.save(temporary / "vectors.npy", vectors)
            temporary.rename(temporary.parent / str(day))

    def days(self, model: str) -> list[date]:
        """Days that hold vectors of the model, oldest first."""
        folder = self._folder / _safe(model)
        return (
            sorted(date.fromisoformat(day.name) for day in folder.iterdir() if day.is_dir()) if folder.is_dir() else []
        )

    def nearest(
        self, model: str, query: NDArray[np.float32], where: Filter, limit: int
    ) -> list[tuple[int, int, float]]:
        """The keys (channel_id, msg_id) of the nearest posts that the filter lets through, with their cosine."""
        within = [
            self._day(model, day)
            for day in self.days(model)
            if (where.first is None or day >= where.first) and (where.last is None or day <= where.last)
        ]
        days = [day for day in within if day is not None]
        if not days:
            return []
        bits = _bits(query.reshape(1, -1), self._centre(model, query.reshape(1, -1)))[0]
        far = np.concatenate([np.bitwise_count(day.bits ^ bits).sum(axis=1, dtype=np.uint16) for day in days])
        passing = np.flatnonzero(np.concatenate([_lets_through(day.rows, where) for day in days]))
        count = min(max(CANDIDATES, limit), passing.size)
        if count == 0:
            return []
        best = np.sort(passing[np.argpartition(far[passing], count - 1)[:count]])
        bounds = np.cumsum([0, *(len(day.rows) for day in days)])
        held = np.searchsorted(bounds, best, side="right") - 1
        keys, vectors = [], []
        for n in np.unique(held):
            inside = best[held == n] - bounds[n]
            keys.append(days[n].rows[inside])
            vectors.append(days[n].vectors[inside].astype(np.float32))
        rows, whole = np.concatenate(keys), np.concatenate(vectors)
        lengths = np.linalg.norm(whole, axis=1) * np.linalg.norm(query)
        cosines = (whole @ query) / np.where(lengths > 0, lengths, 1)
        order = np.lexsort((-rows["msg_id"], -rows["channel_id"], -cosines))[:limit]
        return [(int(rows["channel_id"][n]), int(rows["msg_id"][n]), float(cosines[n])) for n in order]

    def _centre(self, model: str, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """The model's centre: the mean of the first vectors that came, kept as long as the copy is."""
        path = self._folder / _safe(model) / "centre.npy"
        if not path.exists():
            np.save(path, _unit(vectors).mean(axis=0))
        centre: NDArray[np.float32] = np.load(path)
        return centre

    def _day(self, model: str, day: date) -> _Day | None:
        """The day's arrays, None where another process is just replacing them: the next search sees it."""
        if (model, day) not in self._days:
            folder = self._folder / _safe(model) / str(day)
            try:
                parts = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("rows", "bits", "vectors")]
            except FileNotFoundError:
                return None
            except (ValueError, EOFError, OSError) as error:
                raise DamagedError(f"{folder}: {error}") from error
            if len({len(part) for part in parts}) != 1:
                raise DamagedError(f"{folder}: its files are of different lengths")
            self._days[model, day] = _Day(*parts)
        return self._days[model, day]


def _lets_through(rows: NDArray[np.void], where: Filter) -> NDArray[np.bool_]:
    passing = np.ones(len(rows), np.bool_)
    if where.channels:
        passing &= np.isin(rows["channel_id"], where.channels)
    if where.langs:
        passing &= np.isin(rows["lang"], [lang.lower().encode() for lang in where.langs])
    if not where.comments:
        passing &= ~rows["comment"]
    if not where.deleted:
        passing &= ~rows["deleted"]
    return passing


def _bits(vectors: NDArray[Any], centre: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A row of 64-bit words for each row of values: on which side of the centre each value is."""
    packed = np.packbits(_unit(vectors) > centre, axis=1)
    whole = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
    whole[:, : packed.shape[1]] = packed
    return whole.view(np.uint64)


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    wide = vectors.astype(np.float32)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.divide(wide, np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _safe(model: str) -> str:
    """A folder's name for a model's: readable, and no two the same."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', model)[:60]}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
