"""The documents' shell blocks do what they say: each ```sh block runs, on the sample, with the project's own commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.ready import COMMAND, ready_python
from tests.web.site import copy_home
from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.sample.build import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: str) -> list[str]:
    found = BLOCK.findall((PROJECT / document).read_text(encoding="utf-8"))
    assert found, f"{document} has no sh block"
    return found


def run(script: str, home: Path, folder: Path, *, typed: str | None = None) -> str:
    """The script's output, in bash that stops at the first error, with a `tgstudio` on the path that begins at once."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    ready_python().program(programs / "tgstudio", COMMAND)
    environment = os.environ | {
        "TGSTUDIO_HOME": str(home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONUTF8": "1",
    }
    found = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        input=typed,
    )
    assert found.returncode == 0, f"{script}\n{found.stdout[-2000:]}\n{found.stderr[-2000:]}"
    return found.stdout


def test_the_readme_s_tour_runs_after_the_demo(demo_home: Path, tmp_path: Path) -> None:
    copy_home(demo_home, tmp_path / "home")
    printed = run("\n".join(blocks("README.md")), tmp_path / "home", tmp_path)
    assert "https://t.me/" in printed
    assert "Kendall tau" in run("\n".join(blocks("docs/topics.md")), tmp_path / "home", tmp_path)
    assert (tmp_path / "rankings.svg").exists()
    assert (tmp_path / "demo.zip").stat().st_size > 10_000


def test_the_daily_work_of_the_operation_page_runs_on_an_export(tmp_path: Path) -> None:
    sample = build(tmp_path / "sample")
    shutil.copytree(sample.imports[1].parent, tmp_path / "export")
    printed = run("\n".join(blocks("docs/operation.md")), tmp_path / "home", tmp_path)
    assert "done" in printed
    assert list((tmp_path / "out").rglob("tg.txt"))
    assert (tmp_path / "bundle.zip").exists()
