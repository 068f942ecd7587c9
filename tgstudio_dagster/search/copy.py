"""The local copy of a tenant's SEARCH_INDEX: which days it holds, which have changed in the lake since, and taking them in.

A day is looked at again where its object was replaced, and taken in again where its content differs: a refresh that
only counts views changes nothing here. What was taken in is committed before it is written down, so a process that is
killed repeats at most one batch of days. One process at a time opens or changes a copy; any number search it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.search.index import DamagedError, WordIndex
from tgstudio_dagster.search.vectors import VectorIndex

FORMAT = "1"  # of the copy: another one is thrown away and made again
BATCH = 32  # days between commits
STATE = "days.json"


class Day(msgspec.Struct, frozen=True):
    """One day as it was taken in: when its object had been replaced, and the hash of its content."""

    replaced: float
    content: str


class State(msgspec.Struct):
    """What the copy holds. `lake` and `format` tell whose and how it is.

    `files` has the size and time of change (ns) of each file, None while they are being changed: one that differs was
    damaged. (Tantivy itself sees only some damage, and in a file that is cut short while it is mapped a process dies.)
    """

    lake: str
    format: str = FORMAT
    days: dict[date, Day] = {}
    files: dict[str, tuple[int, int]] | None = None


@dataclass(frozen=True)
class Gaps:
    """Days that were not searched, or not as they now stand.

    `missing` have messages and no index, `behind` have messages newer than their index; materializing `search_index`
    mends both. `damaged` can't be read in the lake, with the reason: what the copy held of them was searched.
    """

    missing: tuple[date, ...] = ()
    behind: tuple[date, ...] = ()
    damaged: Mapping[date, str] = field(default_factory=dict)


class LocalCopy:
    """One tenant's copy in `folder`, which is this lake's and tenant's alone. Made anew where it can't be read."""

    def __init__(self, lake: TenantLake, folder: Path) -> None:
        self._lake = lake
        self._folder = folder
        self._seen = b""
        self._open()

    def refresh(self) -> Gaps:
        """Take in every day that changed; seconds for a few days, minutes for a long history that is new here."""
        replaced, messages = self._lake.modified(SEARCH_INDEX), self._lake.modified(MESSAGES)
        damaged = self._take_in(replaced)
        return Gaps(
            missing=tuple(sorted(set(messages) - set(replaced))),
            behind=tuple(sorted(day for day, at in messages.items() if day in replaced and replaced[day] < at)),
            damaged=damaged,
        )

    def start_again(self) -> None:
        """Throw the copy away; the next `refresh` makes it from the lake."""
        with self._alone():
            self._clear()
            self._attach()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Waits while another process opens or changes the copy."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with self._folder.with_name(f"{self._folder.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _open(self) -> None:
        with self._alone():
            state = self._state()
            if state is None or not self._whole(state):
                self._clear()
            try:
                self._attach()
            except DamagedError:
                self._clear()
                self._attach()

    def _whole(self, state: State) -> bool:
        """Whether the copy is this lake's, as this code makes it, and its files are as they were left."""
        own = (state.lake, state.format) == (self._lake.root, FORMAT)
        return own and (state.files is None or state.files == self._files())

    def _files(self) -> dict[str, tuple[int, int]]:
        files = {}
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and not path.name.startswith((".", STATE)):
                about = path.stat()
                files[str(path.relative_to(self._folder))] = (about.st_size, about.st_mtime_ns)
        return files

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write(State(self._lake.root))

    def _attach(self) -> None:
        self.words = WordIndex(self._folder / "words")
        self.vectors = VectorIndex(self._folder / "vectors")

    def _state(self) -> State | None:
        try:
            self._seen = (self._folder / STATE).read_bytes()
            return msgspec.json.decode(self._seen, type=State)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _held(self) -> State:
        state = self._state()
        if state is None:
            raise DamagedError(f"{self._folder / STATE} is gone or can't be read")
        return state

    def _take_in(self, replaced: Mapping[date, float]) -> dict[date, str]:
        before = self._seen
        state = self._held()
        if self._seen != before:
            self._attach_changes()
        if not _changed(state, replaced):
            return {}
        damaged: dict[date, str] = {}
        with self._alone():
            state = self._held()  # another process may have done it while this one waited
            changed = _changed(state, replaced)
            if changed:
                state.files = None
                self._write(state)
                with self.words.writing() as writer:
                    for start in range(0, len(changed), BATCH):
                        self._replace(writer, changed[start : start + BATCH], replaced, state, damaged)
                        writer.commit()
                        self._write(state)
                state.files = self._files()
                self._write(state)
        self._attach_changes()
        return damaged

    def _replace(
        self, writer: Any, days: Sequence[date], replaced: Mapping[date, float], state: State, damaged: dict[date, str]
    ) -> None:
        """Take in some days, and in `state` what they now are; one that can't be read stays as it was."""
        for day, rows in self._rows([day for day in days if day in replaced], damaged):
            content = _content(rows)
            held = state.days.get(day)
            if held is None or held.content != content:
                self.words.replace_day(writer, day, rows)
                self.vectors.replace_day(day, rows)
            state.days[day] = Day(replaced[day], content)
        for day in set(days) - set(replaced):
            self.words.replace_day(writer, day, SEARCH_INDEX.empty())
            self.vectors.replace_day(day, SEARCH_INDEX.empty())
            del state.days[day]

    def _attach_changes(self) -> None:
        self.words.reload()
        self.vectors.reload()

    def _rows(self, days: Sequence[date], damaged: dict[date, str]) -> Iterator[tuple[date, pl.DataFrame]]:
        try:
            # All at once: a store that is far away is asked for many objects together.
            frame = self._lake.read(SEARCH_INDEX, days=days, with_partition=True)
        except LakeError:
            for day in days:
                try:
                    yield day, self._lake.read(SEARCH_INDEX, days=[day])
                except LakeError as error:
                    damaged[day] = str(error)
            return
        parts = frame.drop("tenant").partition_by("day", as_dict=True, include_key=False)
        for day in days:
            yield day, parts.get((day,), SEARCH_INDEX.empty())

    def _write(self, state: State) -> None:
        self._seen = msgspec.json.encode(state)
        temporary = self._folder / f"{STATE}.{os.getpid()}"
        temporary.write_bytes(self._seen)
        temporary.replace(self._folder / STATE)


def _changed(state: State, replaced: Mapping[date, float]) -> list[date]:
    """Days to look at again, oldest first: replaced in the lake since, new there, or gone from it."""
    indexed = {day: held.replaced for day, held in state.days.items()}
    return sorted(day for day in {*indexed, *replaced} if indexed.get(day) != replaced.get(day))


def _content(rows: pl.DataFrame) -> str:
    buffer = io.BytesIO()
    rows.rechunk().write_ipc(buffer, compression="uncompressed")
    return hashlib.sha256(buffer.getbuffer()).hexdigest()
