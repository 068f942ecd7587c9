"""Telegram signs people in, by OpenID Connect or by its widget: one user per Telegram id, each answer good once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import func, select

from tests.servers.oidc import OidcServer
from tests.web.site import Site
from tests.web.test_local_sign_in import Browser
from tests.web.test_widget import BOT, signed
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.tenants import add_member, add_user, list_members, list_tenants

ANYA = 4242


@pytest.fixture
def issuer() -> Iterator[OidcServer]:
    server = OidcServer().start()
    yield server
    server.stop()


@pytest.fixture
def by_oidc(bare_home: Path, issuer: OidcServer) -> Iterator[Site]:
    with Site(bare_home, **issuer.settings()) as site:
        add_member(site.catalog, "acme", add_user(site.catalog, "Anya", telegram_id=ANYA).id, "editor")
        yield site


@pytest.fixture
def by_widget(bare_home: Path) -> Iterator[Site]:
    with Site(bare_home, bot_token=BOT, bot_name="studio_bot", sign_up=True) as site:
        yield site


def start(browser: Browser, **address: str) -> str:
    """Where the browser is sent to sign in."""
    answer = browser.get("/auth/telegram/start", params=address)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def through(issuer: OidcServer, browser: Browser, **address: str) -> httpx2.Response:
    """The whole flow."""
    return browser.get(issuer.consent(start(browser, **address)))


def test_the_code_flow_signs_in_whom_the_operator_has_added(by_oidc: Site, issuer: OidcServer) -> None:
    browser = Browser(by_oidc)
    assert "/auth/telegram/start?next=%2Ffeed" in browser.get("/login", params={"next": "/feed"}).text
    answer = through(issuer, browser, next="/feed")
    assert (answer.status_code, answer.headers["location"]) == (303, "/feed")
    me = browser.get("/v1/me").json()
    assert (me["tenant"], me["role"]) == ("acme", "editor")
    assert me["user"] == {"id": me["user"]["id"], "name": "Аня Иванова", "telegram_id": ANYA, "username": "anya"}


def test_it_asks_with_state_pkce_and_nonce_and_never_twice_the_same(by_oidc: Site) -> None:
    browser = Browser(by_oidc)
    asked = [dict(parse_qsl(urlsplit(start(browser)).query)) for _ in range(2)]
    for query in asked:
        assert query["code_challenge_method"] == "S256"
        assert query["redirect_uri"] == f"{by_oidc.url}/auth/telegram/callback"
        assert {"state", "nonce", "code_challenge"} <= set(query)
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]


def test_a_token_without_the_nonce_is_believed_for_its_state_and_pkce(by_oidc: Site, issuer: OidcServer) -> None:
    issuer.echo_nonce = False
    assert through(issuer, Browser(by_oidc)).status_code == 303


def changed(**claims: Any) -> Callable[[OidcServer], Callable[[dict[str, Any]], str]]:
    return lambda issuer: lambda said: issuer.sign(said | claims)


def without(name: str) -> Callable[[OidcServer], Callable[[dict[str, Any]], str]]:
    return lambda issuer: lambda said: issuer.sign({key: value for key, value in said.items() if key != name})


LIES = {
    "wrong nonce": changed(nonce="another"),
    "wrong audience": changed(aud="7000002"),
    "wrong issuer": changed(iss="https://evil.example"),
    "expired": changed(exp=int(time.time()) - 3600),
    "another party": changed(aud=["7000001", "7000002"], azp="7000002"),
    "no Telegram id": without("id"),
    "no end": without("exp"),
    "alg none": lambda issuer: lambda said: issuer.sign(said, algorithm="none", key=""),
    "shared key": lambda issuer: (
        lambda said: issuer.sign(said, algorithm="HS256", key="the-secret-of-botfather-and-more")
    ),
    "foreign key": lambda issuer: (
        lambda said: issuer.sign(said, key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    ),
    "unknown key": lambda issuer: lambda said: issuer.sign(said, kid="nowhere"),
    "no token": lambda issuer: lambda said: "nonsense",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_hold_signs_nobody_in(by_oidc: Site, issuer: OidcServer, lie: str) -> None:
    issuer.answer = LIES[lie](issuer)
    browser = Browser(by_oidc)
    answer = through(issuer, browser)
    assert answer.status_code == 401, answer.text
    assert "tgstudio" not in browser.jar


def test_an_answer_with_another_state_or_to_another_browser_signs_nobody_in(by_oidc: Site, issuer: OidcServer) -> None:
    browser = Browser(by_oidc)
    back = issuer.consent(start(browser))
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert browser.get(back.replace(state, "x" * 43)).status_code == 401
    assert Browser(by_oidc).get(back).status_code == 401
    assert "tgstudio" not in browser.jar


def test_an_answer_is_good_once(by_oidc: Site, issuer: OidcServer) -> None:
    browser = Browser(by_oidc)
    address = start(browser)
    attempt = dict(browser.jar)
    back = issuer.consent(address)
    assert browser.get(back).status_code == 303
    again = Browser(by_oidc)
    again.jar.update(attempt)
    assert again.get(back).status_code == 401


def test_a_refusal_at_telegram_is_told_and_signs_nobody_in(by_oidc: Site) -> None:
    browser = Browser(by_oidc, **{"accept-language": "ru"})
    state = dict(parse_qsl(urlsplit(start(browser)).query))["state"]
    answer = browser.get("/auth/telegram/callback", params={"error": "access_denied", "state": state})
    assert answer.status_code == 401
    assert "Telegram не подтвердил вход" in answer.text


def test_a_key_that_the_issuer_has_changed_is_asked_for(
    by_oidc: Site, issuer: OidcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert through(issuer, Browser(by_oidc)).status_code == 303
    issuer.rotate()
    assert through(issuer, Browser(by_oidc)).status_code == 401
    monkeypatch.setattr("tgstudio_dagster.web.auth.oidc._RETRY", 0.0)
    assert through(issuer, Browser(by_oidc)).status_code == 303


def test_an_issuer_that_is_down_is_told_on_the_page(bare_home: Path, issuer: OidcServer) -> None:
    issuer.broken = True
    with Site(bare_home, **issuer.settings()) as site:
        answer = Browser(site).get("/auth/telegram/start")
        assert answer.status_code == 401
        assert "try again" in answer.text


def test_whom_nobody_has_added_is_told_the_number_to_hand_over(by_oidc: Site, issuer: OidcServer) -> None:
    issuer.person.id = 777
    browser = Browser(by_oidc)
    answer = through(issuer, browser)
    assert answer.status_code == 403
    assert "--telegram-id 777" in answer.text
    assert "tgstudio" not in browser.jar


def widget_answer(browser: Browser, **fields: str) -> dict[str, str]:
    """What the widget on the sign-in page leads to."""
    page = browser.get("/login").text
    found = re.search(r'data-auth-url="([^"]*)"', page)
    assert found and 'data-telegram-login="studio_bot"' in page
    state = parse_qs(urlsplit(unescape(found[1])).query)["state"][0]
    return {**signed(auth_date=str(int(time.time())), **fields), "state": state}


def test_the_widget_signs_up_a_new_person_with_a_tenant_of_their_own(by_widget: Site) -> None:
    browser = Browser(by_widget)
    answer = browser.get("/auth/telegram/callback", params=widget_answer(browser, username="anya"))
    assert answer.status_code == 303, answer.text
    me = browser.get("/v1/me").json()
    assert (me["tenant"], me["role"], me["tenants"]) == (f"tg{ANYA}", "owner", [f"tg{ANYA}"])
    policy = browser.get("/auth/logout").headers["content-security-policy"]
    assert "script-src" not in policy


def test_a_widgets_answer_is_good_once_and_in_its_browser_only(by_widget: Site) -> None:
    browser = Browser(by_widget)
    query = widget_answer(browser)
    assert Browser(by_widget).get("/auth/telegram/callback", params=query).status_code == 401
    attempt = dict(browser.jar)
    assert browser.get("/auth/telegram/callback", params=query).status_code == 303
    again = Browser(by_widget)
    again.jar.update(attempt)
    assert again.get("/auth/telegram/callback", params=query).status_code == 401
    assert "tgstudio" not in again.jar


def test_a_forged_or_stale_answer_signs_nobody_in(by_widget: Site) -> None:
    browser = Browser(by_widget)
    query = widget_answer(browser)
    for wrong in ({"id": "1"}, {"hash": "0" * 64}, {"auth_date": "1"}):
        assert browser.get("/auth/telegram/callback", params={**query, **wrong}).status_code == 401
    assert "tgstudio" not in browser.jar


def test_both_ways_lead_to_one_user(bare_home: Path, issuer: OidcServer) -> None:
    with Site(bare_home, bot_token=BOT, bot_name="studio_bot", sign_up=True) as site:
        browser = Browser(site)
        browser.get("/auth/telegram/callback", params=widget_answer(browser))
    with Site(bare_home, **issuer.settings()) as site:
        assert through(issuer, Browser(site)).status_code == 303
        with site.catalog.reading() as session:
            assert session.scalar(select(func.count()).select_from(User).where(User.telegram_id == ANYA)) == 1
        assert [tenant.slug for tenant in list_tenants(site.catalog)] == ["acme", "other", f"tg{ANYA}"]
        assert [role for _, role in list_members(site.catalog, f"tg{ANYA}")] == ["owner"]


def test_the_widgets_page_lets_telegrams_script_in_and_no_other(by_widget: Site) -> None:
    policy = Browser(by_widget).get("/login").headers["content-security-policy"]
    assert "script-src https://telegram.org" in policy
    assert "unsafe-inline" not in policy


def test_the_bots_token_is_nowhere_on_the_page(by_widget: Site) -> None:
    assert BOT.get_secret_value() not in Browser(by_widget).get("/login").text
