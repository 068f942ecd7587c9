"""One private server process for a test run: its folder, its free ports, and its certain end.

Only what every test server shares belongs here. A guard (a small shell in its own session) ends the server and removes
its folder as soon as the pipe to the test run closes, so even `kill -9` of the test run leaves no orphan.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_GUARD = """
read -r _
kill -"$1" "$2" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$2" 2>/dev/null || break; sleep 0.2; done
kill -KILL "$2" 2>/dev/null
shift 2
rm -rf -- "$@"
"""


class ServerFailedError(RuntimeError):
    """The server ended before it was ready; its log is in the message."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free now (another process may still take one: start again then)."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class ServerProcess:
    """A server started in a fresh folder `home`; `stop()` ends it and removes the folder.

    `unprivileged` runs it as user nobody when the test run is root (PostgreSQL refuses root).
    """

    def __init__(self, name: str, *, stop_signal: str = "KILL", unprivileged: bool = False) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=f"tgstudio_{name}_"))
        self.log = self.home / "log"
        self._stop_signal = stop_signal
        self._user: dict[str, object] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        if unprivileged and os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.home, nobody.pw_uid, nobody.pw_gid)

    def run(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Run a preparing command as the server's user and wait for it; raises ServerFailedError with its output."""
        done = subprocess.run(
            command, env=dict(env), cwd=self.home, capture_output=True, text=True, check=False, **self._user
        )  # type: ignore[call-overload]
        if done.returncode:
            raise ServerFailedError(f"{command[0]} failed: {done.stdout}{done.stderr}")

    def start(self, command: Sequence[str], env: Mapping[str, str], *, litter: Sequence[str] = ()) -> None:
        """Start the server; `litter` are files outside `home` that go with it at the end."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=dict(env), cwd=self.home, stdout=log, stderr=log, start_new_session=True, **self._user
            )  # type: ignore[call-overload]
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", self._stop_signal, str(self._process.pid), str(self.home), *litter],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Raise ServerFailedError if the server has ended."""
        if self._process is None or self._process.poll() is not None:
            raise ServerFailedError(self.log.read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """End the server and remove its folder; to call it twice does no harm."""
        if self._process is not None and self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._process.wait(15)
            self._guard.wait(15)
        shutil.rmtree(self.home, ignore_errors=True)
