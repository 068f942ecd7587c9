"""A tenant that is erased leaves nothing: what its posts said is looked for in every byte of the home."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.telegram.paired import VAULT_KEY
from tests.web.site import Site
from tgstudio_dagster.catalog.accounts.models import TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.erasure import rows_left
from tgstudio_dagster.catalog.people.logins import local_user
from tgstudio_dagster.catalog.people.models import AuditEntry, Membership, User
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.errors import ConflictError, NotFoundError
from tgstudio_dagster.core.settings import Settings, settings, telegram_settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.local_accounts import LocalAccounts, new_password

TRACE = "a-trace-of-the-tenant-7f3a"


def erase(home: Path, monkeypatch: pytest.MonkeyPatch, slug: str = "demo") -> str:
    monkeypatch.setenv("TGSTUDIO_HOME", str(home))
    monkeypatch.setenv("SESSION_KEY_1", VAULT_KEY)
    for cache in (settings, telegram_settings):
        cache.cache_clear()
    result = CliRunner().invoke(app, ["tenant", "delete", slug, "--erase", "--yes"])
    for cache in (settings, telegram_settings):
        cache.cache_clear()
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def holding(home: Path, *words: str) -> list[str]:
    """The files of the home in which one of the words stands, or whose name has it."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [
        str(path.relative_to(home))
        for path in files
        if any(word in path.name or word.encode() in path.read_bytes() for word in words)
    ]


def test_nothing_of_an_erased_tenant_is_left_and_the_others_stay(
    sample_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Site(sample_home) as site:
        browser, program = site.sign_in("demo"), site.program("demo", "read", "admin")
        found = browser.get("/v1/search?q=ferry").json()
        assert "items" in found
        user = site.user("demo")
        with site.catalog.tenant_session("demo", writing=True) as session:
            session.get_one(User, user.id).name = TRACE
            session.add(TgAccount(tenant="demo", telegram_id=7, name=TRACE, status="expired"))
        browser.post("/v1/rules", json={"name": TRACE, "definition": {"window": "24h", "max_rank": 3}})
        other = site.sign_in("other")
        assert holding(sample_home, TRACE)
        said = erase(sample_home, monkeypatch)
        assert "nothing is left" in said and TRACE in said, "the account's end is said"
        assert browser.get("/v1/me").status_code == program.get("/v1/me").status_code == 401
        assert other.get("/v1/me").status_code == 200
    assert holding(sample_home, TRACE) == []
    assert not list(sample_home.rglob("tenant=demo*"))
    machine = Settings(home=sample_home)
    catalog = Catalog.open(machine)
    assert rows_left(catalog, "demo") == {} and Lake.open(machine).objects_of("demo") == []
    with catalog.reading() as session:
        proof = session.query(AuditEntry).filter_by(action="tenant.erase", subject="demo").one()
    assert proof.detail["objects of the lake"] > 10 and proof.detail["rows of orders"] > 0
    with pytest.raises(ConflictError, match="never used again"):
        from tgstudio_dagster.catalog.people.tenants import add_tenant

        add_tenant(catalog, "demo", "Demo")
    with pytest.raises(NotFoundError):
        from tgstudio_dagster.catalog.people.principals import operator

        Studio.open(operator(catalog, "demo"), catalog, Lake.open(machine))
    catalog.close()


def test_a_tenant_that_was_closed_before_is_erased_later(
    bare_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tgstudio_dagster.catalog.people.tenants import delete_tenant

    catalog = Catalog.open(Settings(home=bare_home))
    delete_tenant(catalog, "acme")
    catalog.close()
    assert "nothing is left" in erase(bare_home, monkeypatch, "acme")
    assert "nothing is left" in erase(bare_home, monkeypatch, "acme"), "and once more"


def test_the_local_account_of_who_worked_there_only_goes_and_others_stay(
    bare_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Settings(home=bare_home)
    accounts, catalog = LocalAccounts(machine), Catalog.open(machine)
    for login, tenants in (("eva", ("acme",)), ("both", ("acme", "other"))):
        accounts.put(login, login.title(), new_password(), operator=False)
        user = local_user(catalog, login, login.title(), is_operator=False)
        with catalog.session() as session:
            session.add_all(Membership(user_id=user.id, tenant=tenant, role="owner") for tenant in tenants)
    catalog.close()
    assert "nothing is left" in erase(bare_home, monkeypatch, "acme")
    logins = {account.login for account in LocalAccounts(machine).all()}
    assert "eva" not in logins and "both" in logins
