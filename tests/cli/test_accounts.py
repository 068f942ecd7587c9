"""login, accounts, logout and keys as a person runs them: real processes, on a terminal and without one."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
import segno

from tests.cli.home import Home
from tests.servers.telegram import TelegramServer
from tgstudio_dagster.catalog.accounts.accounts import list_accounts, mark_account, session_of
from tgstudio_dagster.catalog.accounts.pairings import list_pairings
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.accounts.waits import AccountWaits

PASSWORD = "correct horse battery"


def test_a_full_plan_is_told_before_anybody_scans(home: Home, telegram: TelegramServer) -> None:
    home.pair(telegram.add_user("Alice"))
    login = home.start("login", "--tenant", "demo")
    home.showing()
    login.send_signal(signal.SIGINT)
    _, told = login.communicate("", timeout=60)
    assert "The tenant's plan allows 1 account, and 1 is paired. Only Alice can be paired again." in told


def test_an_account_is_paired_listed_and_removed(home: Home, telegram: TelegramServer) -> None:
    assert "No accounts yet" in home.run("accounts", "--tenant", "demo")
    alice = telegram.add_user("Alice [/x]", username="alice")
    login = home.start("login", "--tenant", "demo")
    home.scan(alice)
    said = home.end(login, typed="y\n")
    (account,) = list_accounts(home.catalog, "demo")
    assert said.strip() == f"Alice [/x] ({alice.id}) is paired as account {account.id}."

    until = datetime.now(UTC) + timedelta(hours=5)
    AccountWaits(home.catalog, "demo", account.id).hold("contacts.resolveUsername", until, 18000)
    mark_account(home.catalog, "demo", account.id, "expired", "Pair it again.")
    table = home.run("accounts", "--tenant", "demo")
    for shown in (
        account.id,
        "@alice",
        "expired",
        "Pair it again.",
        f"contacts.resolveUsername until {until:%Y-%m-%d %H:%M}",
    ):
        assert shown in table
    (listed,) = json.loads(home.run("accounts", "--tenant", "demo", "--json"))
    assert (listed["telegram_id"], listed["waits"][0]["method"]) == (alice.id, "contacts.resolveUsername")

    # The user is known by now: nobody is asked. The session that the account had is logged out.
    mark_account(home.catalog, "demo", account.id, "active")
    login = home.start("login", "--tenant", "demo")
    home.scan(alice)
    assert account.id in home.end(login)
    assert "Aborted" in home.run("logout", "--tenant", "demo", account.id, typed="n\n", code=1)
    assert "it is logged out at Telegram" in home.run("logout", "--tenant", "demo", account.id, "--yes")
    assert not [key for key in telegram.keys.values() if key.user is alice]
    assert list_accounts(home.catalog, "demo")[0].session_cipher is None


def test_a_stranger_s_scan_is_asked_about_and_declined(home: Home, telegram: TelegramServer) -> None:
    mallory = telegram.add_user("Mallory")
    login = home.start("login", "--tenant", "demo")
    home.scan(mallory)
    said = home.end(login, typed="n\n", code=1)
    assert f"Mallory ({mallory.id}) has logged in. Pair this account?" in said
    assert f"error: No account was paired: Mallory ({mallory.id}) was declined; nothing is stored." in said
    assert list_accounts(home.catalog, "demo") == []


def test_a_number_is_paired_by_code_and_password(home: Home, telegram: TelegramServer) -> None:
    alice = telegram.add_user("Alice", phone="79991112233", password=PASSWORD)
    typed = f"+7 999 1112233\n11111\n\n22222\n{PASSWORD}\n"
    said = home.run("login", "--tenant", "demo", "--phone", "--yes", typed=typed)
    assert f"Alice ({alice.id}) is paired" in said
    assert PASSWORD not in said and "22222" not in said
    assert len(telegram.calls("auth.resendCode")) == 1


def test_a_number_that_must_wait_says_until_when(home: Home, telegram: TelegramServer) -> None:
    telegram.fail("auth.sendCode", "FLOOD_WAIT_18000")
    said = home.run("login", "--tenant", "demo", "--phone", typed="+79991112233\n", code=1)
    assert "auth.sendCode: Telegram asks to wait until 20" in said
    assert "1112233" not in said


def test_a_terminal_shows_the_code_and_never_the_password(home: Home, telegram: TelegramServer) -> None:
    bob = telegram.add_user("Bob", password=PASSWORD)
    ours, theirs = pty.openpty()
    login = home.at_terminal(theirs, "login", "--tenant", "demo", "--yes")
    try:
        row = home.showing()
        art = io.StringIO()
        segno.make(str(row.url), error="l", micro=False).terminal(out=art, border=2, compact=True)
        shown = _read(ours, "renews itself")
        for line in art.getvalue().splitlines():
            assert line in shown
        telegram.accept_qr(str(row.url), bob)
        shown = _read(ours, "Two-factor password: ")
        os.write(ours, f"{PASSWORD}\n".encode())
        shown += _read(ours, "is paired as account")
        assert PASSWORD not in shown
        assert login.wait(timeout=20) == 0
    finally:
        login.kill()
        login.wait()
        os.close(theirs)
        os.close(ours)


def test_interrupting_a_login_fails_its_pairing(home: Home) -> None:
    login = home.start("login", "--tenant", "demo")
    row = home.showing()
    login.send_signal(signal.SIGINT)
    login.communicate(timeout=20)
    assert login.returncode != 0
    (row,) = list_pairings(home.catalog, "demo")
    assert (row.status, row.error) == ("FAILED", "The process was stopped.")


@pytest.mark.parametrize(
    ("unset", "said"),
    [
        ("TELEGRAM_API_ID", "TELEGRAM_API_ID"),
        ("SESSION_KEY_1", "SESSION_KEY_1: it is not set"),
        (None, "no tenant 'nobody'"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_begun(
    home: Home, telegram: TelegramServer, unset: str | None, said: str
) -> None:
    if unset:
        del home.environment[unset]
    error = home.run("login", "--tenant", "demo" if unset else "nobody", "--phone", code=1)
    assert said in error
    assert error.startswith("error:") and error.count("\n") == 1
    assert not telegram.keys


def test_keys_are_made_and_rotated(home: Home, telegram: TelegramServer) -> None:
    alice = telegram.add_user()
    login = home.start("login", "--tenant", "demo", "--yes")
    home.scan(alice)
    home.end(login)
    home.environment["SESSION_KEY_2"] = home.run("keys", "new").strip()
    assert "1 sessions sealed anew with SESSION_KEY_2" in home.run("keys", "rotate")
    assert "0 sessions sealed anew with SESSION_KEY_2" in home.run("keys", "rotate")
    del home.environment["SESSION_KEY_1"]
    (account,) = list_accounts(home.catalog, "demo")
    assert session_of(home.catalog, "demo", Vault.from_environment(home.environment), account.id)


def _read(terminal: int, until: str) -> str:
    """What the terminal shows, up to a text."""
    shown = b""
    give_up = time.monotonic() + 120
    while until not in shown.decode(errors="ignore"):
        ready, _, _ = select.select([terminal], [], [], max(0.0, give_up - time.monotonic()))
        assert ready, f"{until!r} is not shown: {shown.decode(errors='ignore')}"
        shown += os.read(terminal, 65536)
    return shown.decode(errors="ignore")
