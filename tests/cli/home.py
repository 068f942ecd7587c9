"""A home whose commands are run as a person runs them: processes of their own, in the environment of the test server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pydantic import SecretStr

from tests.servers.ready import COMMAND, ReadyProcess, ready_python
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import User
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, add_account
from tgstudio_dagster.catalog.accounts.pairings import Pairing, list_pairings
from tgstudio_dagster.catalog.accounts.vault import Vault, new_key
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant


class Home:
    """A home with one tenant, and the environment of its commands."""

    def __init__(self, folder: Path, telegram: TelegramServer, *, tenant: str = "demo") -> None:
        self.folder, self.tenant = folder, tenant
        folder.mkdir(exist_ok=True)
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
        self.catalog.upgrade()
        add_tenant(self.catalog, tenant, tenant.title())
        self.telegram = telegram
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("TELEGRAM_", "SESSION_KEY_"))
        }
        self.environment = clean | telegram.environment(folder)
        self.environment |= {"TGSTUDIO_HOME": str(folder), "SESSION_KEY_1": new_key(), "PYTHONUTF8": "1"}

    def start(self, *arguments: str) -> ReadyProcess:
        """A command that is at work."""
        return ready_python().start(COMMAND, *arguments, env=self.environment, session=True)

    def at_terminal(self, terminal: int, *arguments: str) -> subprocess.Popen[bytes]:
        """A command at a terminal, of which it learns as it loads; in a session of its own, so that it asks there."""
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            env=self.environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )

    def run(self, *arguments: str, typed: str = "", code: int = 0) -> str:
        """What a command prints; its errors where it is to fail."""
        return self.end(self.start(*arguments), typed=typed, code=code)

    def end(self, process: ReadyProcess, *, typed: str = "", code: int = 0) -> str:
        """What a command that was started prints until its end."""
        out, err = process.communicate(typed, timeout=300)
        assert process.returncode == code, err
        return out if code == 0 else err

    def showing(self) -> Pairing:
        """The pairing at work, once it shows a code."""
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up:
            for row in list_pairings(self.catalog, self.tenant):
                if row.status == "PENDING" and row.url:
                    return row
            time.sleep(0.05)
        raise AssertionError("no code is shown")

    def pair(self, user: User, *, tenant: str | None = None) -> TgAccount:
        """Pair the user, with the home's tenant or another one, without asking anybody."""
        session = SecretStr(self.telegram.session(user))
        return add_account(
            self.catalog, tenant or self.tenant, Vault.from_environment(self.environment),
            telegram_id=user.id, name=user.first, username=None, session=session, paired_by=None,
        )  # fmt: skip

    def scan(self, user: User) -> None:
        url = self.showing().url
        assert url is not None
        self.telegram.accept_qr(url, user)
