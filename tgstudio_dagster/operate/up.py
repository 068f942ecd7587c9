"""The processes of the embedded profile, started together on loopback and ended together: Dagster's, and the web app.

One code server holds the code and the runs. Dagster's web server and daemon would else start one each, and the daemon
another every minute.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import psutil
import yaml

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant, list_tenants
from tgstudio_dagster.core.errors import ConflictError, TGStudioError
from tgstudio_dagster.core.home import PROJECT, prepare_home
from tgstudio_dagster.core.settings import Settings, WebSettings
from tgstudio_dagster.web.auth.local import LocalAccounts, new_password

HOST = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 15
LOCATION = "tgstudio"
"""The code location's name, as workspace.yaml has it: Dagster keeps what is on and off by it."""
FIRST_TENANT = "main"
FIRST_LOGIN = "operator"


@dataclass
class Process:
    """One child and its name."""

    name: str
    popen: subprocess.Popen[bytes]


def up(settings: Settings, web: WebSettings, say: Callable[[str], None]) -> None:
    """Start everything, say the addresses, and stay until Ctrl-C; raises TGStudioError where a process ends by itself."""
    home = prepare_home(settings)
    for variable, port in (("TGSTUDIO_DAGSTER_PORT", settings.dagster_port), ("TGSTUDIO_WEB_PORT", web.port)):
        if _answers(port):
            raise ConflictError(f"{port} is taken on {HOST}. End what listens there, or set another.", field=variable)
    for line in first_start(settings):
        say(line)
    log = (home.parent / "up.log").open("ab")
    children: list[Process] = []
    sockets = TemporaryDirectory(prefix="tgstudio_up_")  # a socket's path has little room: the home's may be too long
    socket_path = Path(sockets.name) / "code"
    workspace = home / "workspace.yaml"
    server = {"grpc_server": {"socket": str(socket_path), "location_name": LOCATION}}
    workspace.write_text(yaml.safe_dump({"load_from": [server]}))
    # Children work in the project's folder, where another home would be meant by a relative one.
    environment = os.environ | {"TGSTUDIO_HOME": str(settings.home.resolve())}

    def start(name: str, *command: str) -> None:
        popen = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        children.append(Process(name, popen))

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = ["-m", "tgstudio_dagster.definitions", "--location-name", LOCATION, "-s", str(socket_path)]
        start("code server", "dagster", "api", "grpc", *code)
        start("web app", "tgstudio_dagster.asgi")
        say(f"starting; log: {log.name}")
        _wait_for("The code server", socket_path.exists, children)
        start(
            "web server of Dagster",
            "dagster_webserver",
            "-w",
            str(workspace),
            "-h",
            HOST,
            "-p",
            str(settings.dagster_port),
        )
        _wait_for(
            "Dagster's web server", lambda: _is_well(f"http://{HOST}:{settings.dagster_port}/server_info"), children
        )
        # One after the other: in a new home both would make Dagster's SQLite tables at once, and one of them fail for good.
        start("daemon", "dagster._daemon", "run", "-w", str(workspace))
        _wait_for("The web app", lambda: _is_well(f"http://{HOST}:{web.port}/readyz"), children)
        say(f"Studio   {web.origin}   (sign in here)")
        say(
            f"Dagster  http://{HOST}:{settings.dagster_port}   (lineage, runs, backfills; the operator's, never a tenant's)"
        )
        say("Ctrl-C ends everything.")
        while True:
            _check(children)
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("stopping")
    finally:
        _stop(children)
        log.close()
        sockets.cleanup()


def first_start(settings: Settings) -> list[str]:
    """Make a tenant where there is none, and an operator's account where nobody has a local one; returns what to say.

    The account's password is random, and in what is returned only.
    """
    said = []
    catalog = Catalog.open(settings)
    try:
        if not list_tenants(catalog):
            add_tenant(catalog, FIRST_TENANT, FIRST_TENANT.title())
            said.append(f"Made the tenant {FIRST_TENANT} to work in.")
    finally:
        catalog.close()
    accounts = LocalAccounts(settings)
    if not accounts.all():
        password = new_password()
        accounts.put(FIRST_LOGIN, "Operator", password, operator=True)
        said.append(f"Made an account to sign in with. It is shown this once: login {FIRST_LOGIN}, password")
        said.append(f"    {password.get_secret_value()}")
        said.append(f"`tgstudio user password {FIRST_LOGIN}` sets another.")
    return said


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _wait_for(what: str, well: Callable[[], bool], children: list[Process]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _check(children)
        if well():
            return
        time.sleep(0.3)
    raise TGStudioError(f"{what} did not answer within {START_SECONDS} s; up.log in TGSTUDIO_HOME says why.")


def _is_well(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


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
