"""A choice of one thing that stands in the page's address, so that it survives a reload and can be linked to.

Streamlit's own binding writes the option as it is shown, which is another text in the other language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from streamlit_app.door import st

T = TypeVar("T", str, int)


def address_choice(
    label: str,
    options: Sequence[T],
    *,
    name: str,
    default: T,
    format_func: Callable[[T], str],
    look: Literal["segments", "pills"] = "segments",
    label_visibility: Literal["visible", "collapsed"] = "visible",
) -> T:
    """The chosen option: what the address's `name` says, or what was clicked since; then the address says that."""
    state, told = f"at_{name}", f"at_{name}_told"
    known = {str(one): one for one in options}
    asked = known.get(st.query_params.get(name, ""), default)
    if state not in st.session_state or asked != st.session_state.get(told):
        st.session_state[state] = asked
    widget: Any = st.pills if look == "pills" else st.segmented_control
    chosen: T = widget(
        label, options, format_func=format_func, key=state, required=True, label_visibility=label_visibility
    )
    st.session_state[told] = chosen
    if chosen != asked:
        if chosen == default:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(chosen)
    return chosen
