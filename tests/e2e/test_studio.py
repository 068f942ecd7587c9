"""The studio as a person lives through it: `tgstudio up` with the sample in a home of its own, in a real browser.

Pictures of every page go to the folder that TGSTUDIO_SCREENSHOTS names (`make test`: .screenshots/), else to the test's own.
"""

from __future__ import annotations

import os
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect

from streamlit_app.i18n import Language, say
from streamlit_app.navigation import ENTRIES
from tests.e2e import walk
from tests.e2e.browser import DESKTOP, PHONE, Tab, browser, lasso, sign_in
from tests.e2e.up import PATIENCE, Up, wait_for
from tests.servers.telegram import RemoteServer
from tests.web.conftest import sample_source  # noqa: F401 - a fixture
from tests.web.site import copy_home
from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.accounts.pairings import list_pairings
from tgstudio_dagster.catalog.accounts.vault import new_key
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.principals import operator
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.services import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SAMPLE, OWN = "demo", "acme"
"""The tenant of the sample, and one with nothing in it: the journey begins there."""
CHANNELS = {"citynews": "City News", "techdesk": "Tech Desk", "marketwatch": "Market Watch"}


class Running:
    """The studio at work over the sample, a small Telegram beside it, and a browser before it."""

    def __init__(self, up: Up, telegram: RemoteServer, opened: Browser, pictures: Path) -> None:
        self.up, self.telegram, self.browser, self.pictures = up, telegram, opened, pictures
        self.url = f"http://127.0.0.1:{up.web_port}"
        self.password = up.said[next(n for n, line in enumerate(up.said) if "login operator" in line) + 1].strip()
        self.catalog = Catalog.open(up.settings)

    def studio(self, tenant: str) -> Studio:
        """What the operator's pages show of a tenant."""
        return Studio.open(operator(self.catalog, tenant), self.catalog, Lake.open(self.up.settings))

    @contextmanager
    def context(self, language: Language, *, dark: bool = False) -> Iterator[BrowserContext]:
        """A browser of its own, with its own cookies, that speaks a language; pictures of what failed are kept."""
        context = self.browser.new_context(
            viewport=DESKTOP,  # type: ignore[arg-type]
            locale={"ru": "ru-RU", "en": "en-GB"}[language],
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        try:
            yield context
        except BaseException:
            for number, page in enumerate(context.pages):
                page.screenshot(path=self.pictures / f"failed-{number}.png")
            raise
        finally:
            context.close()

    def signed_in(self, context: BrowserContext, tenant: str, language: Language) -> Tab:
        """A tab of the operator, in a tenant."""
        tab = sign_in(Tab(context, self.url), "operator", self.password, language=language)
        choice = tab.page.get_by_test_id("stSidebar").get_by_role("combobox")
        name = tenant.title()
        if choice.input_value() != name:
            choice.click()
            tab.page.get_by_role("option", name=name).click()
            tab.page.wait_for_url(f"{self.url}/")
        expect(choice).to_have_value(name)
        return tab.settled()


@pytest.fixture(scope="module")
def studio(sample_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:  # noqa: F811
    folder = tmp_path_factory.mktemp("studio")
    home = copy_home(sample_source, folder / "home")
    telegram = RemoteServer()
    up = None
    try:
        up = Up(home, **telegram.environment(home), SESSION_KEY_1=new_key())
        pictures = Path(os.environ.get("TGSTUDIO_SCREENSHOTS") or folder / "screenshots")
        with browser() as opened:
            running = Running(up, telegram, opened, pictures)
            yield running
            running.catalog.close()
    finally:
        if up is not None and up.process.poll() is None:
            up.process.send_signal(signal.SIGINT)
            up.process.wait(60)
        telegram.stop()


def words(language: Language) -> Callable[..., str]:
    """The studio's words in a language, by key."""
    return lambda key, **values: say(language, key, **values)


def fill(telegram: RemoteServer, sample: Studio) -> int:
    """Let three channels tell today and yesterday what the sample's last two days tell; returns how many posts there are."""
    days = sample.scope.lake.days(MESSAGES)[-3:]
    told = (
        sample.scope.lake.read(MESSAGES, days=days)
        .filter(pl.col("text").str.len_chars() > 80, pl.col("lang") == "en", pl.col("comment_on").is_null())
        .sort("date")
        .tail(150)
    )
    picture = BytesIO()
    Image.linear_gradient("L").resize((800, 600)).convert("RGB").save(picture, "JPEG")
    photo = telegram.add_file(picture.getvalue(), kind="photo", width=800, height=600)
    channels = [telegram.add_channel(name, title) for name, title in CHANNELS.items()]
    by_name = dict(zip(sorted(told["channel"].unique()), channels * 4, strict=False))
    last = told["date"].max()
    assert isinstance(last, datetime)
    later = datetime.now(UTC) - timedelta(minutes=5) - last
    for number, (channel, date, text) in enumerate(told.select("channel", "date", "text").iter_rows()):
        options = {"media": photo} if number % 7 == 0 else {}
        telegram.post(by_name[channel], text, date=date + later, views=100 + number, push=False, **options)
    return told.height


def test_from_signing_in_to_an_exported_package(studio: Running) -> None:
    """Pair by QR, subscribe, see the feed fill; a lasso on the map becomes an order, and that a package to take away."""
    with studio.context("en") as context:
        _journey(studio, studio.signed_in(context, OWN, "en"))


def _journey(studio: Running, tab: Tab) -> None:
    t, telegram = words("en"), studio.telegram
    mine, page = studio.studio(OWN), tab.page
    posts = fill(telegram, studio.studio(SAMPLE))
    tab.shows(t("feed.empty_title"))
    tab.shot(studio.pictures / "journey" / "1-empty.png")

    tab.go(t("onboarding.title")).press(t("onboarding.qr.begin"))
    expect(page.get_by_alt_text(t("onboarding.qr.alt"))).to_be_visible()
    tab.settled().shot(studio.pictures / "journey" / "2-qr.png")
    alice = telegram.add_user("Alice")
    telegram.accept_qr(next(row.url for row in list_pairings(studio.catalog, OWN) if row.url), alice)
    tab.shows(t("onboarding.confirm.head", name="Alice")).press(t("onboarding.confirm.yes"))
    tab.shows(t("onboarding.paired", name="Alice"))
    assert [(one.name, one.status) for one in list_accounts(studio.catalog, OWN)] == [("Alice", "active")]

    tab.go(t("subscriptions.title"))
    page.get_by_role("textbox", name=t("subscriptions.references")).fill("\n".join(f"@{name}" for name in CHANNELS))
    tab.press(t("subscriptions.subscribe")).shows(t("subscriptions.asked", count=len(CHANNELS)))
    tab.shot(studio.pictures / "journey" / "3-subscribed.png")
    tab.go(t("feed.title"))
    wait_for(lambda: bool(mine.scope.lake.days(MESSAGES)), "nothing was read")
    tab.open("/").shows(re.compile("|".join(CHANNELS.values())))
    # Pictures are fetched, and the map is made, by the runs that follow.
    wait_for(lambda: _points(mine) >= 0.6 * posts and tab.open("/").pictures(), "no map, or no picture of a post")
    tab.shot(studio.pictures / "journey" / "4-feed.png")

    tab.go(t("map.title"))
    page.wait_for_selector(".js-plotly-plot .nsewdrag")
    page.get_by_test_id("stMain").get_by_text(t("map.tool_lasso"), exact=True).click()
    tab.settled()
    page.wait_for_selector(".js-plotly-plot .nsewdrag")
    lasso(tab)
    tab.shows(t("map.chosen")).settled()
    tab.shot(studio.pictures / "journey" / "5-lasso.png")
    tab.press(t("map.make"))
    expect(page.locator(".ts-head h1")).to_have_text(t("exclusive.title"))
    tab.settled().shows(t("exclusive.cost"))
    tab.shot(studio.pictures / "journey" / "6-order.png")
    tab.press(t("exclusive.order"))

    # Progress, step by step, until it is done; a reload on the way changes nothing.
    expect(page.locator(".ts-steps").or_(page.get_by_text(t("exclusive.queued"))).first).to_be_visible()
    order = re.search(r"order=([\w-]+)", page.url)
    assert order is not None
    page.reload()
    expect(page.locator(".ts-step").first).to_be_visible()
    tab.shot(studio.pictures / "journey" / "7-progress.png")
    link = page.get_by_role("link", name=t("exclusive.to_packages"))
    expect(link).to_be_visible(timeout=PATIENCE * 1000)
    link.click()
    page.wait_for_selector(".ts-preview")
    tab.settled()
    tab.shot(studio.pictures / "journey" / "8-package.png")
    box = page.get_by_role("textbox", name=t("packages.text"))
    edited = box.input_value().replace("\n", " By our desk.\n", 1)
    box.fill(edited)
    box.press("Control+Enter")
    tab.press(t("packages.save")).shows(t("packages.history", count=1))
    assert edited in [
        one.text for row in mine.packages.all(order[1])["package_id"] for one in mine.packages.get(row).edits
    ]

    tab.press(t("packages.export"))
    with page.expect_download() as taken:
        page.get_by_role("button", name="ZIP").click()
    with zipfile.ZipFile(taken.value.path()) as bundle:
        texts = [bundle.read(name).decode() for name in bundle.namelist() if name.endswith(".txt")]
    assert any("By our desk." in text for text in texts)
    assert telegram.overlaps == [] and telegram.failures == []
    assert tab.complaints == []


def _points(mine: Studio) -> int:
    try:
        return mine.topics.map(day=mine.topics.newest_day()).points.height
    except NotFoundError:
        return 0


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_page_is_well_on_a_desk_and_on_a_phone(studio: Running, language: Language) -> None:
    """No complaint in the console, no serious fault for those who can't see or use a mouse, nothing wider than a phone."""
    with studio.context(language, dark=language == "en") as context:
        signing = Tab(context, studio.url)
        signing.page.goto(f"{studio.url}/login?lang={language}")
        found = _look(signing, studio.pictures / language, "sign-in")
        tab = studio.signed_in(context, SAMPLE, language)
        sample = studio.studio(SAMPLE)
        topic = sample.topics.top(by="topic", window="7d", day=None, limit=1)["entity_id"][0]
        order = sample.orders.all()[0].id
        more = {
            "topic": f"/topic?topic={topic}",
            "exclusive-order": f"/exclusive?order={order}",
            "packages-order": f"/packages?order={order}",
        }
        for key, path in ({entry.key: f"/{entry.key}" for entry in ENTRIES} | more).items():
            tab.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
            tab.open(path)
            found += _look(tab, studio.pictures / language, key)
        assert found == []
        assert tab.complaints == [] and signing.complaints == []


def _look(tab: Tab, pictures: Path, name: str) -> list[str]:
    found = [f"{name}: {fault}" for fault in tab.faults()]
    tab.shot(pictures / f"{name}.png")
    tab.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    tab.page.wait_for_timeout(300)
    tab.shot(pictures / f"{name}-phone.png")
    if wide := tab.too_wide():
        found.append(f"{name}: {wide} px wider than a phone")
    return found


def test_what_only_a_browser_shows(studio: Running) -> None:
    with studio.context("en") as context:
        tab = studio.signed_in(context, SAMPLE, "en")
        walk.paging_leads_to_the_top_and_back_to_the_place(tab, "en")
        walk.a_link_within_a_page_changes_its_address(tab)
        walk.a_draft_is_counted_as_it_is_typed(tab, "en")
        walk.a_click_selects_on_the_map_with_every_tool(tab)
        walk.the_drawer_of_a_phone_closes_after_a_choice(tab, "en")
        assert tab.complaints == []


def test_signing_out_in_one_tab_ends_the_other(studio: Running) -> None:
    t = words("ru")
    with studio.context("ru") as context:
        first = studio.signed_in(context, SAMPLE, "ru")
        second = Tab(context, studio.url).open("/top")
        first.press(t("common.sign_out"))
        first.page.wait_for_url("**/login")
        second.page.wait_for_url("**/login", timeout=15_000)
        first.page.goto(f"{studio.url}/top")
        assert "/login" in first.page.url


def test_what_the_readme_shows(studio: Running) -> None:
    """A place in the rankings is explained, posts are chosen with a lasso, a package looks as its platform would show it."""
    t = words("en")
    with studio.context("en") as context:
        tab = studio.signed_in(context, SAMPLE, "en")
        tab.shot(studio.pictures / "readme" / "feed.png")
        tab.open("/top")
        why = tab.page.locator(".ts-why").nth(1)
        why.locator("summary").click()
        expect(why.get_by_text(t("top.popularity")).first).to_be_visible()
        tab.shot(studio.pictures / "readme" / "top.png")
        tab.open("/map?tool=lasso").page.wait_for_selector(".js-plotly-plot .nsewdrag")
        lasso(tab.settled(), 0.4)
        tab.page.mouse.move(0, 0)  # no point's words over the picture
        tab.shows(t("map.chosen")).settled().shot(studio.pictures / "readme" / "map.png")
        order = studio.studio(SAMPLE).orders.all()[0].id
        tab.open(f"/packages?order={order}").page.wait_for_selector(".ts-preview img")
        tab.settled().shot(studio.pictures / "readme" / "package.png")
        assert tab.complaints == []
