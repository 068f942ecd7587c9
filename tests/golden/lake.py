"""What a home's lake holds: every table's columns, its rows by a hash that knows no order, and every object.

Hashes are the same on every machine, so numbers are rounded and the map's places left out (umap's arithmetic follows the
processor); `differences` compares two homes of one machine exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from tests.golden.names import numbered, replace

DIGITS = 5
OF_THE_PROCESSOR = {"topic_map": {"x", "y"}}
"""Columns, by table, that another processor computes otherwise."""


class LakeContents:
    """The lake of a home, by its files."""

    def __init__(self, home: Path) -> None:
        self.root = home / "lake"

    @cached_property
    def objects(self) -> list[Path]:
        """Every object, in the order of its path."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    @cached_property
    def frames(self) -> dict[Path, pl.DataFrame]:
        """The rows of every table's object, without the partition."""
        tables = (path for path in self.objects if path.name.startswith("part-"))
        return {path: pl.read_parquet(path, hive_partitioning=False) for path in tables}

    @cached_property
    def names(self) -> dict[str, str]:
        """What stands for the ids of this lake's orders and runs, the times of posting, and the exported files."""
        made = {"editor_results": "run_id", "content_packages": "post_time"}
        frames = {path: frame for path, frame in self.frames.items() if path.relative_to(self.root).parts[0] in made}
        runs = [run for frame in frames.values() if "run_id" in frame.columns for run in frame["run_id"]]
        times = {time for frame in frames.values() if "post_time" in frame.columns for time in frame["post_time"]}
        names = numbered("\n".join([*(str(path.relative_to(self.root)) for path in frames), *runs]))
        names |= {form: "TIME" for time in times for form in (time.isoformat(), time.strftime("%Y-%m-%dT%H:%M:%SZ"))}
        texts = (path for path in self.objects if path.suffix in {".json", ".csv"})
        return names | {path.stem: _digest([replace(path.read_text(encoding="utf-8"), names)]) for path in texts}

    def name(self, path: Path) -> str:
        """An object's path below the lake's root, with plain names."""
        return replace(path.relative_to(self.root).as_posix(), self.names)

    def rows(self, path: Path) -> list[str]:
        """The rows of a table's object, one text each, with its partition and plain names."""
        table, *partition, _ = path.relative_to(self.root).parts
        frame = self.frames[path].drop(OF_THE_PROCESSOR.get(table, ()), strict=False)
        where = {name: value for name, _, value in (part.partition("=") for part in partition)}
        return [
            replace(json.dumps(_plain(where | row), ensure_ascii=False, sort_keys=True), self.names)
            for row in frame.iter_rows(named=True)
        ]

    def kept(self, path: Path) -> int:
        """Which of the lake's kept clusterings an object is, from 1; 0 where it is none."""
        kept = [other for other in self.objects if other.relative_to(self.root).parts[0] == "kept"]
        return kept.index(path) + 1 if path in kept else 0

    def describe(self) -> dict[str, Any]:
        """Tables (rows, columns, hash) and objects (rows and hash of a table's, nothing of a file's)."""
        rows: dict[str, list[str]] = {}
        columns: dict[str, dict[str, str]] = {}
        objects: dict[str, str] = {}
        for path in self.objects:
            if path not in self.frames:
                name = self.name(path)
                # The clusterings kept are named by a hash of the code, too: their number tells, not their names.
                objects[f"{Path(name).parent}/{number}{path.suffix}" if (number := self.kept(path)) else name] = "file"
                continue
            table = path.relative_to(self.root).parts[0]
            found = self.rows(path)
            rows.setdefault(table, []).extend(found)
            columns[table] = {name: str(kind) for name, kind in self.frames[path].schema.items()}
            objects[self.name(path)] = f"{len(found)} rows {_digest(found)[:16]}"
        tables = {
            table: {"rows": len(some), "hash": _digest(some), "columns": columns[table]}
            for table, some in sorted(rows.items())
        }
        return {"tables": tables, "objects": dict(sorted(objects.items()))}


def lake_text(home: Path) -> str:
    """A home's lake as the frozen file has it."""
    return json.dumps(LakeContents(home).describe(), ensure_ascii=False, indent=1) + "\n"


def differences(home: Path, other: Path) -> list[str]:
    """How two homes' lakes differ, exactly, the map's places and the objects' bytes too: one line each."""
    one, two = LakeContents(home), LakeContents(other)
    mine, theirs = ({lake.name(path): path for path in lake.objects} for lake in (one, two))
    found = [f"only in {home}: {name}" for name in sorted(mine.keys() - theirs.keys())]
    found += [f"only in {other}: {name}" for name in sorted(theirs.keys() - mine.keys())]
    for name in sorted(mine.keys() & theirs.keys()):
        left, right = mine[name], theirs[name]
        if left.read_bytes() == right.read_bytes():
            continue
        if left not in one.frames:
            if left.suffix not in {".json", ".csv"}:  # of those the name says that they are equal but for ids
                found.append(f"{name}: other bytes")
            continue
        frames = one.frames[left], two.frames[right]
        if frames[0].schema != frames[1].schema or frames[0].height != frames[1].height:
            found.append(f"{name}: other columns, types or number of rows")
        elif one.rows(left) != two.rows(right):
            same = sorted(one.rows(left)) == sorted(two.rows(right))
            found.append(f"{name}: other {'order of rows' if same else 'rows'}")
        elif "order=" not in name and not frames[0].equals(frames[1]):
            unequal = [column for column in frames[0].columns if not frames[0][column].equals(frames[1][column])]
            found.append(f"{name}: other digits in {', '.join(unequal)}")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS) + 0.0  # no negative zero
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _digest(texts: Iterable[str]) -> str:
    """A hash of the texts in whatever order."""
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
