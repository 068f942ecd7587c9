"""Paging by cursors: a list remembers the cursors it came by, so that one can go back."""

from __future__ import annotations

from streamlit_app.door import st
from streamlit_app.i18n import t

_TO_TOP = '<script>document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0)</script>'


def page_cursor(key: str, of: object) -> str | None:
    """The cursor of the page to show, None for the first; `of` are the filters: where they change, paging begins anew."""
    # By what it reads as: a class of a page is another one in each run.
    state, filters = f"pages_{key}", repr(of)
    if st.session_state.get(state, (None, []))[0] != filters:
        st.session_state[state] = (filters, [])
    if st.session_state.pop(f"{state}_turned", False):
        st.html(_TO_TOP, unsafe_allow_javascript=True)
    trail: list[str] = st.session_state[state][1]
    return trail[-1] if trail else None


def pager(key: str, following: str | None) -> None:
    """Buttons to the page before and the one after, whose cursor is `following`; nothing where there is one page."""
    of, trail = st.session_state[f"pages_{key}"]
    if not trail and following is None:
        return

    def turn(new: list[str]) -> None:
        st.session_state[f"pages_{key}"] = (of, new)
        st.session_state[f"pages_{key}_turned"] = True

    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", key=f"pager_{key}"):
        st.button(
            t("common.page.newer"), key=f"{key}_back", icon=":material/chevron_left:", disabled=not trail,
            on_click=turn, args=(trail[:-1],),
        )  # fmt: skip
        st.markdown(t("common.page.number", number=len(trail) + 1))
        st.button(
            t("common.page.older"), key=f"{key}_on", icon=":material/chevron_right:", icon_position="right",
            disabled=following is None, on_click=turn, args=([*trail, following or ""],),
        )  # fmt: skip
