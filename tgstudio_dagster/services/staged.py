"""Files that a browser is handing in: on this machine's disk until they are imported, of one session each.

Streamlit would hold them in memory. What they become is `uploads.py`'s; who may hand one in is decided at the gate.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tgstudio_dagster.catalog.people.logins import session_hash
from tgstudio_dagster.core.errors import LimitError, NotFoundError

SPARE_BYTES = 2**30
"""Left free on the disk."""
MOST_FILES = 4
"""Files of one session at a time."""
KEPT_SECONDS = 300.0
"""How long files of a session without an open page are kept: a page may lose its connection for a moment."""
_FILE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class StagedFiles:
    """The files below `folder`, by session and file; of one session at most twice `largest` bytes."""

    def __init__(self, folder: Path, largest: int) -> None:
        self._folder = folder
        self.largest = largest

    def create(self, sid: str, file_id: str) -> BinaryIO:
        """A new file of the session, open for writing. Raises LimitError where it holds too many, NotFoundError for no id."""
        path = self._path(sid, file_id)
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        if len(self._held(sid)) >= MOST_FILES:
            raise LimitError("several files wait here already: import one, or take one away.", field="file")
        path.unlink(missing_ok=True)
        return path.open("xb")

    def check(self, sid: str, size: int = 0) -> None:
        """Raises LimitError where `size` bytes more are too many: of the session, or for the disk."""
        held = sum(self._held(sid).values())
        if held + size > 2 * self.largest:
            raise LimitError(
                f"this session holds {held // 2**20} MB that wait to be imported; import them, or take them away.",
                field="file",
            )
        if shutil.disk_usage(self._existing()).free - size < SPARE_BYTES:
            raise LimitError("this machine has no room for it; ask the operator.", field="file")

    def open(self, sid: str, file_id: str) -> BinaryIO | None:
        """The file, None where there is none (any more)."""
        try:
            return self._path(sid, file_id).open("rb")
        except (OSError, NotFoundError):
            return None

    def drop(self, sid: str, file_id: str) -> None:
        """Remove the file; one that is not there is no error."""
        with suppress(NotFoundError):
            self._path(sid, file_id).unlink(missing_ok=True)

    def sweep(self, sessions: Collection[str] = (), *, seconds: float = KEPT_SECONDS) -> None:
        """Remove what belongs to none of these sessions (by their hashes) and is older than so many seconds."""
        with suppress(OSError):
            for folder in self._folder.iterdir():
                if folder.name not in sessions and time.time() - _newest(folder) >= seconds:
                    shutil.rmtree(folder, ignore_errors=True)

    def _path(self, sid: str, file_id: str) -> Path:
        if not _FILE_ID.fullmatch(file_id):
            raise NotFoundError(f"{file_id[:60]}: there is no such file.")
        return self._of(sid) / file_id

    def _of(self, sid: str) -> Path:
        return self._folder / session_hash(sid)

    def _held(self, sid: str) -> dict[str, int]:
        try:
            return {path.name: path.stat().st_size for path in self._of(sid).iterdir()}
        except OSError:
            return {}

    def _existing(self) -> Path:
        return next(path for path in (self._folder, *self._folder.parents) if path.exists())


def _newest(folder: Path) -> float:
    """When the folder or a file of it was last written."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
