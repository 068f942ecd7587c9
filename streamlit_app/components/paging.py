"""Paging: the page that a list is at stands in the page's address, so that a reload, Back and a link show the same one.

The address says `at=MARK.NUMBER.CURSOR`: the mark names the filters, and where they are others the list begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamlit_app.components.address import AT, SHOWN, write
from streamlit_app.door import st
from streamlit_app.i18n import t
from tgstudio_dagster.core.cursor import mark_of

_TRAIL, _TURNS = "pages_before", "pages_turned"
MOST_PAGES = 100_000


@dataclass(frozen=True)
class PageAt:
    """The page to show: its number from 1, and its cursor (None for the first) in a list whose filters have this mark."""

    mark: str
    number: int
    cursor: str | None

    @property
    def code(self) -> str:
        """As it stands in the address; empty for the first page."""
        return "" if self.cursor is None else f"{self.mark}.{self.number}.{self.cursor}"


def page_at(*filters: object) -> PageAt:
    """The page that the address names; the first where it names none of a list with these filters (codes, never labels)."""
    mark = mark_of(*filters, digits=6)
    its_mark, _, rest = st.query_params.get(AT, "").partition(".")
    number, _, cursor = rest.partition(".")
    if its_mark == mark and cursor and number.isascii() and number.isdecimal() and 1 < int(number) < MOST_PAGES:
        page = PageAt(mark, int(number), cursor)
    else:
        page = PageAt(mark, 1, None)
    if turned := st.session_state.pop(_TURNS, 0):
        # Another text at each turn: a script that reads the same is not run again.
        st.html(f"<script>window.tgstudioTop?.({turned})</script>", unsafe_allow_javascript=True)
    return page


def pager(page: PageAt, following: str | None, following_of: Callable[[str | None], str | None]) -> None:
    """Buttons to the page before and the one after, whose cursor is `following`; nothing where there is one page.

    `following_of` a page's cursor is the next one's: asked for where this browser has not come by the page before.
    """
    if page.number == 1 and following is None:
        return
    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="pager"):
        st.button(
            t("common.page.newer"), key="page_back", icon=":material/chevron_left:", disabled=page.number == 1,
            on_click=_back, args=(page, following_of),
        )  # fmt: skip
        st.markdown(t("common.page.number", number=page.number))
        st.button(
            t("common.page.older"), key="page_on", icon=":material/chevron_right:", icon_position="right",
            disabled=following is None, on_click=_on, args=(page, following),
        )  # fmt: skip


def shown_so_far(step: int, most: int) -> int:
    """How many items of a list that grows on demand are shown: as many as the address says, in steps."""
    text = st.query_params.get(SHOWN, "")
    wished = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return min(most, max(step, wished // step * step))


def more(shown: int, step: int) -> None:
    """A button that shows the next step of them."""
    st.button(t("top.more"), key="more", icon=":material/expand_more:", on_click=_show, args=(shown + step,))


def _show(shown: int) -> None:
    write(**{SHOWN: str(shown)})


def _on(page: PageAt, following: str) -> None:
    after = PageAt(page.mark, page.number + 1, following)
    st.session_state.setdefault(_TRAIL, {})[after.code] = page.cursor
    _turn(after)


def _back(page: PageAt, following_of: Callable[[str | None], str | None]) -> None:
    trail: dict[str, str | None] = st.session_state.get(_TRAIL, {})
    number = page.number - 1
    cursor = trail[page.code] if page.code in trail else _walk(following_of, number)
    _turn(PageAt(page.mark, number if cursor else 1, cursor))


def _walk(following_of: Callable[[str | None], str | None], number: int) -> str | None:
    """The cursor of the page with this number, counted from the first; None where there are fewer."""
    cursor: str | None = None
    for _ in range(number - 1):
        cursor = following_of(cursor)
        if cursor is None:
            return None
    return cursor


def _turn(page: PageAt) -> None:
    write(**{AT: page.code})
    st.session_state["turns"] = st.session_state.get("turns", 0) + 1
    st.session_state[_TURNS] = st.session_state["turns"]
