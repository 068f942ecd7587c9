"""What a person chose on a page, kept in the page's address by codes: it survives a reload, Back, and a link to somebody
who reads in another language.

Streamlit's own binding writes an option as it is shown, which is another text in the other language. Each function draws a
widget and returns what is chosen; the address says nothing where that is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Literal, TypeVar, cast

from streamlit_app.door import st
from streamlit_app.i18n import language

T = TypeVar("T", str, int)
AT, SHOWN = "at", "shown"
"""Where the address says how far into a list it is (paging.py)."""
_BETWEEN = ".."


def address_choice(
    label: str,
    options: Sequence[T],
    *,
    name: str,
    default: T,
    format_func: Callable[[T], str],
    look: Literal["segments", "pills", "list"] = "segments",
    label_visibility: Literal["visible", "collapsed"] = "visible",
    **shown: Any,
) -> T:
    """One of the options; one that the address names wrongly is the default."""
    known = {str(option): option for option in options}
    state, said = _take_up(name, known.get(st.query_params.get(name, ""), default))
    widget: Any = {"segments": st.segmented_control, "pills": st.pills, "list": st.selectbox}[look]
    required = {} if look == "list" else {"required": True}
    chosen: T = widget(
        label, options, format_func=format_func, key=state, label_visibility=label_visibility, **required, **shown
    )
    return cast(T, _keep(name, said, chosen, "" if chosen == default else str(chosen)))


def address_choices(
    label: str,
    options: Sequence[str],
    *,
    name: str,
    format_func: Callable[[str], str],
    look: Literal["pills", "list"] = "list",
    **shown: Any,
) -> tuple[str, ...]:
    """Any of the options, in the address separated by commas; those that the address names wrongly are left out."""
    wished = [code for code in st.query_params.get(name, "").split(",") if code in options]
    state, said = _take_up(name, wished)
    if look == "pills":
        chosen = st.pills(label, options, selection_mode="multi", format_func=format_func, key=state, **shown)
    else:
        chosen = st.multiselect(label, options, format_func=format_func, key=state, **shown)
    return tuple(_keep(name, said, list(chosen), ",".join(chosen)))


def address_text(label: str, *, name: str, **shown: Any) -> str:
    """What was typed, without the spaces around it."""
    state, said = _take_up(name, st.query_params.get(name, ""))
    typed = st.text_input(label, key=state, **shown) or ""
    return str(_keep(name, said, typed, typed)).strip()


def address_switch(label: str, *, name: str, **shown: Any) -> bool:
    """Whether it is on: `1` in the address."""
    state, said = _take_up(name, st.query_params.get(name) in ("1", "true"))
    on = st.toggle(label, key=state, **shown)
    return bool(_keep(name, said, on, "1" if on else ""))


def address_day(label: str, *, name: str, default: date, **shown: Any) -> date:
    """A day up to the default one, which is the newest; 2026-03-14 in the address."""
    wished = day_of(st.query_params.get(name, "")) or default
    state, said = _take_up(name, min(wished, default))
    day = st.date_input(label, max_value=default, key=state, format="DD.MM.YYYY", **shown)
    return cast(date, _keep(name, said, day, "" if day == default else day.isoformat()))


def address_days(label: str, *, name: str, **shown: Any) -> tuple[date | None, date | None]:
    """The first and the last day of a range, None where none is chosen; 2026-03-10..2026-03-14 in the address."""
    ends = [day_of(text) for text in st.query_params.get(name, "").split(_BETWEEN)[:2]]
    wished = tuple(sorted(day for day in ends if day is not None))
    state, said = _take_up(name, wished)
    # No day at all is a range, too; only Streamlit's types don't know it.
    chosen: Any = st.date_input(label, value=cast(Any, ()), key=state, format="DD.MM.YYYY", **shown)
    days: tuple[date, ...] = tuple(chosen) if isinstance(chosen, tuple | list) else (chosen,)
    days = _keep(name, said, days, _BETWEEN.join(day.isoformat() for day in days))
    chosen_ends: list[date | None] = [*days, None, None]
    return chosen_ends[0], chosen_ends[1]


def day_of(text: str) -> date | None:
    """The day that a text of an address names, None for any other text."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def tell() -> None:
    """Have the browser's address say what this run was asked: a link to another address of the same page leaves it as it was
    (Streamlit 1.67), so that the next run, a reload or Back would show another thing."""
    codes = st.query_params.to_dict()
    if codes:
        st.query_params.from_dict(codes)
    else:
        st.query_params.clear()


def write(**codes: str) -> None:
    """Set these in the address, all at once so that Back passes them in one step; an empty code takes its name out."""
    st.query_params.from_dict({name: code for name, code in (st.query_params.to_dict() | codes).items() if code})


def _take_up(name: str, wished: Any) -> tuple[str, Any]:
    """The key of the widget's state, which holds what the address says unless it was changed since; and what that is."""
    state = f"at_{name}"
    # The browser names options as they were shown: after a change of language it names none of those there are.
    if state not in st.session_state or (wished, language()) != st.session_state.get(f"{state}_before"):
        st.session_state[state] = wished
    return state, wished


def _keep(name: str, said: Any, chosen: Any, code: str) -> Any:
    st.session_state[f"at_{name}_before"] = (chosen, language())
    if chosen != said:
        # Another choice begins its list anew (paging.py).
        write(**{name: code, AT: "", SHOWN: ""})
    return chosen
