"""A capability from outside adds a table, an asset, a route, a tool, a page and a command; it is small, and can be off.

The checks stand in checks.py: they run in a process of their own, whose installation knows of the capability.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CAPABILITY = "tests.capabilities.example:NOTES"
MOST = 150


def test_the_example_is_small() -> None:
    lines = [line for file in sorted((HERE / "example").rglob("*.py")) for line in file.read_text("utf-8").splitlines()]
    assert len(lines) < MOST, len(lines)


@pytest.mark.slow
def test_everything_that_the_example_adds_works_and_is_gone_where_it_is_off() -> None:
    checks = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", str(HERE / "checks.py")]
    environment = os.environ | {"TGSTUDIO_CAPABILITIES": CAPABILITY}
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(checks, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
