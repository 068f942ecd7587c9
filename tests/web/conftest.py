"""Fixtures of the web app's tests: homes, and sites over them (site.py)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.site import Site, copy_home
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.core.settings import Settings


@pytest.fixture
def bare_home(tmp_path: Path, sqlite_template: Path) -> Path:
    """A home with two tenants, `acme` and `other`, and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(sqlite_template, home / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{home / 'catalog.sqlite'}")
    add_tenant(catalog, "acme", "Acme")
    add_tenant(catalog, "other", "Other")
    catalog.close()
    return home


@pytest.fixture
def site(bare_home: Path) -> Iterator[Site]:
    """The app over a bare home."""
    with Site(bare_home) as running:
        yield running


@pytest.fixture(scope="session")
def sample_source(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the demo's tenant `demo`, and the empty `acme` and `other`. Not to be written to."""
    home = copy_home(demo_home, tmp_path_factory.mktemp("sample") / "home")
    catalog = Catalog.open(Settings(home=home))
    for slug in ("acme", "other"):
        add_tenant(catalog, slug, slug.title())
    catalog.close()
    return home


@pytest.fixture
def sample_home(sample_source: Path, tmp_path: Path) -> Path:
    """This test's own home with the sample as tenant `demo`, beside the empty `acme` and `other`."""
    return copy_home(sample_source, tmp_path / "home")


@pytest.fixture
def sample_site(sample_home: Path) -> Iterator[Site]:
    """The app over a home with the sample."""
    with Site(sample_home) as running:
        yield running


@pytest.fixture(scope="module")
def shared_site(sample_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The app over a home with the sample, for all tests of a module: they only read, or clean up."""
    with Site(copy_home(sample_source, tmp_path_factory.mktemp("shared") / "home")) as running:
        yield running
