"""Fixtures of the whole project: a catalog on both databases, a lake on both stores, and the servers they need.

Servers are started by the first test that needs one, once per pytest-xdist worker, and end with the run (or its crash).
Builders of data stand in builders.py.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers.postgres import PostgresServer
from tests.servers.ready import COMMAND
from tests.servers.s3 import BUCKET, S3Server
from tests.servers.telegram import TelegramServer
from tgstudio_dagster.catalog.database import Catalog

_TEMPLATE = "catalog_template"

# How long an example takes depends on what else the machine does; speed is measured in benchmarks/.
settings.register_profile("tgstudio", deadline=None)
settings.load_profile("tgstudio")
# A test run in the background of a script ignores Ctrl-C, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread files with slow tests over the run, those that may take longest first: they wait while others compute."""
    patience = {item.path: mark.args[0] for item in items if (mark := item.get_closest_marker("timeout"))}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    slow_files = sorted(slow, key=lambda path: (-patience.get(path, 0), path))
    quick_files = list(dict.fromkeys(item.path for item in items if item.path not in slow))
    place = {path: n * len(quick_files) / max(1, len(slow_files)) - 1 for n, path in enumerate(slow_files, -1)}
    place |= {path: float(n) for n, path in enumerate(quick_files)}
    items.sort(key=lambda item: place[item.path])


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL server."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A private S3 server with one bucket, `lake`."""
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with an empty, upgraded catalog: copied per test, since upgrading takes longer."""
    path = tmp_path_factory.mktemp("catalog") / "template.sqlite"
    catalog = Catalog(f"sqlite:///{path}")
    catalog.upgrade()
    catalog.close()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """Name of a PostgreSQL database with an empty, upgraded catalog: the template of each test's own."""
    catalog = Catalog(postgres.create(_TEMPLATE))
    catalog.upgrade()
    catalog.close()
    return _TEMPLATE


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without any table, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of this test's own upgraded catalog without rows, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        path = tmp_path / "catalog.sqlite"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        template: str = request.getfixturevalue("postgres_template")
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database(template=template) as url:
            yield url


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """This test's own catalog without rows, on SQLite and on PostgreSQL in turn."""
    opened = Catalog(catalog_url)
    yield opened
    opened.close()


@pytest.fixture(params=["folder", "s3"])
def lake_root(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, str] | None]:
    """Root of this test's own empty lake, and the keyword arguments of S3Options (None for a folder).

    On a folder and on S3 in turn: `Lake(root, s3=S3Options(**options) if options else None)`.
    """
    if request.param == "folder":
        return str(tmp_path / "lake"), None
    server: S3Server = request.getfixturevalue("s3")
    return f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}", dict(server.options)


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A home in which `tgstudio demo --json` has run, and `demo.json` what it printed: made once for all workers.

    It is not to be written to: `copy_home` gives a test its own.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    home = shared / "demo_home"
    with (shared / "demo_home.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "demo.json").exists():
            shutil.rmtree(home, ignore_errors=True)
            done = subprocess.run(
                [sys.executable, "-c", COMMAND, "demo", "--json"],
                env=os.environ | {"TGSTUDIO_HOME": str(home), "PYTHONUTF8": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]
            (home / "demo.json").write_text(done.stdout, encoding="utf-8")
    return home


@pytest.fixture
def telegram() -> Iterator[TelegramServer]:
    """This test's own small Telegram, empty. A mistake of the server itself fails the test."""
    server = TelegramServer().start()
    yield server
    server.stop()
    assert not server.failures, server.failures
