"""Fixtures of the commands' tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.home import Home
from tests.servers.telegram import TelegramServer


@pytest.fixture
def home(telegram: TelegramServer, sqlite_template: Path, tmp_path: Path) -> Iterator[Home]:
    """A home with the tenant `demo` and nobody paired."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    opened = Home(tmp_path, telegram)
    yield opened
    opened.catalog.close()
