"""The processes of the embedded profile, started together on loopback and ended together.

Dagster's web server and daemon share one code server. The front end joins them later.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import psutil

from tgstudio_dagster.errors import ConflictError, TGStudioError
from tgstudio_dagster.home import PROJECT, prepare_home
from tgstudio_dagster.settings import Settings

HOST = "127.0.0.1"
START_SECONDS = 90
STOP_SECONDS = 15


@dataclass
class Process:
    """One child and its name."""

    name: str
    popen: subprocess.Popen[bytes]


def up(settings: Settings, say: Callable[[str], None]) -> None:
    """Start everything, say the addresses, and stay until Ctrl-C; raises TGStudioError where a process ends by itself."""
    home = prepare_home(settings)
    port = settings.dagster_port
    if _answers(port):
        raise ConflictError(
            f"TGSTUDIO_DAGSTER_PORT: {port} is taken on {HOST}. End what listens there, or set another."
        )
    log = (home.parent / "up.log").open("ab")
    children: list[Process] = []

    def start(name: str, *command: str) -> None:
        popen = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=PROJECT, stdout=log, stderr=log, start_new_session=True
        )
        children.append(Process(name, popen))

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        workspace = ["-w", str(PROJECT / "workspace.yaml")]
        start("web server", "dagster_webserver", *workspace, "-h", HOST, "-p", str(port))
        say(f"starting; log: {log.name}")
        _wait_for(f"http://{HOST}:{port}/server_info", children)
        # One after the other: in a new home both would make Dagster's SQLite tables at once, and one of them fail for good.
        start("daemon", "dagster._daemon", "run", *workspace)
        say(f"Dagster  http://{HOST}:{port}   (lineage, runs, backfills; the operator's, never a tenant's)")
        say("Ctrl-C ends everything.")
        while True:
            _check(children)
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("stopping")
    finally:
        _stop(children)
        log.close()


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _wait_for(url: str, children: list[Process]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _check(children)
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise TGStudioError(f"{url} did not answer within {START_SECONDS} s; the log in TGSTUDIO_HOME says why.")


def _check(children: list[Process]) -> None:
    for child in children:
        if (code := child.popen.poll()) is not None:
            raise TGStudioError(f"the {child.name} ended with code {code}; up.log in TGSTUDIO_HOME says why.")


def _stop(children: list[Process]) -> None:
    """Ask each process to end, then end its whole group: code servers and runs are children of theirs."""
    family = [p for child in children if psutil.pid_exists(child.popen.pid) for p in _tree(child.popen.pid)]
    for child in reversed(children):
        if child.popen.poll() is None:
            child.popen.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=5)
    for child in children:
        child.popen.wait(timeout=5)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
