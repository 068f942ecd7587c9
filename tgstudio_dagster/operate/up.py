"""`tgstudio up`: everything on this machine, started together on loopback, kept alive, and ended together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import yaml

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant, list_tenants
from tgstudio_dagster.core.errors import ConflictError
from tgstudio_dagster.core.home import PROJECT, prepare_home
from tgstudio_dagster.core.settings import ReaderSettings, Settings, WebSettings
from tgstudio_dagster.core.settings.machine import DAGSTER_PATH
from tgstudio_dagster.core.sockets import is_socket_taken
from tgstudio_dagster.operate.processes import HOST, LOCATION, Places, is_taken, programs
from tgstudio_dagster.operate.standing import noted
from tgstudio_dagster.operate.supervisor import Supervisor
from tgstudio_dagster.services.local_accounts import LocalAccounts, new_password

FIRST_TENANT = "main"
FIRST_LOGIN = "operator"
_LOOK_SECONDS = 0.5


def up(settings: Settings, web: WebSettings, reader: ReaderSettings, say: Callable[[str], None]) -> None:
    """Start everything, say the addresses, and stay until Ctrl-C; raises TGStudioError where an essential process won't live.

    One that dies is started again, and that is said; see `supervisor.py` for how often.
    """
    home = prepare_home(settings)
    with (
        TemporaryDirectory(prefix="tgstudio_up_") as sockets,
        (home.parent / "up.log").open("ab") as log,
        ExitStack() as left,
    ):
        # A socket's path has little room: the home's may be too long.
        places = Places(settings, web, reader, Path(sockets) / "code", home / "workspace.yaml")
        for variable, port in places.ports().items():
            if is_taken(port):
                raise ConflictError(
                    f"{port} is taken on {HOST}. End what listens there, or set another.", field=variable
                )
        if is_socket_taken(settings.dagster_socket_path):
            raise ConflictError(
                f"{settings.dagster_socket_path} is taken: another `tgstudio up` runs in this home. End it first.",
                field="TGSTUDIO_DAGSTER_SOCKET",
            )
        left.enter_context(noted(settings, places.ports()))
        for line in first_start(settings):
            say(line)
        server = {"grpc_server": {"socket": str(places.socket), "location_name": LOCATION}}
        places.workspace.write_text(yaml.safe_dump({"load_from": [server]}))
        # Children work in the project's folder, where another home would be meant by a relative one.
        environment = os.environ | {"TGSTUDIO_HOME": str(settings.home.resolve())}
        supervisor = Supervisor(programs(places), folder=PROJECT, environment=environment, log=log, say=say)
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            say(f"starting; log: {log.name}")
            supervisor.start()
            say(f"Studio   {web.origin}   (sign in here)")
            say(f"Dagster  {web.origin}{DAGSTER_PATH}   (lineage, runs, backfills; for operators who are signed in)")
            say("Ctrl-C ends everything.")
            while True:
                supervisor.look()
                time.sleep(_LOOK_SECONDS)
        except KeyboardInterrupt:
            say("stopping")
        finally:
            supervisor.stop()


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
