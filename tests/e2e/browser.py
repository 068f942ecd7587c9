"""Debian's Chromium, driven as a person would: what its tabs show, whether they complain, and what they look like.

What is clicked, and what must come of it, stands in the tests. Nothing but loopback is reached.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SECONDS = 120
"""How long a page may take on a busy machine before the test gives up."""
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb",
)  # fmt: skip
expect.set_options(timeout=SECONDS * 1000)
_STILL = "[data-testid=stApp][data-test-script-state=notRunning]"


def chromium() -> str:
    """The browser's program. Raises RuntimeError that says how to get it."""
    found = os.environ.get("TGSTUDIO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None or not Path(found).exists():
        raise RuntimeError(
            "The tests of the pages need Chromium: install Debian's package `chromium` (as root `make test` does), or set "
            "TGSTUDIO_CHROMIUM to the program."
        )
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(_ARGUMENTS))
        try:
            yield opened
        finally:
            opened.close()


class Tab:
    """One tab: a page of Playwright's, with all that it complained of since it was opened."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(SECONDS * 1000)
        self.url = url
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("response", self._answered)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{self.page.url}: {message.text} ({message.location.get('url')})")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{self.page.url}: {response.status} {response.url}")

    def open(self, path: str) -> Tab:
        """Go to an address of the site and wait until its page is there."""
        self.page.goto(self.url + path)
        return self.settled()

    def settled(self) -> Tab:
        """Wait until the page's script has run, and what it drew is there."""
        self.page.wait_for_selector(f"{_STILL} [data-testid=stMain] :is(h1, h2)", state="attached")
        self.page.wait_for_function(
            f"""() => document.querySelector('{_STILL}')
                && !document.querySelector('[data-stale=true], [data-testid=stMain] [data-testid=stSkeleton]')
                && [...document.images].every((one) => one.complete || one.loading === 'lazy')"""
        )
        return self

    def go(self, title: str) -> Tab:
        """Choose a page in the menu."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True).click()
        expect(self.page.locator(".ts-head h1")).to_have_text(title)
        return self.settled()

    def press(self, words: str) -> Tab:
        """Press a button by its words: before them may stand its icon's name."""
        self.page.get_by_role("button", name=re.compile(rf"(^|\s){re.escape(words)}$")).first.click()
        return self

    def shows(self, text: str | re.Pattern[str]) -> Tab:
        """Wait until a text can be seen."""
        expect(self.page.get_by_text(text).first).to_be_visible()
        return self

    def pictures(self) -> int:
        """How many pictures of posts are shown."""
        return self.page.locator(".ts-post img").count()

    def shot(self, file: Path) -> None:
        """A picture of what the window shows."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file, animations="disabled")

    def too_wide(self) -> int:
        """By how many pixels the page, or what scrolls in it, is wider than the window; 0 where nothing scrolls sideways."""
        wide: int = self.page.evaluate(
            """() => Math.max(0, ...[document.documentElement, ...document.querySelectorAll(
                '[data-testid=stMain], [data-testid=stMainBlockContainer]')]
                .map((one) => one.scrollWidth - Math.min(one.clientWidth, window.innerWidth)))"""
        )
        return wide

    def faults(self) -> list[str]:
        """What axe-core finds that is serious or critical: rule, place and words."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{fault['id']} ({fault['impact']}): {' '.join(map(str, node['target']))} {node['html'][:160]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]


def sign_in(tab: Tab, login: str, password: str, *, language: str = "ru") -> Tab:
    """Sign in with a local account, in a language."""
    page = tab.page
    page.goto(f"{tab.url}/login?lang={language}")
    page.locator("#login").fill(login)
    page.locator("#password").fill(password)
    page.locator("button[type=submit]").click()
    return tab.settled()


def lasso(tab: Tab, size: float = 1.0) -> None:
    """Draw a loop around the middle of the map: half of its width and height, or `size` of that."""
    tab.page.wait_for_function("document.querySelector('.js-plotly-plot')?._fullLayout?.dragmode === 'lasso'")
    plot = tab.page.locator(".js-plotly-plot .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    left, top, width, height = (box[name] for name in ("x", "y", "width", "height"))
    corners = [(0.2, 0.3), (0.45, 0.22), (0.72, 0.3), (0.78, 0.55), (0.6, 0.78), (0.3, 0.75), (0.2, 0.33)]
    corners = [(0.5 + size * (x - 0.5), 0.5 + size * (y - 0.5)) for x, y in corners]
    mouse = tab.page.mouse
    mouse.move(left + corners[0][0] * width, top + corners[0][1] * height)
    mouse.down()
    for x, y in corners[1:]:
        mouse.move(left + x * width, top + y * height, steps=8)
    mouse.up()
