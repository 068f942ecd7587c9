"""The processes of the embedded profile, declared: what `tgstudio up` keeps alive on this machine.

One code server holds the code and the runs; Dagster's web server and daemon would else start one each, and the daemon
another every minute. How they are kept alive is `supervisor.py`'s.
"""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tgstudio_dagster.capabilities import capabilities
from tgstudio_dagster.core.settings import ReaderSettings, Settings, WebSettings
from tgstudio_dagster.core.sockets import is_socket_taken
from tgstudio_dagster.operate.supervisor import Program

HOST = "127.0.0.1"
LOCATION = "tgstudio"
"""The code location's name, as workspace.yaml has it: Dagster keeps what is on and off by it."""


@dataclass(frozen=True)
class Places:
    """Where the processes meet: the settings that name ports, the code server's socket, the workspace's file."""

    settings: Settings
    web: WebSettings
    reader: ReaderSettings
    socket: Path
    workspace: Path

    def ports(self) -> dict[str, int]:
        """The ports that must be free, by the variable that sets each."""
        ports = {"TGSTUDIO_WEB_PORT": self.web.port}
        return ports | ({"TGSTUDIO_READER_PORT": self.reader.port} if self.reader.port else {})


def programs(places: Places) -> list[Program]:
    """What is to live, in the order of starting.

    Dagster's web server comes before its daemon: in a new home both would make Dagster's SQLite tables at once, and one of
    them fail for good. Processes of capabilities are started last.
    """
    code = ["api", "grpc", "-m", "tgstudio_dagster.definitions", "--location-name", LOCATION, "-s", str(places.socket)]
    dagster = places.settings.dagster_socket_path
    return [
        Program("web app", _python("tgstudio_dagster.asgi"), _answers(places.web.port, "/readyz"), awaited=False),
        Program(
            "reader",
            _python("tgstudio_dagster.reader"),
            _answers(places.reader.port, "/healthz") if places.reader.port else _at_once,
            essential=False,
            awaited=False,
        ),
        Program(
            "code server",
            _python("dagster", *code),
            places.socket.exists,
            essential=False,
            prepare=lambda: places.socket.unlink(missing_ok=True),
        ),
        Program(
            "web server of Dagster",
            _python("tgstudio_dagster.orchestration.web_server", "-w", str(places.workspace)),
            lambda: is_socket_taken(dagster),
            essential=False,
        ),
        Program("daemon", _python("dagster._daemon", "run", "-w", str(places.workspace)), _at_once, essential=False),
        *(
            Program(name, _python(module), _at_once, essential=False, awaited=False)
            for capability in capabilities().values()
            for name, module in capability.processes.items()
        ),
    ]


def is_taken(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _at_once() -> bool:
    return True


def _answers(port: int, path: str) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    return asked
