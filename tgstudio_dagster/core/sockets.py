"""Sockets of this machine: where processes of one user meet that nobody else may speak to."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from tgstudio_dagster.core.errors import ConflictError, FieldError


def listen(path: Path, setting: str) -> socket.socket:
    """A socket at the path that only this user may speak to; `setting` names it.

    Raises ConflictError where somebody listens there, FieldError where there can be none.
    """
    if is_socket_taken(path):
        raise ConflictError(f"{path}: somebody listens there already.", field=setting)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.parent.stat().st_mode & stat.S_IWOTH:
            raise FieldError(setting, f"everybody may write into {path.parent}; set another path.")
        path.unlink(missing_ok=True)
        listening.bind(str(path))
    except OSError as error:
        raise FieldError(setting, f"{path}: {error.strerror}; set another path.") from error
    finally:
        os.umask(before)
    return listening


def is_socket_taken(path: Path) -> bool:
    """Whether somebody listens at the path."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
