"""Where a `tgstudio up` of a home listens: noted in the home while it lives, so that others find it on whatever ports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tgstudio_dagster.core.settings import Settings

FILE = "up.json"


@contextmanager
def noted(settings: Settings, ports: Mapping[str, int]) -> Iterator[None]:
    """The ports, by the variable that sets each, are noted in the home until the block ends."""
    path = _path(settings)
    path.write_text(json.dumps({"pid": os.getpid(), "ports": dict(ports)}), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def ports_of_up(settings: Settings) -> dict[str, int]:
    """The ports of the `tgstudio up` that runs in this home, by variable; empty where none does, or on another machine."""
    try:
        note = json.loads(_path(settings).read_text(encoding="utf-8"))
        os.kill(int(note["pid"]), 0)
        return {str(name): int(port) for name, port in note["ports"].items()}
    except PermissionError:
        return {str(name): int(port) for name, port in note["ports"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _path(settings: Settings) -> Path:
    return settings.home.resolve() / FILE
