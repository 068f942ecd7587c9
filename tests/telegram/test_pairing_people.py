"""Who has scanned: whom a pairing takes without asking, whom it asks about, and an account that is paired again."""

from __future__ import annotations

import pytest

from tests.telegram.office import OPERATOR, Office
from tgstudio_dagster.catalog.accounts.accounts import list_accounts, session_lease
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.money.plans import set_plan

pytestmark = pytest.mark.timeout(150)  # half a pairing's own deadline: one that is ended does not go on to it


def test_a_scan_by_an_unexpected_user_is_shown_before_it_is_stored(office: Office) -> None:
    mallory = office.telegram.add_user("Mallory")
    desk = office.desk()
    row = desk.start_qr(OPERATOR)
    office.scan(row, mallory)
    row = office.until(row, "CONFIRM_NEEDED")
    assert (row.telegram_id, row.name, row.account_id) == (mallory.id, "Mallory", None)
    assert list_accounts(office.catalog, "demo") == []
    row = desk.confirm(OPERATOR, row.id)
    assert row.status == "AUTHORIZED"
    assert office.reads_as(row.account_id) == mallory.id


def test_a_declined_session_is_logged_out_and_not_stored(office: Office) -> None:
    mallory = office.telegram.add_user("Mallory")
    desk = office.desk()
    row = desk.start_qr(OPERATOR, expected=[mallory.id + 1])
    office.scan(row, mallory)
    row = desk.decline(OPERATOR, office.until(row, "CONFIRM_NEEDED").id)
    assert (row.status, row.error) == ("FAILED", f"Mallory ({mallory.id}) was declined; nothing is stored.")
    assert list_accounts(office.catalog, "demo") == []
    assert office.sessions(mallory) == 0


def test_a_declined_session_that_can_not_be_logged_out_is_named(office: Office) -> None:
    mallory = office.telegram.add_user("Mallory")
    desk = office.desk(request_seconds=0.3)
    row = desk.start_qr(OPERATOR)
    office.scan(row, mallory)
    office.until(row, "CONFIRM_NEEDED")
    office.telegram.fail("auth.logOut", silent=True, times=None)
    row = desk.decline(OPERATOR, row.id)
    assert row.status == "FAILED"
    assert "could not be logged out (Telegram can't be reached now): end it in Telegram" in str(row.error)


def test_pairing_the_same_account_again_asks_nobody_and_ends_the_session_it_had(office: Office) -> None:
    alice = office.telegram.add_user()
    desk = office.desk()
    first = desk.start_qr(OPERATOR, expected=[alice.id])
    office.scan(first, alice)
    first = office.until(first, "AUTHORIZED")
    second = desk.start_qr(OPERATOR)
    office.scan(second, alice)
    second = office.until(second, "AUTHORIZED")
    assert second.account_id == first.account_id
    assert len(list_accounts(office.catalog, "demo")) == 1
    assert office.sessions(alice) == 1
    assert office.reads_as(second.account_id) == alice.id


def test_a_session_that_is_in_use_stays_valid_when_its_account_is_paired_again(office: Office) -> None:
    alice = office.telegram.add_user()
    desk = office.desk()
    row = desk.start_qr(OPERATOR, expected=[alice.id])
    office.scan(row, alice)
    account_id = str(office.until(row, "AUTHORIZED").account_id)
    with lease(office.catalog, session_lease(account_id)):
        row = desk.start_qr(OPERATOR)
        office.scan(row, alice)
        office.until(row, "AUTHORIZED")
    assert office.sessions(alice) == 2
    assert office.reads_as(account_id) == alice.id


def test_a_plan_without_room_refuses_the_account_and_logs_it_out(office: Office) -> None:
    set_plan(office.catalog, "demo", "free")
    alice, bob = office.telegram.add_user("Alice"), office.telegram.add_user("Bob")
    desk = office.desk()
    row = desk.start_qr(OPERATOR, expected=[alice.id])
    office.scan(row, alice)
    office.until(row, "AUTHORIZED")
    row = desk.start_qr(OPERATOR, expected=[bob.id])
    office.scan(row, bob)
    row = office.until(row, "FAILED")
    assert "plan allows 1" in str(row.error)
    assert office.sessions(bob) == 0
