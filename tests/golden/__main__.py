"""Freeze anew what this version says and makes, or compare two homes in which the demo ran.

python -m tests.golden [--home HOME]                 freezes; without a home it runs the demo in a temporary one
python -m tests.golden --home HOME --compare OTHER   prints how two lakes differ to the last byte, and fails where they do
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.golden.commands import demo_text, help_text
from tests.golden.description import served
from tests.golden.frozen import freeze
from tests.golden.lake import differences, lake_text
from tests.servers.ready import COMMAND
from tests.web.site import copy_home


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser("python -m tests.golden")
    parser.add_argument("--home", type=Path, help="a home in which the demo ran")
    parser.add_argument("--compare", type=Path, metavar="OTHER", help="compare the home's lake with that of another")
    chosen = parser.parse_args()
    if chosen.compare:
        if chosen.home is None:
            parser.error("--compare needs --home")
        found = differences(chosen.home, chosen.compare)
        print("\n".join(found) or "The two lakes are equal.")
        return int(bool(found))
    with tempfile.TemporaryDirectory(prefix="tgstudio_golden_") as folder:
        home = copy_home(chosen.home, Path(folder) / "home") if chosen.home else _demo(Path(folder) / "home")
        texts = {
            "openapi.json": served(Path(folder) / "site"),
            "cli-help.txt": help_text(),
            "cli-demo.txt": demo_text(home),
            "lake.json": lake_text(home),
        }
    for name, text in texts.items():
        print(f"{name}: {'frozen anew' if freeze(name, text) else 'as it was'}")
    return 0


def _demo(home: Path) -> Path:
    environment = os.environ | {"TGSTUDIO_HOME": str(home), "PYTHONUTF8": "1"}
    subprocess.run(
        [sys.executable, "-c", COMMAND, "demo", "--json"], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return home


if __name__ == "__main__":
    sys.exit(main())
