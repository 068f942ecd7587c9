"""Who is taken away is away: their browser, their open page and their programs end within a second, however it was done."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import yaml
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.web.site import Client, Site
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.api_keys import create_key
from tgstudio_dagster.catalog.people.departures import disable_user, enable_user, remove_member, remove_user
from tgstudio_dagster.catalog.people.logins import local_user, open_session, read_session
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import add_member
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import FieldError, SignInError
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.services.local_accounts import FILE, LocalAccounts
from tgstudio_dagster.services.scope import Credential
from tgstudio_dagster.services.sessions import session_cookie

PASSWORD, OTHER = SecretStr("a walrus in the attic"), SecretStr("seven quiet lanterns")
PATIENCE = 3.0
"""A second is promised; a busy machine gets some more."""


class Person:
    """Anna, with a browser, an open page and a program of hers."""

    def __init__(self, site: Site) -> None:
        self.site, self.accounts = site, LocalAccounts(Settings(home=site.home))
        self.accounts.put("anna", "Anna", PASSWORD, operator=True)
        known = self.accounts.hashes()["anna"]
        self.user = local_user(site.catalog, "anna", "Anna", is_operator=True, account_hash=known)
        add_member(site.catalog, "acme", self.user.id, "owner")
        self.sid, self.browser = self._browser()
        principal = principal_of(site.catalog, self.user.id, "acme")
        self.program = site.bearer(create_key(site.catalog, principal, "hers", ["read"], now=utc_now())[1])
        # The operator's rights of a key end at an owner's.
        assert self.browser.get("/v1/me").status_code == self.program.get("/v1/me").status_code == 200

    def _browser(self) -> tuple[str, Client]:
        site = self.site
        sid = open_session(
            site.catalog,
            self.user.id,
            "local",
            tenant="acme",
            now=utc_now(),
            ttl=site.platform.ttl,
            user_agent="Firefox",
        )
        token = site.platform.signer.sign(sid, self.user.id, utc_now())
        name = session_cookie(site.platform.web_settings).name
        client = Client(site, cookie=f"{name}={token}", csrf=site.platform.csrf_token(sid))
        site._clients.append(client)
        return sid, client

    def is_away(self) -> None:
        """Within a second nothing of hers is let in, without anybody asking for it first."""
        cookie = self.browser.headers["cookie"]
        with connect(
            f"ws://127.0.0.1:{self.site.port}/_stcore/stream",
            additional_headers={"cookie": cookie},
            origin=self.site.url,  # type: ignore[arg-type]
        ) as page:
            page.recv(timeout=5)
            self.taken()
            began = time.monotonic()
            with pytest.raises(ConnectionClosed):
                while time.monotonic() - began < PATIENCE:
                    page.recv(timeout=PATIENCE)
        for client in (self.browser, self.program):
            while client.get("/v1/me").status_code != 401:
                assert time.monotonic() - began < PATIENCE, "still let in"
                time.sleep(0.1)

    taken: Callable[[], object]


@pytest.fixture
def anna(site: Site) -> Person:
    return Person(site)


def edit(anna: Person, change: Callable[[dict[str, dict[str, object]]], None]) -> None:
    """As a person with an editor does it."""
    path = anna.site.home / FILE
    whole = yaml.safe_load(path.read_text())
    change(whole["credentials"]["usernames"])
    path.write_text(yaml.safe_dump(whole))


def test_an_account_that_is_taken_out_of_the_file_is_away(anna: Person) -> None:
    anna.taken = lambda: edit(anna, lambda users: users.pop("anna"))  # type: ignore[arg-type, return-value]
    anna.is_away()
    with anna.site.catalog.reading() as session:
        assert not session.get_one(User, anna.user.id).is_operator


def test_a_file_that_is_deleted_lets_nobody_stay(anna: Person) -> None:
    anna.taken = (anna.site.home / FILE).unlink
    anna.is_away()


def test_an_account_that_is_no_operators_any_more_starts_anew(anna: Person) -> None:
    anna.taken = lambda: edit(anna, lambda users: users["anna"].update(roles=[]))
    anna.is_away()


def test_another_password_ends_what_the_old_one_opened(anna: Person) -> None:
    anna.taken = lambda: anna.accounts.put("anna", "Anna", OTHER, operator=True)
    anna.is_away()


@pytest.mark.parametrize("how", [disable_user, remove_user])
def test_who_is_disabled_or_removed_by_another_process_is_away(anna: Person, how: Callable[..., object]) -> None:
    elsewhere = Catalog.open(Settings(home=anna.site.home))
    anna.taken = lambda: how(elsewhere, anna.user.id, utc_now())
    anna.is_away()
    elsewhere.close()


def test_who_leaves_a_tenant_does_not_come_back_with_an_old_key_or_session(site: Site) -> None:
    browser, program = site.sign_in("acme", "editor"), site.program("acme", "read", role="editor")
    user = site.user("acme", "editor")
    remove_member(site.catalog, "acme", user.id, utc_now())
    assert browser.get("/v1/me").status_code == program.get("/v1/me").status_code == 401
    add_member(site.catalog, "acme", user.id, "editor")
    assert browser.get("/v1/me").status_code == program.get("/v1/me").status_code == 401


def test_who_is_enabled_again_signs_in_anew(anna: Person) -> None:
    disable_user(anna.site.catalog, anna.user.id, utc_now())
    enable_user(anna.site.catalog, anna.user.id)
    assert anna.browser.get("/v1/me").status_code == anna.program.get("/v1/me").status_code == 401
    assert anna._browser()[1].get("/v1/me").status_code == 200


def test_a_session_ends_at_the_server_however_much_it_is_used(site: Site) -> None:
    user, began, ttl = site.user("acme"), utc_now(), timedelta(hours=12)
    longest = timedelta(days=2)
    sid = open_session(
        site.catalog, user.id, "local", tenant="acme", now=began, ttl=ttl, longest=longest, user_agent=None
    )
    at = began
    while at < began + longest - timedelta(hours=6):
        at += timedelta(hours=6)
        assert (read_session(site.catalog, sid, at, ttl) is None) == (at >= began + longest)
    assert read_session(site.catalog, sid, began + longest + timedelta(seconds=1), ttl) is None


def test_a_person_sees_their_own_sessions_and_ends_another_of_them(anna: Person, site: Site) -> None:
    other_sid, other = anna._browser()
    studio = site.platform.studio(
        principal_of(site.catalog, anna.user.id, "acme"), credential=Credential(None, utc_now(), anna.sid)
    )
    rows = studio.people.sessions()
    assert [row.here for row in rows].count(True) == 1 and len(rows) == 2
    assert anna.sid not in str(rows) and other_sid not in str(rows)
    strangers = site.studio("other")
    away = next(row for row in rows if not row.here)
    with pytest.raises(Exception, match="no such session"):
        strangers.people.end_session(away.name)
    studio.people.end_session(away.name)
    assert other.get("/v1/me").status_code == 401 and anna.browser.get("/v1/me").status_code == 200


def test_a_password_of_ones_own_is_changed_by_who_knows_it(anna: Person, site: Site) -> None:
    other = anna._browser()[1]
    studio = site.platform.studio(
        principal_of(site.catalog, anna.user.id, "acme"), credential=Credential(None, utc_now(), anna.sid)
    )
    with pytest.raises(SignInError):
        studio.people.change_password(OTHER, OTHER)
    with pytest.raises(FieldError, match="password"):
        studio.people.change_password(PASSWORD, SecretStr("short"))
    studio.people.change_password(PASSWORD, OTHER)
    anna.accounts.check("anna", OTHER)
    time.sleep(1)
    assert anna.browser.get("/v1/me").status_code == 200, "the session that changed it goes on"
    assert other.get("/v1/me").status_code == anna.program.get("/v1/me").status_code == 401
