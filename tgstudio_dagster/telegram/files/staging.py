"""Where files wait on this machine's disk while they are downloaded: per tenant, by Telegram's name of the file.

A file that broke off goes on from here, and one that was stored is not downloaded again, though the run that stored it
died before it could say so. Nothing here is needed for good: what is older than three days is removed.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake.layout import check_tenant
from tgstudio_dagster.lake.objects import MENDS
from tgstudio_dagster.lake.store import CHUNK

KEPT_SECONDS = 3 * 24 * 3600


class Record(msgspec.Struct, frozen=True):
    """What a file was stored as; its thumbnail too, where it has one."""

    sha256: str
    uri: str
    size: int
    thumb_sha256: str | None = None
    thumb_uri: str | None = None


class StagedFile:
    """A file on its way. `size` bytes of it are here; `sha256` is their hash."""

    def __init__(self, path: Path, whole: int, part: int) -> None:
        """Open what is there of a file of `whole` bytes; after its last full `part` nothing is trusted."""
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        with _mended(path):
            self._file = path.open("r+b" if path.exists() else "w+b")
            here = self._file.seek(0, os.SEEK_END)
            trusted = here if here == whole else min(here, whole) // part * part
            self._file.truncate(trusted)
            self._file.seek(0)
            while chunk := self._file.read(CHUNK):
                self._add(chunk)

    def write(self, content: bytes) -> None:
        """Add the next bytes. Raises LakeError where the disk does not take them."""
        with _mended(self.path):
            self._file.write(content)
        self._add(content)

    def close(self) -> None:
        """Hand everything to the disk."""
        with _mended(self.path):
            self._file.close()

    def discard(self) -> None:
        """Remove the file from the disk."""
        with _mended(self.path):
            self.path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """Hash of all bytes so far, hex."""
        return self._digest.hexdigest()

    def _add(self, content: bytes) -> None:
        self._digest.update(content)
        self.size += len(content)


class Staging:
    """The staged files of one tenant."""

    def __init__(self, root: Path, tenant: str) -> None:
        self._folder = root / f"tenant={check_tenant(tenant)}"

    def prepare(self) -> None:
        """Make the folder, and remove what has been forgotten. Raises LakeError where the disk does not allow it."""
        with _mended(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            for entry in os.scandir(self._folder):
                with suppress(FileNotFoundError):
                    if time.time() - entry.stat().st_mtime > KEPT_SECONDS:
                        Path(entry.path).unlink()

    def open(self, name: str, *, whole: int, part: int) -> StagedFile:
        """What is here of the file `name` of `whole` bytes, to go on with. Raises LakeError."""
        return StagedFile(self._folder / f"{name}.part", whole, part)

    def stored(self, name: str) -> Record | None:
        """What the file was stored as in the last days; None if it was not."""
        try:
            return msgspec.json.decode((self._folder / f"{name}.stored").read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def note_stored(self, name: str, record: Record) -> None:
        """Remember what the file was stored as. Raises LakeError."""
        target = self._folder / f"{name}.stored"
        with _mended(target):
            draft = target.with_suffix(".draft")
            draft.write_bytes(msgspec.json.encode(record))
            draft.replace(target)


@contextmanager
def _mended(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> LakeError:
    mend = MENDS.get(error.errno or 0, "Check the disk and run it again.")
    return LakeError(f"cannot write {path}: {error.strerror or error}. What was downloaded before is kept. {mend}")
