"""Fixtures of import, reading and pairing: a tenant with a catalog on SQLite, a lake in a folder, a desk for accounts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.builders import make_tenant
from tests.servers.telegram import TelegramServer
from tests.telegram.exports import NOW
from tests.telegram.office import Office
from tests.telegram.reads import Reads, reads
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenant_settings import Filters, TenantSettings
from tgstudio_dagster.catalog.work.imports import ImportState, Reject, list_imports, rejects
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.telegram.sources.importer import import_path
from tgstudio_dagster.telegram.sources.summary import ImportSummary

CASES = Path(__file__).parent / "cases"
"""Small files with one fault each, as people hand them over."""


class Desk:
    """A tenant who imports."""

    def __init__(self, catalog: Catalog, lake: TenantLake) -> None:
        self.catalog = catalog
        self.lake = lake

    def load(self, path: Path, filters: Filters | None = None, **given: Any) -> ImportSummary:
        """Import the path."""
        settings = TenantSettings(filters=filters or Filters())
        arguments: dict[str, Any] = {"first_day": date(2020, 1, 1), "now": NOW} | given
        return import_path(
            path, tenant="demo", catalog=self.catalog, lake=self.lake, settings=settings, **arguments
        )  # fmt: skip

    def case(self, name: str, **given: Any) -> ImportSummary:
        """Import a file of CASES."""
        return self.load(CASES / name, **{"first_day": date(2013, 8, 1)} | given)

    def rows(self) -> pl.DataFrame:
        """All that has landed, by key."""
        frames = [self.lake.read_landings(self.lake.landings(day)) for day in self.lake.landing_days()]
        return pl.concat(frames).sort("channel_id", "msg_id", "observed_at") if frames else pl.DataFrame()

    def imports(self) -> list[ImportState]:
        """All imports, newest first."""
        return list_imports(self.catalog, "demo")

    def rejects(self) -> list[Reject]:
        """All rejects of all imports."""
        return [
            reject for job in list_imports(self.catalog, "demo") for reject in rejects(self.catalog, "demo", job.id)
        ]


@pytest.fixture
def desk(sqlite_template: Path, tmp_path: Path) -> Iterator[Desk]:
    """A tenant who imports into an empty lake."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    make_tenant(catalog)
    yield Desk(catalog, Lake(str(tmp_path / "lake")).tenant("demo"))
    catalog.close()


Loader = Callable[[Path], ImportSummary]


@pytest.fixture
def reading_desk(sqlite_template: Path, tmp_path: Path, telegram: TelegramServer) -> Iterator[Reads]:
    """A tenant on a catalog on SQLite, who reads the test server into an empty lake in a folder."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    yield reads(catalog, telegram, tmp_path)
    catalog.close()


@pytest.fixture
def office(sqlite_template: Path, telegram: TelegramServer, tmp_path: Path) -> Iterator[Office]:
    """A tenant whose accounts are paired with the test's Telegram."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    make_tenant(catalog)
    opened = Office(catalog, telegram, tmp_path)
    yield opened
    opened.close()
    catalog.close()
