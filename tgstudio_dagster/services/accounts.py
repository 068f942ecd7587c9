"""The tenant's Telegram accounts: which there are, what Telegram makes them wait for, pairing and removing them."""

from __future__ import annotations

from datetime import datetime

from pydantic import SecretStr

from tgstudio_dagster.catalog.accounts.accounts import TgAccount, get_account, list_accounts
from tgstudio_dagster.catalog.accounts.pairings import Pairing, get_pairing, list_pairings
from tgstudio_dagster.catalog.accounts.waits import Wait, list_waits
from tgstudio_dagster.core.errors import FieldError, NotFoundError
from tgstudio_dagster.core.settings import telegram_settings
from tgstudio_dagster.core.vocabulary import PAIRING_ENDS
from tgstudio_dagster.services.chats import patient_settings
from tgstudio_dagster.services.scope import Service, does
from tgstudio_dagster.telegram.accounts.removal import Removal, remove_account

__all__ = ["Accounts", "Pairing", "Pairings", "Removal", "TgAccount", "Wait"]


class Accounts(Service):
    """The tenant's accounts."""

    @does("accounts.all")
    def all(self) -> list[TgAccount]:
        """The tenant's accounts, oldest first, removed ones too."""
        return list_accounts(self.scope.catalog, self.scope.principal)

    @does("accounts.get")
    def get(self, account_id: str) -> TgAccount:
        """One of the tenant's accounts. Raises NotFoundError."""
        return get_account(self.scope.catalog, self.scope.principal, account_id)

    @does("accounts.waits")
    def waits(self, now: datetime | None = None) -> list[Wait]:
        """The flood waits of the tenant's accounts that are not over."""
        return list_waits(self.scope.catalog, self.scope.principal, now=now or self.scope.clock())

    @does("accounts.remove")
    def remove(self, account_id: str) -> Removal:
        """Log the account out and erase its session. Raises what `telegram.accounts.removal.remove_account` does."""
        return remove_account(
            self.scope.catalog,
            self.scope.principal,
            account_id,
            open_vault=self.scope.open_vault,
            settings=patient_settings(),
        )


class Pairings(Service):
    """Pairings that the principal has begun: whoever sees one's code could take the account, so they are nobody else's."""

    @does("pairings.begin_qr")
    def begin_qr(self) -> Pairing:
        """Begin a pairing by QR code; one of the principal's that is at work ends."""
        return self.scope.open_desk().start_qr(self.scope.principal)

    @does("pairings.begin_phone")
    def begin_phone(self, phone: SecretStr) -> Pairing:
        """Begin a pairing by phone number: Telegram sends a code."""
        return self.scope.open_desk().start_phone(self.scope.principal, phone)

    @does("pairings.get")
    def get(self, pairing_id: str) -> Pairing:
        """How far the pairing has come. Raises NotFoundError for one that the principal has not begun."""
        return self._get(pairing_id)

    @does("pairings.lacking")
    def lacking(self) -> tuple[str, ...]:
        """The settings of this machine that pairing needs and that are not set, by the names of their variables."""
        telegram = telegram_settings()
        unset = {"TELEGRAM_API_ID": telegram.api_id is None, "TELEGRAM_API_HASH": telegram.api_hash is None}
        try:
            self.scope.open_vault()
        except FieldError as error:
            unset[error.field or "SESSION_KEY_1"] = True
        return tuple(name for name, lacks in unset.items() if lacks)

    @does("pairings.own")
    def own(self) -> Pairing | None:
        """The principal's newest pairing that is at work, None where there is none."""
        rows = list_pairings(self.scope.catalog, self.scope.principal)
        newest = next((row for row in rows if row.created_by == self.scope.principal.user_id), None)
        if newest is None or newest.status in PAIRING_ENDS or newest.deadline < self.scope.clock():
            return None
        return newest

    @does("pairings.submit_code")
    def submit_code(self, pairing_id: str, code: SecretStr) -> Pairing:
        """Enter the code that Telegram sent."""
        return self.scope.open_desk().submit_code(self.scope.principal, self._get(pairing_id).id, code)

    @does("pairings.resend_code")
    def resend_code(self, pairing_id: str) -> Pairing:
        """Have the code sent again, another way where Telegram has one."""
        return self.scope.open_desk().resend_code(self.scope.principal, self._get(pairing_id).id)

    @does("pairings.submit_password")
    def submit_password(self, pairing_id: str, password: SecretStr) -> Pairing:
        """Enter the account's two-factor password."""
        return self.scope.open_desk().submit_password(self.scope.principal, self._get(pairing_id).id, password)

    @does("pairings.confirm")
    def confirm(self, pairing_id: str) -> Pairing:
        """Accept who has scanned: that account is paired."""
        return self.scope.open_desk().confirm(self.scope.principal, self._get(pairing_id).id)

    @does("pairings.decline")
    def decline(self, pairing_id: str) -> Pairing:
        """Refuse who has scanned: the new session is logged out and nothing is stored."""
        return self.scope.open_desk().decline(self.scope.principal, self._get(pairing_id).id)

    @does("pairings.cancel")
    def cancel(self, pairing_id: str) -> Pairing:
        """End the pairing, whatever it waits for."""
        return self.scope.open_desk().cancel(self.scope.principal, self._get(pairing_id).id)

    def _get(self, pairing_id: str) -> Pairing:
        principal = self.scope.principal
        row = get_pairing(self.scope.catalog, principal, pairing_id)
        if principal.role != "operator" and row.created_by != principal.user_id:
            raise NotFoundError(f"There is no pairing {pairing_id!r} of yours.")
        return row
