"""Pairings from their beginning to a sealed session, or to a session that is logged out again; over the real protocol."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from pydantic import SecretStr
from telethon.sessions import StringSession

from tests.builders import make_tenant
from tests.telegram.office import OPERATOR, PASSWORD, PHONE, Office
from tgstudio_dagster.catalog.accounts.accounts import get_account, list_accounts, session_of
from tgstudio_dagster.catalog.accounts.pairings import get_pairing, list_pairings
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.catalog.people.tenants import add_member, add_user
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.pairing_desk import PairingDesk

pytestmark = pytest.mark.timeout(150)  # half a pairing's own deadline: one that is ended does not go on to it


# By QR code


def test_a_scan_by_the_person_who_pairs_stores_a_sealed_session_that_works(office: Office) -> None:
    alice = office.telegram.add_user("Alice", username="alice")
    user = add_user(office.catalog, "Alice", telegram_id=alice.id)
    add_member(office.catalog, "demo", user.id, "owner")
    principal = Principal("demo", user.id, "owner")
    row = office.desk().start_qr(principal)
    office.scan(row, alice)
    done = office.until(row, "AUTHORIZED")
    assert (done.telegram_id, done.name, done.error, done.url) == (alice.id, "Alice", None, None)
    account = get_account(office.catalog, "demo", str(done.account_id))
    assert (account.status, account.username, account.paired_by) == ("active", "alice", user.id)
    assert office.reads_as(done.account_id) == alice.id
    assert [entry.action for entry in list_audit(office.catalog, "demo")] == ["account.pair"]


def test_the_code_is_renewed_until_somebody_scans(office: Office) -> None:
    office.telegram.qr_seconds = 1.0
    alice = office.telegram.add_user()
    row = office.desk().start_qr(OPERATOR, expected=[alice.id])
    first = office.until(row, "PENDING")
    time.sleep(1.5)
    second = office.until(row, "PENDING")
    assert first.url != second.url
    office.scan(row, alice)
    office.until(row, "AUTHORIZED")


@pytest.mark.parametrize("dc", [2, 4])
def test_two_factor_is_asked_for_until_it_is_right(office: Office, dc: int) -> None:
    bob = office.telegram.add_user("Bob", password=PASSWORD)
    office.telegram.move(bob, dc)
    desk = office.desk()
    row = desk.start_qr(OPERATOR, expected=[bob.id])
    office.scan(row, bob)
    office.until(row, "PASSWORD_NEEDED")
    row = desk.submit_password(OPERATOR, row.id, SecretStr("wrong"))
    assert (row.status, row.attempts_left, row.url) == ("PASSWORD_NEEDED", 2, None)
    assert row.error == "The two-factor password is wrong. Attempts left: 2."
    row = desk.submit_password(OPERATOR, row.id, SecretStr(PASSWORD))
    assert (row.status, row.error) == ("AUTHORIZED", None)
    assert office.reads_as(row.account_id) == bob.id


def test_too_many_wrong_passwords_end_it_and_leave_no_session(office: Office) -> None:
    bob = office.telegram.add_user(password=PASSWORD)
    desk = office.desk(login_attempts=2)
    row = desk.start_qr(OPERATOR)
    office.scan(row, bob)
    office.until(row, "PASSWORD_NEEDED")
    desk.submit_password(OPERATOR, row.id, SecretStr("wrong"))
    row = desk.submit_password(OPERATOR, row.id, SecretStr("wrong again"))
    assert (row.status, row.attempts_left) == ("FAILED", 0)
    assert row.error == "The two-factor password is wrong. That was the last attempt; begin again."
    assert office.sessions(bob) == 0
    assert desk.submit_password(OPERATOR, row.id, SecretStr(PASSWORD)).status == "FAILED"


# By number


def test_a_number_and_its_code_pair_an_account(office: Office) -> None:
    alice = office.telegram.add_user(phone="79991112233", password=PASSWORD)
    office.telegram.move(alice, 5)
    desk = office.desk()
    row = desk.start_phone(OPERATOR, PHONE, expected=[alice.id])
    office.until(row, "CODE_NEEDED")
    row = desk.submit_code(OPERATOR, row.id, SecretStr("12345"))
    assert (row.status, row.error) == ("CODE_NEEDED", "The code is wrong. Attempts left: 2.")
    assert desk.resend_code(OPERATOR, row.id).status == "CODE_NEEDED"
    assert desk.submit_code(OPERATOR, row.id, SecretStr("22222")).status == "PASSWORD_NEEDED"
    row = desk.submit_password(OPERATOR, row.id, SecretStr(PASSWORD))
    assert row.status == "AUTHORIZED"
    assert office.reads_as(row.account_id) == alice.id


def test_too_many_wrong_codes_end_it(office: Office) -> None:
    office.telegram.add_user(phone="79991112233")
    desk = office.desk(login_attempts=1)
    row = office.until(desk.start_phone(OPERATOR, PHONE), "CODE_NEEDED")
    row = desk.submit_code(OPERATOR, row.id, SecretStr("12345"))
    assert (row.status, row.error) == ("FAILED", "The code is wrong. That was the last attempt; begin again.")


def test_a_code_that_can_not_be_sent_again_leaves_the_first_one_good(office: Office) -> None:
    alice = office.telegram.add_user(phone="79991112233")
    office.telegram.fail("auth.resendCode", "SEND_CODE_UNAVAILABLE", code=406)
    desk = office.desk()
    row = office.until(desk.start_phone(OPERATOR, PHONE, expected=[alice.id]), "CODE_NEEDED")
    row = desk.resend_code(OPERATOR, row.id)
    assert row.status == "CODE_NEEDED" and "no other way left" in str(row.error)
    assert desk.submit_code(OPERATOR, row.id, SecretStr("22222")).status == "AUTHORIZED"


def test_an_expired_code_and_a_number_without_account_end_it_with_the_reason(office: Office) -> None:
    desk = office.desk()
    row = office.until(desk.start_phone(OPERATOR, PHONE), "CODE_NEEDED")
    row = desk.submit_code(OPERATOR, row.id, SecretStr("22222"))
    assert row.status == "FAILED" and "has no Telegram account" in str(row.error)
    office.telegram.code_seconds = -1
    row = office.until(desk.start_phone(OPERATOR, PHONE), "CODE_NEEDED")
    row = desk.submit_code(OPERATOR, row.id, SecretStr("22222"))
    assert row.status == "FAILED" and "The code has expired" in str(row.error)


def test_a_long_flood_wait_on_the_code_names_its_end(office: Office) -> None:
    office.telegram.fail("auth.sendCode", "FLOOD_WAIT_18000")
    row = office.until(office.desk().start_phone(OPERATOR, PHONE), "FAILED")
    until = utc_now() + timedelta(hours=5)
    assert f"{until:%Y-%m-%d %H:}" in str(row.error) or f"{until - timedelta(minutes=1):%Y-%m-%d %H:}" in str(row.error)
    assert "Begin again then" in str(row.error)


def test_a_short_flood_wait_is_slept_in_the_open(office: Office) -> None:
    office.telegram.add_user(phone="79991112233")
    office.telegram.fail("auth.sendCode", "FLOOD_WAIT_1")
    row = office.desk().start_phone(OPERATOR, PHONE)
    seen = set()
    while (row := get_pairing(office.catalog, "demo", row.id)).status == "PENDING":
        seen.add(row.error)
        time.sleep(0.05)
    assert any("Telegram asks to wait until" in text for text in seen if text)
    assert (row.status, row.error) == ("CODE_NEEDED", None)


# Its end


def test_a_code_that_nobody_scans_expires_with_the_deadline(office: Office) -> None:
    row = office.desk(pairing_seconds=1).start_qr(OPERATOR)
    office.until(row, "PENDING")
    row = office.until(row, "EXPIRED")
    assert (row.error, row.url) == ("It was not finished in time. Begin again.", None)


def test_a_login_that_nobody_confirms_expires_and_is_logged_out(office: Office) -> None:
    mallory = office.telegram.add_user()
    desk = office.desk(pairing_seconds=2)
    row = desk.start_qr(OPERATOR)
    office.scan(row, mallory)
    office.until(row, "CONFIRM_NEEDED")
    assert office.sessions(mallory) == 1
    row = office.until(row, "EXPIRED")
    assert office.sessions(mallory) == 0
    assert desk.confirm(OPERATOR, row.id).status == "EXPIRED"
    assert list_accounts(office.catalog, "demo") == []


def test_a_silent_server_ends_it_with_a_reason(office: Office) -> None:
    office.telegram.fail("*", silent=True, times=None)
    row = office.until(office.desk(connect_seconds=0.5, retries=0).start_qr(OPERATOR), "FAILED")
    assert "Telegram can't be reached now" in str(row.error)


def test_a_silent_server_does_not_outlast_the_deadline(office: Office) -> None:
    office.telegram.fail("*", silent=True, times=None)
    row = office.until(office.desk(pairing_seconds=0.5).start_qr(OPERATOR), "EXPIRED")
    assert row.error == "It was not finished in time. Begin again."


def test_cancelling_and_beginning_anew_end_the_one_before(office: Office) -> None:
    desk = office.desk()
    first, second = desk.start_qr(OPERATOR), desk.start_qr(OPERATOR)
    first = get_pairing(office.catalog, "demo", first.id)
    assert (first.status, first.error) == ("FAILED", "Another pairing was begun.")
    second = desk.cancel(OPERATOR, second.id)
    assert (second.status, second.error) == ("FAILED", "It was cancelled.")


def test_closing_the_desk_ends_what_is_at_work_and_logs_it_out(office: Office) -> None:
    mallory = office.telegram.add_user()
    with office.desk() as desk:
        row = desk.start_qr(OPERATOR)
        office.scan(row, mallory)
        office.until(row, "CONFIRM_NEEDED")
    row = get_pairing(office.catalog, "demo", row.id)
    assert (row.status, row.error) == ("FAILED", "The process was stopped.")
    assert office.sessions(mallory) == 0
    assert not [thread.name for thread in threading.enumerate() if thread.name == "pairings"]


_LEAD = """
import sys, time
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.principals import Principal
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.accounts.pairing_desk import PairingDesk
desk = PairingDesk(Catalog(sys.argv[1]), Vault({1: bytes(32)}), TelegramSettings())
print(desk.start_qr(Principal("demo", None, "operator")).id, flush=True)
time.sleep(600)
"""


def test_the_pairing_of_a_killed_process_is_failed_by_the_next_desk(office: Office) -> None:
    environment = os.environ | office.telegram.environment(office.folder)
    url = office.catalog.url.render_as_string()
    process = subprocess.Popen([sys.executable, "-c", _LEAD, url], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        pairing_id = process.stdout.readline().strip()
        row = office.until(get_pairing(office.catalog, "demo", pairing_id), "PENDING")
        desk = office.desk()
        assert get_pairing(office.catalog, "demo", pairing_id).status == "PENDING"
        with pytest.raises(ConflictError, match="another process"):
            desk.cancel(OPERATOR, pairing_id)
    finally:
        process.kill()
        process.communicate()
    office.desk()
    row = get_pairing(office.catalog, "demo", pairing_id)
    assert (row.status, row.url) == ("FAILED", None)
    assert "process that led this pairing has ended" in str(row.error)


# Who may


def test_only_who_began_a_pairing_sees_and_answers_it(office: Office) -> None:
    make_tenant(office.catalog, "other")
    desk = office.desk()
    owner, editor = (Principal("demo", add_user(office.catalog, name).id, "owner") for name in ("Olga", "Edgar"))
    row = desk.start_qr(owner, expected=[])
    for stranger in (editor, Principal("other", None, "operator")):
        with pytest.raises(NotFoundError):
            desk.cancel(stranger, row.id)
        with pytest.raises(NotFoundError):
            desk.confirm(stranger, row.id)
    with pytest.raises(ConflictError, match="is PENDING"):
        desk.confirm(owner, row.id)
    with pytest.raises(ConflictError, match="viewer"):
        desk.start_qr(Principal("demo", editor.user_id, "viewer"))
    assert [one.id for one in list_pairings(office.catalog, "demo")] == [row.id]


def test_a_desk_without_an_application_says_which_settings_are_missing(office: Office) -> None:
    with pytest.raises(SettingsError, match="TELEGRAM_API_ID"):
        PairingDesk(office.catalog, office.vault, TelegramSettings(api_id=None))


# Secrets


def test_no_secret_of_a_pairing_reaches_a_log_the_catalog_or_an_error(
    office: Office, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    alice = office.telegram.add_user("Alice", phone="79991112233", password=PASSWORD)
    office.telegram.code = "48151"
    desk = office.desk()
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="telethon"):
        row = office.until(desk.start_phone(OPERATOR, PHONE, expected=[alice.id]), "CODE_NEEDED")
        errors = [desk.submit_code(OPERATOR, row.id, SecretStr("16234")).error]
        desk.submit_code(OPERATOR, row.id, SecretStr("48151"))
        errors.append(desk.submit_password(OPERATOR, row.id, SecretStr("staple of batteries")).error)
        row = desk.submit_password(OPERATOR, row.id, SecretStr(PASSWORD))
        assert row.status == "AUTHORIZED"
        session = session_of(office.catalog, "demo", office.vault, str(row.account_id)).get_secret_value()
        desk.close()
    key = StringSession(session).auth_key.key
    secrets = {
        "session": session,
        "key in hex": key.hex(),
        "key in base64": base64.b64encode(key).decode()[4:-4],
        "key for URLs": base64.urlsafe_b64encode(key).decode()[4:-4],
        "number": "9991112233",
        "number as typed": PHONE.get_secret_value(),
        "code": "48151",
        "wrong code": "16234",
        "password": PASSWORD,
        "wrong password": "staple of batteries",
    }
    printed = capfd.readouterr()
    office.catalog.close()
    stored = b"".join(path.read_bytes() for path in office.folder.glob("catalog.sqlite*"))
    assert key not in stored
    texts = {
        "log": caplog.text + "".join(repr(record.__dict__) for record in caplog.records),
        "output": printed.out + printed.err,
        "errors": repr(errors),
        "catalog": stored.decode("latin-1"),
    }
    assert "telethon" in texts["log"]
    for where, text in texts.items():
        for what, secret in secrets.items():
            assert secret not in text, f"the {what} is in the {where}"
