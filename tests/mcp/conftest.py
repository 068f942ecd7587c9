"""Fixtures of the tools' tests: a site whose two tenants both have something of everything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mcp.world import fill
from tests.web.conftest import bare_home, site
from tests.web.site import Site
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.tenants import add_tenant

__all__ = ["bare_home", "site", "world"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    """The app over two filled tenants, `acme` and `other`, for all tests of a module: each makes keys of its own."""
    home = tmp_path_factory.mktemp("world") / "home"
    home.mkdir()
    shutil.copyfile(sqlite_template, home / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{home / 'catalog.sqlite'}")
    for slug in ("acme", "other"):
        add_tenant(catalog, slug, slug.title())
        set_plan(catalog, slug, "pro")
    catalog.close()
    with Site(home) as running:
        running.orders = fill(running)  # type: ignore[attr-defined]
        yield running
