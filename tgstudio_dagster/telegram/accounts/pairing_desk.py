"""The desk of a process's pairings: where they are begun, answered and ended, by any thread.

What a pairing does stands in pairing.py; what came of one, in catalog/accounts/pairings.py. Who asks and how (a web page, the
command line) is not this module's matter.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar

from pydantic import SecretStr

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.models import Pairing as PairingRow
from tgstudio_dagster.catalog.accounts.pairings import fail_orphans, get_pairing, open_pairing
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import list_members
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.core.vocabulary import PAIRING_ENDS
from tgstudio_dagster.telegram.accounts.pairing import Pairing, What

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class PairingDesk:
    """Where pairings are begun and answered: for any thread of one process, which leads them on a loop of its own.

    What came of one is returned as its row, as it is then; `get_pairing` tells later. Of each person one pairing is at
    work, the newest. At its end (`close`, or leaving the block) those at work fail and are logged out.
    """

    def __init__(self, catalog: Catalog, vault: Vault, settings: TelegramSettings) -> None:
        if settings.api_id is None or settings.api_hash is None:
            raise SettingsError(
                "TELEGRAM_API_ID and TELEGRAM_API_HASH: not set; make an application at my.telegram.org and set both."
            ).coded("machine.telegram_keys")
        self._catalog = catalog
        self._vault = vault
        self._settings = settings
        self._at_work: dict[str, tuple[Pairing, asyncio.Task[None]]] = {}
        fail_orphans(catalog)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pairings", daemon=True)
        self._thread.start()

    def __enter__(self) -> PairingDesk:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def start_qr(self, principal: Principal, *, expected: Iterable[int] | None = None) -> PairingRow:
        """Begin a pairing by QR code: the row's `url` is what to show, renewed until its deadline.

        `expected` are Telegram users whose scan needs no `confirm`; None: those of `expected_users`.
        """
        return self._start(principal, None, expected)

    def start_phone(
        self, principal: Principal, phone: SecretStr, *, expected: Iterable[int] | None = None
    ) -> PairingRow:
        """Begin a pairing by phone number: Telegram sends a code, for `submit_code`."""
        return self._start(principal, phone, expected)

    def submit_code(self, principal: Principal, pairing_id: str, code: SecretStr) -> PairingRow:
        """Enter the code that Telegram sent."""
        return self._enter(principal, pairing_id, "code", code, "CODE_NEEDED")

    def resend_code(self, principal: Principal, pairing_id: str) -> PairingRow:
        """Have the code sent again, another way."""
        return self._enter(principal, pairing_id, "resend", SecretStr(""), "CODE_NEEDED")

    def submit_password(self, principal: Principal, pairing_id: str, password: SecretStr) -> PairingRow:
        """Enter the account's two-factor password."""
        return self._enter(principal, pairing_id, "password", password, "PASSWORD_NEEDED")

    def confirm(self, principal: Principal, pairing_id: str) -> PairingRow:
        """Accept the Telegram user whom the row names."""
        return self._enter(principal, pairing_id, "confirm", SecretStr(""), "CONFIRM_NEEDED")

    def decline(self, principal: Principal, pairing_id: str) -> PairingRow:
        """Refuse the Telegram user whom the row names: the new session is logged out, nothing is stored."""
        return self._enter(principal, pairing_id, "decline", SecretStr(""), "CONFIRM_NEEDED")

    def cancel(self, principal: Principal, pairing_id: str) -> PairingRow:
        """End it, whatever it waits for."""
        self._row(principal, pairing_id)
        self._do(self._end([pairing_id], "It was cancelled."))
        return self._finished_or_ours(principal, pairing_id)

    def close(self) -> None:
        """End those at work, and the desk."""
        if self._thread.is_alive():
            self._do(self._end(list(self._at_work), "The process was stopped."))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _start(self, principal: Principal, phone: SecretStr | None, expected: Iterable[int] | None) -> PairingRow:
        users = expected_users(self._catalog, principal) if expected is None else frozenset(expected)
        former = [one.id for one, _ in tuple(self._at_work.values()) if one.principal == principal]
        self._do(self._end(former, "Another pairing was begun."))
        row = open_pairing(
            self._catalog,
            principal,
            way="qr" if phone is None else "phone",
            deadline=utc_now() + timedelta(seconds=self._settings.pairing_seconds),
            attempts=self._settings.login_attempts,
        )
        self._do(self._lead(row, principal, phone, users))
        return row

    async def _lead(
        self, row: PairingRow, principal: Principal, phone: SecretStr | None, expected: frozenset[int]
    ) -> None:
        pairing = Pairing(
            row,
            principal,
            catalog=self._catalog,
            vault=self._vault,
            settings=self._settings,
            phone=phone,
            expected=expected,
        )
        task = asyncio.get_running_loop().create_task(pairing.run())
        self._at_work[row.id] = pairing, task
        task.add_done_callback(lambda done: self._ended(row.id, done))

    def _ended(self, pairing_id: str, task: asyncio.Task[None]) -> None:
        del self._at_work[pairing_id]
        if not task.cancelled() and (fault := task.exception()) is not None:
            _LOG.error("pairing %s failed", pairing_id, exc_info=fault)

    async def _end(self, pairing_ids: list[str], why: str) -> None:
        tasks = []
        for pairing, task in [self._at_work[one] for one in pairing_ids if one in self._at_work]:
            pairing.ended_by = why
            task.cancel()
            tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _enter(self, principal: Principal, pairing_id: str, what: What, value: SecretStr, status: str) -> PairingRow:
        row = self._finished_or_ours(principal, pairing_id)
        if row.status in PAIRING_ENDS:
            return row
        if row.status != status:
            raise ConflictError(f"Pairing {pairing_id} is {row.status}; that can be answered when it is {status}.")
        at_work = self._at_work.get(pairing_id)
        if at_work is not None:
            self._do(at_work[0].enter(what, value))
        return self._row(principal, pairing_id)

    def _finished_or_ours(self, principal: Principal, pairing_id: str) -> PairingRow:
        ours = pairing_id in self._at_work
        row = self._row(principal, pairing_id)
        if not ours and row.status not in PAIRING_ENDS:
            raise ConflictError(f"Pairing {pairing_id} is led by another process; answer it there.")
        return row

    def _row(self, principal: Principal, pairing_id: str) -> PairingRow:
        row = get_pairing(self._catalog, principal.tenant, pairing_id)
        if principal.role != "operator" and row.created_by != principal.user_id:
            raise NotFoundError(f"There is no pairing {pairing_id!r} of yours.")
        return row

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def expected_users(catalog: Catalog, principal: Principal) -> frozenset[int]:
    """Telegram users whose scan needs no confirmation: the principal's own, else those whose accounts are paired already."""
    for user, _ in list_members(catalog, principal.tenant):
        if user.id == principal.user_id and user.telegram_id is not None:
            return frozenset({user.telegram_id})
    accounts = list_accounts(catalog, principal)
    return frozenset(one.telegram_id for one in accounts if one.status != "removed" and one.telegram_id is not None)
