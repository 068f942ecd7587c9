"""Streamlit as the pages have it: every text that a widget would read as Markdown goes through `plain` first.

    from streamlit_app.door import st

A page imports no other Streamlit, and calls widgets on `st` only (`with left: st.button(…)`, not `left.button(…)`); what is
not listed here is not let through. tests/streamlit_app/test_plain.py holds both.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

import streamlit

from streamlit_app.plain import plain, without_links

if TYPE_CHECKING:
    import streamlit as st

__all__ = ["MARKDOWN", "PASSED", "st"]

_LABELLED = ("label", "help")
MARKDOWN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("markdown", "caption", "subheader", "header", "title"), ("body", "help")),
    **dict.fromkeys(("info", "warning", "error", "success", "toast"), ("body",)),
    **dict.fromkeys(
        (
            "badge", "button", "download_button", "form_submit_button", "link_button", "page_link", "popover", "expander",
            "text_input", "text_area", "number_input", "date_input", "time_input", "selectbox", "multiselect", "slider",
            "select_slider", "toggle", "checkbox", "file_uploader", "color_picker", "status",
        ),
        _LABELLED,
    ),
    **dict.fromkeys(("radio", "pills", "segmented_control"), (*_LABELLED, "format_func")),
    "radio": (*_LABELLED, "format_func", "captions"),
    "metric": ("label", "value", "delta", "help"),
    "tabs": ("tabs",),
    "progress": ("text",),
    "spinner": ("text",),
    "dialog": ("title",),
    "text": ("help",),
    "plotly_chart": (),
}  # fmt: skip
"""The arguments of each widget that Streamlit reads as Markdown. A chart's own texts are looked through."""
PASSED = frozenset({
    "Page", "cache_data", "cache_resource", "code", "column_config", "columns", "container", "context", "dataframe",
    "empty", "form", "fragment", "html", "logo", "navigation", "query_params", "rerun", "session_state",
    "set_page_config", "sidebar", "skeleton", "stop", "switch_page", "user",
})  # fmt: skip
"""What reads no Markdown, or is given the pages' own words alone (titles of pages, of a table's columns)."""


class Door:
    """Streamlit's commands by name, each with its texts made plain."""

    def __getattr__(self, name: str) -> Any:
        if name in PASSED:
            return getattr(streamlit, name)
        if name in MARKDOWN:
            return _guarded(name, getattr(streamlit, name))
        raise AttributeError(f"st.{name}: list in streamlit_app/door.py which of its arguments are Markdown.")


@lru_cache(maxsize=256)
def _guarded(name: str, widget: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(widget)
    names = [one for one in MARKDOWN[name] if one in signature.parameters]

    @wraps(widget)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        given = bound.arguments
        for one in names:
            if one == "format_func":
                given[one] = _plainly(given.get(one, str))
            elif isinstance(given.get(one), str):
                given[one] = str(plain(given[one]))
            elif isinstance(given.get(one), list | tuple):
                given[one] = [str(plain(text)) for text in given[one]]
        if name == "plotly_chart":
            _look_through(bound.args[0])
        return widget(*bound.args, **bound.kwargs)

    return guarded


def _plainly(of: Callable[[Any], Any]) -> Callable[[Any], str]:
    return lambda option: str(plain(of(option)))


def _look_through(figure: Any) -> None:
    for trace in figure.data:
        for name in ("name", "text", "hovertext"):
            texts = getattr(trace, name, None)
            if isinstance(texts, str):
                trace[name] = without_links(texts)
            elif texts is not None:
                trace[name] = [without_links(text) if isinstance(text, str) else text for text in texts]
    for note in figure.layout.annotations:
        note.text = without_links(note.text or "")


if not TYPE_CHECKING:
    st = Door()
