"""What only a browser can show of the pages: where one lands on a page, what a click and typing do. Each takes a tab that is
signed in, in a tenant with the sample."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from streamlit_app.i18n import Language, say
from tests.e2e.browser import PHONE, Tab

_MAIN = "document.querySelector('[data-testid=stMain]')"


def paging_leads_to_the_top_and_back_to_the_place(tab: Tab, language: Language) -> None:
    """Every turn of the feed's page; Back to a page of it, and from a topic to where one was in the list."""
    page = tab.open("/").page
    for number in (2, 3):
        page.evaluate(f"{_MAIN}.scrollTo(0, 1e6)")
        tab.press(say(language, "common.page.older")).shows(
            say(language, "common.page.number", number=number)
        ).settled()
        page.wait_for_function(f"{_MAIN}.scrollTop === 0")
    page.go_back()
    tab.shows(say(language, "common.page.number", number=2)).settled()
    page.reload()
    tab.shows(say(language, "common.page.number", number=2)).settled()
    page = tab.open("/topics").page
    page.evaluate(f"{_MAIN}.scrollTo(0, 1200)")
    link = page.get_by_test_id("stMain").get_by_test_id("stPageLink-NavLink").nth(6)
    link.scroll_into_view_if_needed()
    place = page.evaluate(f"{_MAIN}.scrollTop")
    link.click()
    page.wait_for_url(re.compile("/topic[?]topic="))
    tab.settled()
    page.go_back()
    page.wait_for_function(f"location.pathname === '/topics' && {_MAIN}.scrollTop === {place}")


def a_link_within_a_page_changes_its_address(tab: Tab) -> None:
    """From the list of packages to one order's, which a reload shows again."""
    page = tab.open("/packages").page
    page.get_by_test_id("stMain").get_by_test_id("stPageLink-NavLink").first.click()
    page.wait_for_url(re.compile("[?]order="))
    page.wait_for_selector(".ts-preview")
    page.reload()
    page.wait_for_selector(".ts-preview")


def a_draft_is_counted_as_it_is_typed(tab: Tab, language: Language) -> None:
    """The preview's counter moves while the field keeps the cursor; the package says that it is not saved."""
    page = tab.settled().page
    counter = page.locator(".ts-count").first
    before = counter.inner_text()
    field = page.get_by_role("textbox", name=say(language, "packages.text"))
    field.click()
    page.keyboard.type("Draft")
    expect(counter).not_to_have_text(before)
    tab.settled()
    expect(field).to_be_focused()
    tab.shows(re.compile(say(language, "packages.unsaved", names="")))


def a_click_selects_on_the_map_with_every_tool(tab: Tab) -> None:
    """The newest post of a topic, with the lasso and while moving."""
    for tool in ("lasso", "pan"):
        page = tab.open(f"/map?tool={tool}").page
        page.wait_for_selector(".js-plotly-plot .nsewdrag")
        page.wait_for_timeout(1000)
        x, y = page.evaluate(
            """() => {
                const plot = document.querySelector('.js-plotly-plot'), layout = plot._fullLayout, posts = plot._fullData[0];
                const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
                return [box.x + layout.xaxis.c2p(posts.x[0]), box.y + layout.yaxis.c2p(posts.y[0])];
            }"""
        )
        page.mouse.move(x, y)
        page.wait_for_timeout(500)
        page.mouse.click(x, y)
        expect(page.get_by_test_id("stMetricValue").first).to_have_text("1")


def the_drawer_of_a_phone_closes_after_a_choice(tab: Tab, language: Language) -> None:
    """Of a page in its menu."""
    page = tab.page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    tab.open("/")
    page.get_by_test_id("stExpandSidebarButton").click()
    title = say(language, "top.title")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True).click()
    expect(page.locator(".ts-head h1")).to_have_text(title)
    expect(page.get_by_test_id("stSidebarNav")).not_to_be_in_viewport()
