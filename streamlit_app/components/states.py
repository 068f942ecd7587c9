"""What a page shows in place of its content: that there is nothing yet and what to do next, or what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from streamlit_app.formats import moment
from streamlit_app.i18n import has, t
from streamlit_app.navigation import path
from tgstudio_dagster.core.errors import FloodError, QuotaError, TGStudioError
from tgstudio_dagster.core.text import escape


def page_head(key: str) -> None:
    """The page's title and, where there are words `<key>.lead`, what it is for."""
    lead = f'<p class="ts-lead">{escape(t(f"{key}.lead"))}</p>' if has(f"{key}.lead") else ""
    st.html(f'<div class="ts-head"><h1>{escape(t(f"{key}.title"))}</h1>{lead}</div>')


def empty_state(icon: str, title: str, text: str, *steps: tuple[str, str]) -> None:
    """Nothing is here yet: why, and the pages where one goes on, as pairs of a page's key and what the link says."""
    with st.container(border=True, key=f"empty_{abs(hash((icon, title)))}", horizontal_alignment="center"):
        st.html(
            f'<div class="ts-empty"><span class="ts-icon" aria-hidden="true">{escape(icon)}</span>'
            f"<h2>{escape(title)}</h2><p>{escape(text)}</p></div>"
        )
        if steps:
            with st.container(horizontal=True, horizontal_alignment="center"):
                for place, (key, label) in enumerate(steps):
                    go_on(key, label, main=not place)


def go_on(key: str, label: str, icon: str = "arrow_forward", *, main: bool = True) -> None:
    """What to do next: a page's link that looks like the button it stands in for."""
    with st.container(key=f"{'go' if main else 'also'}_{key}", width="content"):
        st.page_link(path(key), label=label, icon=f":material/{icon}:")


def error_box(error: TGStudioError) -> None:
    """What went wrong, in the reader's language, and what the product says about it: it names the field and the mend."""
    names = (f"common.error.{kind.__name__}" for kind in type(error).__mro__)
    head = t(next(filter(has, names)))
    with st.container(key=f"error_{abs(hash(str(error)))}"):
        st.error(head, icon=":material/error:")
        st.html(f'<p class="ts-detail">{escape(str(error))}</p>')
        if isinstance(error, FloodError | QuotaError):
            from zoneinfo import ZoneInfo

            st.caption(t("common.error.until", moment=moment(error.until, ZoneInfo("UTC"))))


@contextmanager
def guarded() -> Iterator[None]:
    """Shows an error of the product in place of what the block would have shown; any other error stays a fault."""
    try:
        yield
    except TGStudioError as error:
        error_box(error)
