"""Accounts that are removed: logged out and erased, whatever state Telegram and the key are in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.telegram.model import User
from tests.telegram.office import OPERATOR, Office
from tgstudio_dagster.catalog.accounts.accounts import get_account, session_lease
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.core.errors import ConflictError, LeaseHeldError
from tgstudio_dagster.telegram.accounts.removal import remove_account


@pytest.fixture
def paired(office: Office) -> tuple[str, User]:
    """An account that is paired, and its user."""
    alice = office.telegram.add_user("Alice")
    row = office.desk().start_qr(OPERATOR, expected=[alice.id])
    office.scan(row, alice)
    return str(office.until(row, "AUTHORIZED").account_id), alice


def remove(office: Office, account_id: str, **changes: Any) -> str:
    return str(
        remove_account(
            office.catalog,
            OPERATOR,
            account_id,
            open_vault=lambda: office.vault,
            settings=office.settings(**changes),
            wait=0,
        )
    )


def test_removing_an_account_logs_it_out_and_erases_its_session(office: Office, paired: tuple[str, User]) -> None:
    account_id, alice = paired
    assert remove(office, account_id).endswith("it is logged out at Telegram.")
    account = get_account(office.catalog, "demo", account_id)
    assert (account.status, account.session_cipher) == ("removed", None)
    assert office.sessions(alice) == 0
    assert [entry.action for entry in list_audit(office.catalog, "demo")] == ["account.remove", "account.pair"]
    with pytest.raises(ConflictError, match="removed already"):
        remove(office, account_id)


def test_a_session_that_was_ended_before_is_logged_out(office: Office, paired: tuple[str, User]) -> None:
    account_id, alice = paired
    office.telegram.revoke(alice)
    assert remove(office, account_id).endswith("it is logged out at Telegram.")


def test_an_account_is_erased_even_where_telegram_can_not_be_reached(office: Office, paired: tuple[str, User]) -> None:
    account_id, alice = paired
    office.telegram.fail("auth.logOut", silent=True, times=None)
    said = remove(office, account_id, retries=0, request_seconds=0.3)
    assert "could not be logged out at Telegram (Telegram can't be reached now): end it in Telegram" in said
    assert get_account(office.catalog, "demo", account_id).session_cipher is None
    assert office.sessions(alice) == 1


def test_an_account_whose_key_is_lost_can_still_be_erased(office: Office, paired: tuple[str, User]) -> None:
    account_id, _ = paired
    office.vault = Vault({2: bytes(32)})
    assert "SESSION_KEY_1, which is not set" in remove(office, account_id)
    assert get_account(office.catalog, "demo", account_id).status == "removed"


def test_an_account_that_is_in_use_is_not_removed_under_the_reader(office: Office, paired: tuple[str, User]) -> None:
    account_id, alice = paired
    with lease(office.catalog, session_lease(account_id)), pytest.raises(LeaseHeldError):
        remove(office, account_id)
    assert office.reads_as(account_id) == alice.id
