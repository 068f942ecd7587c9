"""Guessing, flooding and repeating at the sign-in: it slows the attacker, shuts out nobody who has been here, and is seen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from pydantic import SecretStr

from tests.web.site import Site
from tests.web.test_local_sign_in import Browser
from tgstudio_dagster.catalog.people.models import AuditEntry
from tgstudio_dagster.catalog.people.refusals import list_refusals
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.services.local_accounts import LocalAccounts
from tgstudio_dagster.services.passwords import check_password
from tgstudio_dagster.services.totp import new_secret
from tgstudio_dagster.web.auth import routes
from tgstudio_dagster.web.refusing import address_block

PASSWORD = "seven quiet lanterns"


@pytest.fixture
def local(bare_home: Path) -> Iterator[Site]:
    accounts = LocalAccounts(Settings(home=bare_home))
    accounts.put("anna", "Anna", SecretStr(PASSWORD), operator=True)
    # A proxy of this machine: tests come from several addresses.
    with Site(bare_home, trusted_proxies="127.0.0.1") as site:
        yield site


def flood(site: Site, login: str, count: int) -> list[int]:
    """Wrong passwords for a login, each from another address."""
    answers = []
    for n in range(count):
        attacker = Browser(site, **{"x-forwarded-for": f"198.51.100.{n}"})
        answers.append(attacker.enter(login, "a guess of somebody").status_code)
    return answers


def test_a_flood_of_guesses_shuts_a_strange_browser_out_and_none_that_signed_in_before(
    local: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PER_LOGIN_ANYWHERE", 8)
    home = Browser(local, **{"x-forwarded-for": "203.0.113.9"})
    assert home.enter("anna", PASSWORD).status_code == 303
    home.jar.pop("tgstudio")
    answers = flood(local, "anna", 12)
    assert 429 in answers, "the attacker is slowed down"
    assert Browser(local, **{"x-forwarded-for": "192.0.2.1"}).enter("anna", PASSWORD).status_code == 429
    assert home.enter("anna", PASSWORD).status_code == 303
    # From the attacker's own address too, as behind one office's proxy.
    shared = Browser(local, **{"x-forwarded-for": "198.51.100.1"})
    shared.jar.update({"tgstudio_browser": home.jar["tgstudio_browser"]})
    assert shared.enter("anna", PASSWORD).status_code == 303


def test_a_browser_that_is_known_guesses_no_faster_and_for_no_other_login(local: Site) -> None:
    LocalAccounts(Settings(home=local.home)).put("boris", "Boris", SecretStr("nine amber ladders"), operator=False)
    browser = Browser(local)
    assert browser.enter("anna", PASSWORD).status_code == 303
    browser.jar.pop("tgstudio")
    assert [browser.enter("anna", "wrong").status_code for _ in range(6)][-1] == 429
    forged = Browser(local)
    name = browser.jar["tgstudio_browser"].partition(".")[0]
    forged.jar["tgstudio_browser"] = f"{name}.{'0' * 64}"
    assert [forged.enter("boris", "wrong").status_code for _ in range(6)][-1] == 429


def test_an_ipv6_network_counts_as_one_address() -> None:
    assert address_block("2001:db8:1:2:3:4:5:6") == address_block("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert address_block("2001:db8:1:3::1") != address_block("2001:db8:1:2::1")
    assert address_block("::ffff:192.0.2.7") == "192.0.2.7" == address_block("192.0.2.7")
    assert address_block("fe80::1%eth0") == "fe80::/64"


def test_guesses_from_one_ipv6_network_are_counted_together(local: Site) -> None:
    answers = []
    for n in range(7):
        attacker = Browser(local, **{"x-forwarded-for": f"2001:db8:1:2::{n + 1:x}"})
        answers.append(attacker.enter("anna", "a guess").status_code)
    assert answers[-1] == 429


def test_what_was_refused_is_in_the_log_and_in_the_operators_list_without_a_secret(
    local: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        Browser(local, **{"x-forwarded-for": "198.51.100.7"}).enter("anna", "my-bank-password")
        local.bearer("tgs_unknown-key-of-somebody").get("/v1/me")
        local.program("acme", "read", ips=["203.0.113.0/24"]).get("/v1/me")
    rows = list_refusals(local.catalog)
    assert [row.action for row in rows] == ["refused.address", "refused.key", "refused.sign_in"]
    assert rows[2].subject == "anna" and rows[2].detail["ip"] == "198.51.100.7"
    assert rows[1].subject == "tgs_unknow"
    assert "198.51.100.7" in caplog.text
    for text in (caplog.text, str([(row.subject, row.detail) for row in rows])):
        assert "my-bank-password" not in text and "key-of-somebody" not in text
    assert local.studio("acme", "operator").machine.refusals()


def test_a_flood_of_refusals_fills_no_disk(local: Site) -> None:
    for n in range(70):
        local.bearer(f"tgs_{n}").get("/v1/me")
    with local.catalog.reading() as session:
        assert session.query(AuditEntry).filter_by(action="refused.key").count() <= 30


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "qwertyuiop12",
        "aaaaaaaaaaaaaaaa",
        "Password123!",
        "anna-anna-anna",
        "TGStudio2026",
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(FieldError, match="password"):
        check_password(SecretStr(password), ["anna", "Anna"])
    check_password(SecretStr(PASSWORD), ["anna", "Anna"])
    check_password(SecretStr("пять тихих фонарей"), ["anna"])


class Coded:
    """Anna's account, which asks for codes."""

    def __init__(self, site: Site) -> None:
        self.site, self.secret = site, new_secret()
        LocalAccounts(Settings(home=site.home)).set_totp("anna", self.secret)

    def code(self, at: datetime | None = None) -> str:
        return pyotp.TOTP(self.secret).at(at or utc_now())

    def half_way(self) -> tuple[Browser, dict[str, str]]:
        """A browser after the right password, and the fields of the second form."""
        import re

        browser = Browser(self.site)
        page = browser.enter("anna", PASSWORD)
        assert page.status_code == 200 and "tgstudio" not in browser.jar, "the password alone lets nobody in"
        return browser, dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))


