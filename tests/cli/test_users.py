"""People are added and their passwords set at the command line; the first start makes what is needed to sign in."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.logins import local_user, open_session, read_session, sign_in_telegram
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import add_tenant, list_members, list_tenants
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, NotFoundError, SignInError
from tgstudio_dagster.core.settings import ReaderSettings, Settings, WebSettings, settings
from tgstudio_dagster.core.sockets import listen
from tgstudio_dagster.operate.up import first_start, up
from tgstudio_dagster.services.local_accounts import LocalAccounts

TTL = timedelta(hours=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A home that the commands work in."""
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path))
    settings.cache_clear()
    yield settings()
    settings.cache_clear()


def run(*arguments: str, typed: str | None = None, code: int = 0) -> str:
    """What a command prints."""
    result = CliRunner().invoke(app, ["user", *arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def shown(output: str) -> SecretStr:
    """The password that was printed."""
    found = re.search(r"\b[A-Za-z2-9]{20}\b", output)
    assert found, output
    return SecretStr(found[0])


def test_the_first_start_makes_a_tenant_and_an_operator_and_says_the_password_once(home: Settings) -> None:
    said = first_start(home)
    password = shown("\n".join(said))
    catalog = Catalog.open(home)
    assert [tenant.slug for tenant in list_tenants(catalog)] == ["main"]
    assert LocalAccounts(home).check("operator", password).is_operator
    assert first_start(home) == []


def test_a_home_with_a_tenant_and_an_account_gets_neither(home: Settings) -> None:
    add_tenant(Catalog.open(home), "acme", "Acme")
    said = "\n".join(first_start(home))
    assert "main" not in said and "operator" in said
    assert [tenant.slug for tenant in list_tenants(Catalog.open(home))] == ["acme"]


def test_two_homes_have_different_passwords(home: Settings, tmp_path: Path) -> None:
    first = shown("\n".join(first_start(home)))
    second = shown("\n".join(first_start(Settings(home=tmp_path / "another"))))
    assert first != second


def test_a_new_password_replaces_the_old_and_ends_its_sessions(home: Settings) -> None:
    old = shown("\n".join(first_start(home)))
    catalog = Catalog.open(home)
    user = local_user(catalog, "operator", "Operator", is_operator=True)
    now = utc_now()
    sid = open_session(catalog, user.id, "local", tenant="main", now=now, ttl=TTL, user_agent=None)
    new = shown(run("password", "operator"))
    with pytest.raises(SignInError):
        LocalAccounts(home).check("operator", old)
    assert LocalAccounts(home).check("operator", new).is_operator
    assert read_session(catalog, sid, now, TTL) is None
    assert "is set" in run("password", "operator", "--ask", typed="my own password\nmy own password\n")
    assert LocalAccounts(home).check("operator", SecretStr("my own password"))
    with pytest.raises(NotFoundError, match="there are: operator"):
        run("password", "nobody")


def test_an_operator_and_a_viewer_with_a_login_are_added(home: Settings) -> None:
    catalog = Catalog.open(home)
    add_tenant(catalog, "acme", "Acme")
    password = shown(run("add", "Olga", "--operator", "--login", "olga"))
    account = LocalAccounts(home).check("olga", password)
    user = local_user(catalog, account.login, account.name, is_operator=account.is_operator)
    assert principal_of(catalog, user.id, "acme").role == "operator"
    password = shown(run("add", "Vera", "--tenant", "acme", "--role", "viewer", "--login", "vera"))
    account = LocalAccounts(home).check("vera", password)
    assert not account.is_operator
    user = local_user(catalog, account.login, account.name, is_operator=account.is_operator)
    assert principal_of(catalog, user.id, "acme").role == "viewer"
    with pytest.raises(ConflictError, match="user password vera"):
        run("add", "Another", "--tenant", "acme", "--login", "vera")


def test_a_person_of_telegram_is_added_by_their_number(home: Settings) -> None:
    catalog = Catalog.open(home)
    add_tenant(catalog, "acme", "Acme")
    run("add", "Anna", "--tenant", "acme", "--telegram-id", "4242")
    user = sign_in_telegram(catalog, 4242, "Anna", "anna", sign_up=False, now=utc_now())
    assert [(one.id, role) for one, role in list_members(catalog, "acme")] == [(user.id, "editor")]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--operator",),
        ("--operator", "--tenant", "acme"),
        ("--tenant", "acme", "--login", "x", "--telegram-id", "7"),
    ],
)
def test_who_is_neither_or_both_is_asked_about(home: Settings, arguments: tuple[str, ...]) -> None:
    run("add", "Somebody", *arguments, code=2)


def test_a_port_that_is_taken_is_named_by_its_variable(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConflictError, match="^TGSTUDIO_WEB_PORT: "):
            up(home, WebSettings(port=taken.getsockname()[1]), ReaderSettings(port=0), lambda _: None)
    assert not (home.home / "operators.yaml").exists()


def test_a_home_in_which_another_up_runs_is_said(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with listen(home.dagster_socket_path, "path") as other:
        other.listen()
        with pytest.raises(ConflictError, match="another `tgstudio up`"):
            up(home, WebSettings(port=port), ReaderSettings(port=0), lambda _: None)
    assert not (home.home / "operators.yaml").exists()
