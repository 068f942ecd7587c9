"""`tgstudio --version` tells the version, which the changelog knows too."""

from __future__ import annotations

from typer.testing import CliRunner

from tgstudio_dagster import __version__
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.home import PROJECT


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"TG Studio {__version__}\n"


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    headings = [
        line for line in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line.startswith("## ")
    ]
    assert headings[0].split()[1] == __version__
