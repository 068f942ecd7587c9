"""The sign-in page in a real browser: cookies it accepts on this machine's addresses, both languages, a phone, no fault."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from pydantic import SecretStr

from tests.web.site import Site
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.services.local_accounts import LocalAccounts

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"
WORDS = {"ru": ("Вход", "Имя для входа", "Пароль", "Войти"), "en": ("Sign in", "Login", "Password", "Sign in")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("page")
    LocalAccounts(Settings(home=home)).put("operator", "Operator", SecretStr(PASSWORD), operator=True)
    with Site(home) as running:
        add_tenant(running.catalog, "acme", "Acme")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


def open_page(browser: Browser, **options: object) -> tuple[Page, list[str]]:
    """A new window, and what its console complains of."""
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    return page, faults


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_operator_signs_in_and_out_by_keyboard(site: Site, browser: Browser, host: str) -> None:
    page, faults = open_page(browser, locale="ru-RU")
    page.goto(f"http://{host}:{site.port}/top?x=1")
    assert page.url.endswith("/login?next=%2Ftop%3Fx%3D1")
    page.locator("#login:focus").wait_for()
    page.keyboard.type("operator")
    page.keyboard.press("Tab")
    page.locator("#password:focus").wait_for()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/top?x=1")
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "tgstudio")
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == ""
    page.goto(f"http://{host}:{site.port}/auth/logout")
    page.get_by_role("button", name="Выйти").click()
    page.wait_for_url("**/login")
    assert "tgstudio" not in {one["name"] for one in page.context.cookies()}
    assert not faults
    page.context.close()


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_legible_labelled_and_fits(
    site: Site, browser: Browser, language: str, scheme: str, width: int, tmp_path: Path
) -> None:
    title, login, password, button = WORDS[language]
    page, faults = open_page(browser, color_scheme=scheme, viewport={"width": width, "height": 844})
    page.goto(f"{site.url}/login?lang={language}")
    assert page.get_by_role("heading", level=1).inner_text() == title
    somebody = f"{language}-{scheme}-{width}"
    page.get_by_label(login).fill(somebody)
    page.get_by_label(password).fill("a-guess-of-it")
    page.get_by_role("button", name=button).click()
    assert page.get_by_role("alert").is_visible()
    assert page.locator("html").get_attribute("lang") == language
    assert page.get_by_label(login).input_value() == somebody
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page).response["violations"]
    assert not [(one["id"], one["help"]) for one in found]
    # The wrong password's 401 is what Chromium reports by itself.
    assert [one for one in faults if "401" not in one] == []
    page.screenshot(path=tmp_path / "page.png")
    page.context.close()
