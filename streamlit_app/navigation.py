"""The pages there are: their keys, groups, icons, and who sees them. Their words stand in i18n, their files in app_pages/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from streamlit_app.i18n import t
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.services.policy import may, of_page

PAGES = Path(__file__).parent / "app_pages"


@dataclass(frozen=True)
class Entry:
    """A page: `key` is its file, its address and the first part of its words' keys; `group` is its place in the menu."""

    key: str
    group: str
    icon: str
    hidden: bool = False


ENTRIES = (
    Entry("feed", "read", "dynamic_feed"),
    Entry("top", "read", "trending_up"),
    Entry("topics", "read", "forum"),
    Entry("topic", "read", "article", hidden=True),
    Entry("map", "read", "bubble_chart"),
    Entry("exclusive", "make", "auto_awesome"),
    Entry("packages", "make", "inventory_2"),
    Entry("data", "make", "database"),
    Entry("onboarding", "sources", "rocket_launch"),
    Entry("accounts", "sources", "account_circle"),
    Entry("subscriptions", "sources", "podcasts"),
    Entry("settings", "space", "tune"),
    Entry("usage", "space", "monitoring"),
    Entry("operator", "space", "admin_panel_settings"),
)


def path(key: str) -> str:
    """A page as `st.switch_page` and `st.page_link` want it: `st.page_link(path("subscriptions"))`."""
    return f"app_pages/{key}.py"


def sees(principal: Principal, key: str) -> bool:
    """Whether there is anything on the page that the policy lets this principal do."""
    return any(may(action.name, principal) for action in of_page(key))


def menu(principal: Principal) -> dict[str, list[StreamlitPage]]:
    """The pages for `st.navigation`, by the group's title; the first page is where people arrive."""
    groups: dict[str, list[StreamlitPage]] = {}
    for entry in ENTRIES:
        if not sees(principal, entry.key):
            continue
        page = st.Page(
            PAGES / f"{entry.key}.py",
            title=t(f"{entry.key}.title"),
            icon=f":material/{entry.icon}:",
            url_path=entry.key,
            default=entry is ENTRIES[0],
            visibility="hidden" if entry.hidden else "visible",
        )
        groups.setdefault(t(f"common.group.{entry.group}"), []).append(page)
    return groups