def test_an_operator_with_a_second_factor_gets_in_by_both_and_a_code_works_once(local: Site) -> None:
    coded = Coded(local)
    browser, fields = coded.half_way()
    code = coded.code()
    assert browser.post("/auth/code", data={**fields, "code": code}).status_code == 303
    assert browser.get("/v1/me").status_code == 200
    second, more = coded.half_way()
    assert second.post("/auth/code", data={**more, "code": code}).status_code == 401, "seen over a shoulder"
    assert "tgstudio" not in second.jar


def test_a_code_without_the_password_or_of_another_time_is_worth_nothing(local: Site) -> None:
    coded = Coded(local)
    browser, fields = coded.half_way()
    old = coded.code(utc_now() - timedelta(minutes=5))
    assert browser.post("/auth/code", data={**fields, "code": old}).status_code == 401
    stranger = Browser(local)
    own = stranger.form()
    forged = {"csrf": own["csrf"], "login": "anna", "code": coded.code()}
    assert stranger.post("/auth/code", data=forged).status_code == 401
    # The proof of another browser's first step.
    assert stranger.post("/auth/code", data={**forged, "proof": fields["proof"]}).status_code == 401
    late = f"{int((utc_now() - timedelta(minutes=1)).timestamp())}.{fields['proof'].partition('.')[2]}"
    assert browser.post("/auth/code", data={**fields, "proof": late, "code": coded.code()}).status_code == 401
    assert "tgstudio" not in browser.jar and "tgstudio" not in stranger.jar


def test_a_stranger_s_codes_use_up_nothing_of_the_owner_s(local: Site) -> None:
    coded = Coded(local)
    stranger = Browser(local)
    forged = {"csrf": stranger.form()["csrf"], "login": "anna", "code": "000000", "proof": "9999999999.ab"}
    assert {stranger.post("/auth/code", data=forged).status_code for _ in range(9)} <= {401, 429}
    browser, fields = coded.half_way()
    assert browser.post("/auth/code", data={**fields, "code": coded.code()}).status_code == 303


def test_codes_are_not_guessed_at(local: Site) -> None:
    coded = Coded(local)
    statuses = []
    for _ in range(2):
        browser, fields = coded.half_way()
        for n in range(3):
            answer = browser.post("/auth/code", data={**fields, "code": f"{n:06d}"})
            statuses.append(answer.status_code)
    assert statuses[-1] == 429
