"""The home is its owner's alone: a process with a careless umask creates nothing that others read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tgstudio_dagster.core.private import make_private, open_entries
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.operate.doctor import _home


def run(home: Path, *command: str) -> None:
    """A process of this product as a person with the usual umask starts it."""
    environment = os.environ | {"TGSTUDIO_HOME": str(home)}
    subprocess.run(
        [sys.executable, *command], env=environment, umask=0o002, check=True, capture_output=True, timeout=120
    )


@pytest.mark.slow
def test_what_the_command_and_dagster_s_code_create_is_the_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    call = "import sys; from tgstudio_dagster.cli import main; sys.argv[1:] = ['tenant', 'add', 'acme']; main()"
    run(home, "-c", call)
    write = "import tgstudio_dagster.definitions, pathlib, os; pathlib.Path(os.environ['TGSTUDIO_HOME'], 'x').touch()"
    run(home, "-c", write)
    assert {path.name for path in home.iterdir()} >= {"catalog.sqlite", "x"}
    assert open_entries(home) == []
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_home_from_before_is_closed_with_all_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "lake").mkdir(parents=True)
    secret = home / "lake" / "posts"
    secret.write_text("x")
    outside = tmp_path / "outside"
    outside.write_text("x")
    (home / "link").symlink_to(outside)
    for path, mode in ((home, 0o755), (home / "lake", 0o755), (secret, 0o664), (outside, 0o644)):
        path.chmod(mode)
    assert _home(Settings(home=home)).status == "failed"
    assert make_private(home) == 3
    assert open_entries(home) == [] and _home(Settings(home=home)).status == "ok"
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644, "what a link leads to is not the home's"
    secret.chmod(0o604)
    assert open_entries(home) == [secret]
    assert "chmod -R go-rwx" in _home(Settings(home=home)).detail
