"""Fixtures of the studio's tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.services.desk import Desk
from tgstudio_dagster.catalog.database import Catalog


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path) -> Iterator[Desk]:
    """A lake with one topic, a catalog on SQLite, and an instance of this test's own."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk.open(tmp_path, catalog, instance)
    catalog.close()
