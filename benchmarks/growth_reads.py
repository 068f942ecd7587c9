"""A `tgstudio` command that counts which objects of the lake it opens to read, by table. Called by benchmarks/growth.py.

    python -m benchmarks.growth_reads LAKE COUNTS.json materialize --tenant T

Counted are files that Python opens for reading in this process; writing and listing folders are not.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any


def main() -> None:
    """Count, and run the command as its own entry point does."""
    lake, counts = f"{sys.argv[1]}{os.sep}", Path(sys.argv[2])
    opened: Counter[str] = Counter()

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | os.PathLike):
            path, mode = str(arguments[0]), arguments[1] or ""
            if path.startswith(lake) and "=" in path and mode.startswith("r"):
                opened[path.removeprefix(lake).partition(os.sep)[0]] += 1

    sys.addaudithook(note)
    atexit.register(lambda: counts.write_text(json.dumps(opened), encoding="utf-8"))
    [command] = entry_points(group="console_scripts", name="tgstudio")
    sys.argv = ["tgstudio", *sys.argv[3:]]
    command.load()()


if __name__ == "__main__":
    main()
