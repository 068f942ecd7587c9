"""Dagster's SQLite files that a killed process left half made: recognized, and taken away so that they are made again.

Dagster makes a file's tables one by one and notes its version (`alembic_version`) last; it never mends a file without
that note. Nothing can be in one yet.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path

_LOG = logging.getLogger(__name__)
FILES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
PATIENCE = 3.0
"""Seconds for which another process may still be making them."""


def drop_half_made(folder: Path, *, patience: float = PATIENCE) -> list[Path]:
    """Remove the instance's files that stay without a version; returns those that were removed."""
    deadline = time.monotonic() + patience
    half = [path for name in FILES if (path := folder / name).exists() and not _is_whole(path)]
    while half and time.monotonic() < deadline:
        time.sleep(0.1)
        half = [path for path in half if path.exists() and not _is_whole(path)]
    for path in half:
        _LOG.warning("%s was left half made by a process that was killed; it is made again", path)
        for suffix in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    return half


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
            return bool(connection.execute("select count(*) from alembic_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        # A locked file is another process's, at work on it; a table that is missing is one that was never made.
        return "no such table" not in str(error)
