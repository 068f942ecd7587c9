"""A desk for files, of any tenant."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.telegram import TelegramServer
from tests.telegram.mtproto.media_desk import MediaDesk, Open
from tests.telegram.paired import paired
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.lake.store import Lake


@pytest.fixture
def opened(sqlite_template: Path, tmp_path: Path, telegram: TelegramServer) -> Iterator[Open]:
    """Opens a tenant's desk; the lake is a folder unless given."""
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")

    def desk(tenant: str = "demo", lake: Lake | None = None) -> MediaDesk:
        given = paired(catalog, telegram, tmp_path, tenant)
        return MediaDesk(given, (lake or Lake(str(tmp_path / "lake"))).tenant(tenant), tmp_path / "staging")

    yield desk
    catalog.close()
