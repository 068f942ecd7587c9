"""A tenant, a vault, and a desk at which the tenant's accounts are paired with the test's Telegram."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import User
from tgstudio_dagster.catalog.accounts.accounts import session_of
from tgstudio_dagster.catalog.accounts.pairings import Pairing, get_pairing
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.core.vocabulary import PAIRING_ENDS
from tgstudio_dagster.telegram.accounts.pairing_desk import PairingDesk
from tgstudio_dagster.telegram.mtproto.client import connected
from tgstudio_dagster.telegram.mtproto.peers import me

OPERATOR = Principal("demo", None, "operator")
PHONE = SecretStr("+7 999 111-22-33")
PASSWORD = "correct horse battery"


class Office:
    """A tenant, a vault, and a desk at which the tenant's accounts are paired with the test's Telegram."""

    def __init__(self, catalog: Catalog, telegram: TelegramServer, folder: Path) -> None:
        self.catalog = catalog
        self.telegram = telegram
        self.folder = folder
        self.vault = Vault({1: bytes(range(32))})
        self._desks: list[PairingDesk] = []

    def settings(self, **changes: Any) -> TelegramSettings:
        return self.telegram.settings(self.folder, **({"retries": 1, "request_seconds": 5} | changes))

    def desk(self, **changes: Any) -> PairingDesk:
        self._desks.append(PairingDesk(self.catalog, self.vault, self.settings(**changes)))
        return self._desks[-1]

    def until(self, row: Pairing, *statuses: str) -> Pairing:
        """The pairing once it has one of these statuses, and shows a code where it is PENDING."""
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up:
            row = get_pairing(self.catalog, "demo", row.id)
            if row.status in statuses and (row.status != "PENDING" or row.url):
                return row
            assert row.status not in PAIRING_ENDS, f"{row.status}: {row.error}"
            time.sleep(0.02)
        raise AssertionError(f"still {row.status}: {row.error}")

    def scan(self, row: Pairing, user: User) -> None:
        url = self.until(row, "PENDING").url
        assert url is not None
        self.telegram.accept_qr(url, user)

    def reads_as(self, account_id: str | None) -> int:
        """Whose session the account's sealed one is, asked from Telegram."""
        assert account_id is not None
        session = session_of(self.catalog, "demo", self.vault, account_id)

        async def ask() -> int:
            async with connected(self.settings(), session) as client:
                return (await me(client)).telegram_id

        return asyncio.run(ask())

    def sessions(self, user: User) -> int:
        """How many sessions of the user Telegram knows."""
        return sum(key.user is user for key in self.telegram.keys.values())

    def close(self) -> None:
        for desk in self._desks:
            desk.close()
