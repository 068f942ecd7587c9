"""Pairing: from a QR code or a phone number to a sealed session of an account.

One pairing is one new session, led by one asyncio task of one process; what came of it so far is its row in the catalog
(catalog/accounts/pairings.py), where any process sees it. What Telegram is asked belongs to mtproto/login.py, how the
session is sealed to catalog/accounts/vault.py. A session that is not stored in the end is logged out again. Phone
numbers, codes and passwords stay in this process: no row, log or error holds one.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Literal, Unpack

from pydantic import SecretStr

from tgstudio_dagster.catalog.accounts.accounts import TgAccount, add_account, list_accounts
from tgstudio_dagster.catalog.accounts.models import Pairing as PairingRow
from tgstudio_dagster.catalog.accounts.pairings import PairingChanges, pairing_lease, update_pairing
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import FloodError, LeaseHeldError, PairingError, TGStudioError, UnreachableError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.removal import ON_THE_PHONE, leave, log_out_session, opened
from tgstudio_dagster.telegram.accounts.turns import session_turn
from tgstudio_dagster.telegram.mtproto.client import Client, Wait, connected
from tgstudio_dagster.telegram.mtproto.login import (
    QrCode,
    Step,
    WrongEntryError,
    by_qr,
    enter_code,
    enter_password,
    resend_code,
    send_code,
)
from tgstudio_dagster.telegram.mtproto.meaning import cause_of
from tgstudio_dagster.telegram.mtproto.peers import Me, me

_FORMER_SECONDS = 6.0
"""How long a session that this one replaces is waited for: enough for a listener to give way."""
What = Literal["code", "resend", "password", "confirm", "decline"]


@dataclass(frozen=True)
class _Entry:
    """What a person answers; `done` is set when the pairing has made up its mind about it."""

    what: What
    value: SecretStr = field(repr=False)
    done: asyncio.Future[None] = field(repr=False)


class Pairing:
    """One pairing at work. Made by a PairingDesk; everything here runs on the desk's loop."""

    def __init__(
        self,
        row: PairingRow,
        principal: Principal,
        *,
        catalog: Catalog,
        vault: Vault,
        settings: TelegramSettings,
        phone: SecretStr | None,
        expected: frozenset[int],
    ) -> None:
        self.id = row.id
        self.principal = principal
        self.ended_by = "The process was stopped."
        self._catalog = catalog
        self._vault = vault
        self._settings = settings
        self._phone = phone
        self._expected = expected
        self._deadline = row.deadline
        self._attempts_left = row.attempts_left
        self._entries: asyncio.Queue[_Entry] = asyncio.Queue()
        self._entry: _Entry | None = None
        self._signed_in = False
        self._account: TgAccount | None = None
        self._still_in: str | None = None
        self._over = False

    async def run(self) -> None:
        """Lead it to its end, which the row says; raises only for faults of TG Studio's own."""
        end: PairingChanges = {"status": "FAILED", "error": "TG Studio itself failed; its log says where."}
        try:
            with lease(self._catalog, pairing_lease(self.id)):
                try:
                    async with AsyncExitStack() as stack:
                        await self._attempt(stack)
                except TimeoutError:
                    end = {"status": "EXPIRED", "error": "It was not finished in time. Begin again."}
                except asyncio.CancelledError:
                    end = {"status": "FAILED", "error": self.ended_by}
                except TGStudioError as error:
                    end = {"status": "FAILED", "error": _reason(error)}
                finally:
                    self._finish(end)
        finally:
            self._over = True
            self._answered()
            while not self._entries.empty():
                self._entries.get_nowait().done.set_result(None)

    async def enter(self, what: What, value: SecretStr) -> None:
        """Hand in an answer and wait for what it leads to."""
        if self._over:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._entries.put_nowait(_Entry(what, value, done))
        await done

    async def _attempt(self, stack: AsyncExitStack) -> None:
        async with asyncio.timeout((self._deadline - utc_now()).total_seconds()):
            client = await stack.enter_async_context(
                connected(self._settings, None, updates=True, on_wait=self._waiting)
            )
            stack.push_async_callback(self._leave, client)
            who = await self._sign_in(client)
            await self._confirm(who)
        await self._store(client, who)

    def _finish(self, end: PairingChanges) -> None:
        if self._account is not None:
            end = {"status": "AUTHORIZED", "error": None, "account_id": self._account.id}
        elif self._still_in is not None:
            end["error"] = f"{end['error']} The new session could not be logged out ({self._still_in}): {ON_THE_PHONE}."
        self._set(**end)

    async def _sign_in(self, client: Client) -> Me:
        if self._phone is None:
            step = await by_qr(client, self._show)
        else:
            step = await self._by_code(client, self._phone)
        if step is Step.PASSWORD_NEEDED:
            await self._by_password(client)
        self._signed_in = True
        return await me(client)

    async def _by_code(self, client: Client, phone: SecretStr) -> Step:
        sent = await send_code(client, phone)
        error = None
        while not isinstance(sent, Step):
            entry = await self._next("code", "resend", status="CODE_NEEDED", error=error)
            error = None
            try:
                if entry.what == "code":
                    return await enter_code(client, phone, sent, entry.value)
                sent = await resend_code(client, phone, sent)
            except WrongEntryError as wrong:
                error = self._count(wrong)
            except (PairingError, FloodError) as refused:
                if entry.what == "code":
                    raise
                # The code that was sent before is still good.
                error = str(refused)
        return sent

    async def _by_password(self, client: Client) -> None:
        error = None
        while True:
            entry = await self._next("password", status="PASSWORD_NEEDED", error=error, url=None, url_expires_at=None)
            try:
                await enter_password(client, entry.value)
                return
            except WrongEntryError as wrong:
                error = self._count(wrong)

    async def _confirm(self, who: Me) -> None:
        """Have a Telegram user that nobody expected accepted by the person who pairs."""
        known: PairingChanges = {"telegram_id": who.telegram_id, "name": who.name, "error": None}
        known |= {"url": None, "url_expires_at": None}
        if who.telegram_id in self._expected:
            self._set(**known)
            return
        asked: PairingChanges = {**known, "status": "CONFIRM_NEEDED"}
        entry = await self._next("confirm", "decline", **asked)
        if entry.what == "decline":
            raise PairingError(f"{who.name} ({who.telegram_id}) was declined; nothing is stored.")

    async def _store(self, client: Client, who: Me) -> None:
        """Seal the session; one that the same account had until now is logged out (an expired one is out already)."""
        tenant = self.principal.tenant
        accounts = list_accounts(self._catalog, tenant)
        former = next((one for one in accounts if one.telegram_id == who.telegram_id), None)
        if former is None or former.status != "active":
            self._add(client, who)
            return
        try:
            async with session_turn(self._catalog, former.id, wait=_FORMER_SECONDS):
                old = opened(self._catalog, tenant, self._vault, former.id)
                self._add(client, who)
                if isinstance(old, SecretStr):
                    await log_out_session(self._settings, old)
        except LeaseHeldError:
            # It is being read with the former session: that run ends well, and the session is the person's to end.
            self._add(client, who)

    def _add(self, client: Client, who: Me) -> None:
        self._account = add_account(
            self._catalog,
            self.principal.tenant,
            self._vault,
            telegram_id=who.telegram_id,
            name=who.name,
            username=who.username,
            session=client.session(),
            paired_by=self.principal.user_id,
        )

    async def _leave(self, client: Client) -> None:
        """Log the new session out, unless it was stored. Tried whatever is known: its sign-in may just have succeeded."""
        if self._account is None:
            why = await leave(client)
            self._still_in = why if self._signed_in else None

    def _show(self, code: QrCode) -> None:
        self._set(url=code.url, url_expires_at=code.expires_at, error=None)

    def _waiting(self, wait: Wait) -> None:
        self._set(error=f"Telegram asks to wait until {wait.until:%H:%M:%S} UTC; it goes on by itself.")

    def _count(self, wrong: WrongEntryError) -> str:
        self._attempts_left -= 1
        self._set(attempts_left=self._attempts_left)
        if self._attempts_left <= 0:
            raise PairingError(f"{wrong} That was the last attempt; begin again.")
        return f"{wrong} Attempts left: {self._attempts_left}."

    async def _next(self, *what: What, **changes: Unpack[PairingChanges]) -> _Entry:
        """The next answer of one of these kinds; whoever gave the one before learns what it led to."""
        self._set(**changes)
        while True:
            self._answered()
            self._entry = await self._entries.get()
            if self._entry.what in what:
                return self._entry

    def _answered(self) -> None:
        if self._entry is not None and not self._entry.done.done():
            self._entry.done.set_result(None)

    def _set(self, **changes: Unpack[PairingChanges]) -> None:
        update_pairing(self._catalog, self.principal.tenant, self.id, **changes)


def _reason(error: TGStudioError) -> str:
    """The error as the end of a pairing: nothing goes on by itself here."""
    match error:
        case FloodError():
            return f"{error.method}: Telegram asks to wait until {error.until:%Y-%m-%d %H:%M:%S} UTC. Begin again then."
        case UnreachableError():
            cause = cause_of(error.__cause__)
            return f"Telegram can't be reached now ({cause}). See to the network, or to TELEGRAM_PROXY; begin again."
        case _:
            return str(error)
