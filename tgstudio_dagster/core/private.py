"""The home is its owner's alone: what every process of this product creates, and what is there from before."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

OTHERS = 0o077
"""The rights of the group and of everybody else."""
_LOOKED_AT = 20_000


def keep_private() -> None:
    """Have this process and its children create files that their owner alone reads. Each entry point calls it first."""
    os.umask(OTHERS)


def make_private(home: Path) -> int:
    """Take the rights of others off the home, and, where it was open until now, off all in it; returns how many entries.

    What belongs to another user is left as it is; `open_entries` finds it.
    """
    if not home.exists() or not stat.S_IMODE(home.stat().st_mode) & OTHERS:
        return 0
    changed = 0
    # The home itself comes last: one that was left half done is done again.
    for path in (*_entries(home), home):
        with suppress(OSError):
            mode = stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)
            if mode & OTHERS and not path.is_symlink():
                path.chmod(mode & ~OTHERS)
                changed += 1
    return changed


def open_entries(home: Path, most: int = _LOOKED_AT) -> list[Path]:
    """What in the home, and the home itself, others may read, write or enter; of the first `most` entries."""
    return [path for path in islice((home, *_entries(home)), most) if _is_open(path)]


def _is_open(path: Path) -> bool:
    try:
        return not path.is_symlink() and bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)
    except OSError:
        return False


def _entries(home: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(home):
        yield from (Path(folder, name) for name in (*folders, *files))
