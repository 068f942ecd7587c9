"""The pages there are: their keys, groups, icons, and who sees them. Their words stand in i18n, their files in app_pages/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from streamlit.navigation.page import StreamlitPage

from streamlit_app.door import st
from streamlit_app.i18n import language, t
from tgstudio_dagster import capabilities
from tgstudio_dagster.capabilities import CapabilityPage
from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.services import Studio

PAGES = Path(__file__).parent / "app_pages"


@dataclass(frozen=True)
class Entry:
    """A page: `key` is its file, its address and the first part of its words' keys; `group` is its place in the menu.

    One of a capability's has its file in a `module`, and its `titles` by language.
    """

    key: str
    group: str
    icon: str
    hidden: bool = False
    module: str | None = None
    titles: Mapping[str, str] | None = None

    @property
    def file(self) -> Path:
        """What Streamlit runs."""
        if self.module is None:
            return PAGES / f"{self.key}.py"
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            raise FieldError("pages", f"{self.module} is no module; the page {self.key} can't be shown.")
        return Path(spec.origin)


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


def added() -> tuple[Entry, ...]:
    """The pages of capabilities that are not the studio's own."""
    return tuple(
        Entry(page.key, page.group, page.icon, module=page.module, titles=page.title)
        for capability in capabilities.others()
        for page in capability.pages
        if isinstance(page, CapabilityPage)
    )


def menu(studio: Studio) -> dict[str, list[StreamlitPage]]:
    """The pages for `st.navigation`, by the group's title; the first page is where people arrive."""
    groups: dict[str, list[StreamlitPage]] = {}
    for entry in (*ENTRIES, *added()):
        if not studio.sees(entry.key):
            continue
        page = st.Page(
            entry.file,
            title=entry.titles[language()] if entry.titles else t(f"{entry.key}.title"),
            icon=f":material/{entry.icon}:",
            url_path=entry.key,
            default=entry is ENTRIES[0],
            visibility="hidden" if entry.hidden else "visible",
        )
        groups.setdefault(t(f"common.group.{entry.group}"), []).append(page)
    return groups
