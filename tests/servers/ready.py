"""Python processes that begin at once: forks of one that has loaded the project already.

Only how a process begins belongs here. To load the project takes a process two to four seconds of computing, more than most
tests then do; a fork of one that has loaded it is a process as any other, with its own environment, to be killed as any.
What depends on loading itself (`tgstudio up`, the demo, a first import) is started as users start it instead.

    process = ready_python().start(COMMAND, "top", "--tenant", "demo", env=…)
    out, err = process.communicate(timeout=60)
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tgstudio_dagster.core.settings import settings, telegram_settings, web_settings

COMMAND = "from tgstudio_dagster.cli import main; main()"
"""The code of `tgstudio`."""

_SERVE = "from tests.servers.ready import serve; serve()"
# A program that does as the one it is a fork of: it hands over what it was started with, and ends as the fork ends.
_PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
said = dict(code={code!r}, arguments=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd(), session=False)
socket.send_fds(connection, [json.dumps(said).encode() + b"\\n"], [0, 1, 2])
answer = connection.makefile()
answer.readline()
sys.exit(int(answer.readline() or 1) % 256)
"""


class ReadyProcess:
    """A fork at work; as `subprocess.Popen[str]` where tests need it."""

    def __init__(self, connection: socket.socket, ours: list[IO[str] | None]) -> None:
        self._connection = connection
        self._answer = connection.makefile()
        self.pid = int(self._answer.readline())
        self.stdin, self.stdout, self.stderr = ours
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None while it is at work."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self._ended()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._ended()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, typed: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Type, then read to its end: what it prints and its errors, each empty where it goes elsewhere."""
        if self.stdin is not None and not self.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.write(typed or "")
                self.stdin.close()
        read: dict[int, str] = {}

        def take(number: int, stream: IO[str]) -> None:
            with stream:
                read[number] = stream.read()

        streams = [(n, one) for n, one in enumerate((self.stdout, self.stderr)) if one is not None and not one.closed]
        readers = [threading.Thread(target=take, args=one, daemon=True) for one in streams]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        return read.get(0, ""), read.get(1, "")

    def _ended(self) -> None:
        self.returncode = int(self._answer.readline())
        self._answer.close()
        self._connection.close()


class ReadyPython:
    """A process that has loaded these modules and forks; it ends with this one."""

    def __init__(self, *modules: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tgstudio_ready_"))
        self._address = str(self._folder / "socket")
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVE, self._address, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    def start(
        self,
        code: str,
        *arguments: str,
        env: Mapping[str, str],
        stdin: int = subprocess.PIPE,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        session: bool = False,
    ) -> ReadyProcess:
        """Run code as `python -c` does; streams as Popen's; `session`: in a session of its own."""
        ours: list[IO[str] | None] = []
        theirs: list[int] = []
        made: list[int] = []
        for stream, mode in ((stdin, "w"), (stdout, "r"), (stderr, "r")):
            if stream == subprocess.PIPE:
                read, write = os.pipe()
                here, there = (write, read) if mode == "w" else (read, write)
                ours.append(os.fdopen(here, mode))
                theirs.append(there)
                made.append(there)
            elif stream == subprocess.DEVNULL:
                ours.append(None)
                theirs.append(os.open(os.devnull, os.O_RDWR))
                made.append(theirs[-1])
            else:
                ours.append(None)
                theirs.append(theirs[1] if stream == subprocess.STDOUT else stream)
        said = {
            "code": code,
            "arguments": list(arguments),
            "environment": dict(env),
            "folder": str(Path.cwd()),
            "session": session,
        }
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        socket.send_fds(connection, [json.dumps(said).encode() + b"\n"], theirs)
        for one in made:
            os.close(one)
        return ReadyProcess(connection, ours)

    def program(self, path: Path, code: str) -> None:
        """Write a program to `path` that runs code with the arguments, environment, folder and streams it is given."""
        path.write_text(_PROGRAM.format(python=sys.executable, address=self._address, code=code))
        path.chmod(0o755)

    def stop(self) -> None:
        """End it; what it has forked goes on."""
        self._server.communicate(timeout=15)
        shutil.rmtree(self._folder, ignore_errors=True)


def serve() -> None:
    """Load the modules, then fork for each request, until standard input ends."""
    address, *modules = sys.argv[1:]
    for module in modules:
        importlib.import_module(module)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    print("ready", flush=True)
    while True:
        if sys.stdin in (ready := select.select([listener, sys.stdin], [], [])[0]):
            return
        if ready:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _keep(connection)
            connection.close()


def _keep(connection: socket.socket) -> None:
    """In a process of its own: fork what is asked for, and say its id and, in the end, its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    received, streams, *_ = socket.recv_fds(connection, 1 << 20, 3)
    while not received.endswith(b"\n"):
        received += connection.recv(1 << 20)
    if (pid := os.fork()) == 0:
        connection.close()
        _become(json.loads(received), streams)
    for stream in streams:
        os.close(stream)
    connection.sendall(f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(f"{code}\n".encode())
    os._exit(0)


def _become(said: dict[str, Any], streams: list[int]) -> None:
    """The process that was asked for, to its end."""
    if said["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(said["environment"])
    os.chdir(said["folder"])
    for cache in (settings, telegram_settings, web_settings):
        cache.cache_clear()  # what was read while the modules were loaded is of another environment
    unbuffered = bool(said["environment"].get("PYTHONUNBUFFERED"))
    sys.stdin, sys.stdout, sys.stderr = (
        open(n, mode, 1 if n == 2 or unbuffered or os.isatty(n) else -1, encoding="utf-8")  # noqa: PTH123, SIM115
        for n, mode in enumerate("rww")
    )
    sys.argv = ["-c", *said["arguments"]]
    code: Any = 0
    try:
        exec(said["code"], {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:  # noqa: BLE001 - whatever ends it, it says why and how it ended
        traceback.print_exc()
        code = 1
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    with contextlib.suppress(BrokenPipeError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(int(code or 0))


@functools.cache
def ready_python() -> ReadyPython:
    """The one of this test run that has loaded the commands, and all that the main job loads while it works."""
    made = ReadyPython(
        "dagster", "tgstudio_dagster.cli", "tgstudio_dagster.definitions", "tgstudio_dagster.reader.access",
        "tgstudio_dagster.services", "sklearn.decomposition", "sklearn.cluster", "umap.umap_", "PIL.ImageFont", "tantivy",
    )  # fmt: skip
    atexit.register(made.stop)
    return made
