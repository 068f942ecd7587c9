"""Unpack a .zip or .gz into a folder of this machine, within limits; the same for a terminal and for an upload.

What the unpacked files are is told in `forms.py`.
"""

from __future__ import annotations

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tgstudio_dagster.core.errors import SourceError

MOST_FILES = 500_000
SPARE_BYTES = 2**30
"""Left free on the disk by what is unpacked."""
_CHUNK = 2**20
_LARGEST_BY_NAME = 200


Admit = Callable[[int, int], None]
"""Asked before so many bytes more, in so many files more, are unpacked; it may raise."""


def anything(_bytes: int, _files: int) -> None:
    """Admit all that this machine has room for."""


def unpack(archive: Path, folder: Path, *, tick: Callable[[], None] = lambda: None, admit: Admit = anything) -> Path:
    """Unpack the archive into `folder`, which is made; returns the folder of a .zip, the file of a .gz.

    `tick` is called for each file and each MiB; it may raise, and so may `admit`, which is asked first.
    Raises SourceError for what can't be unpacked, or is more
    than this machine has room for.
    """
    folder.mkdir(parents=True, mode=0o700)
    try:
        with archive.open("rb") as stored:
            if zipfile.is_zipfile(stored):
                stored.seek(0)
                with zipfile.ZipFile(stored) as opened:
                    _extract(opened, folder, tick, admit)
                return folder
            stored.seek(0)
            target = folder / _inner_name(archive.name)
            with gzip.open(stored) as unpacked, target.open("wb") as file:
                _copy(unpacked, file, _room(folder), tick, admit)  # type: ignore[arg-type]
            return target
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, gzip.BadGzipFile) as error:
        raise SourceError(
            f"{archive}: the archive can't be unpacked: {error}. Make it anew as .zip, without a password."
        ) from error


def _extract(archive: zipfile.ZipFile, folder: Path, tick: Callable[[], None], admit: Admit) -> None:
    members = [member for member in archive.infolist() if not member.is_dir()]
    size, room = sum(member.file_size for member in members), _room(folder)
    if len(members) > MOST_FILES or size > room:
        raise SourceError(
            f"The archive holds {len(members)} files of {size} bytes, more than this machine has room for; "
            "import result.json alone, or ask the operator."
        )
    admit(size, len(members))
    for member in members:
        # extract() drops drive letters, leading slashes and `..`, and writes a link as a plain file.
        archive.extract(member, folder)
        tick()


def _room(folder: Path) -> int:
    return shutil.disk_usage(folder).free - SPARE_BYTES


def _copy(source: BinaryIO, target: BinaryIO, room: int, tick: Callable[[], None], admit: Admit) -> None:
    """Copy what is unpacked, whose size nothing tells beforehand."""
    written = 0
    while chunk := source.read(_CHUNK):
        written += len(chunk)
        if written > room:
            raise SourceError(
                f"The archive holds more than {room} bytes, all that this machine has room for; ask the operator."
            )
        admit(len(chunk), 0)
        target.write(chunk)
        tick()


def _inner_name(name: str) -> str:
    """`dump.jsonl` of `dump.jsonl.gz`."""
    stem = name[:-3] if name.lower().endswith(".gz") else name
    return stem[-_LARGEST_BY_NAME:].strip() or "unpacked"
