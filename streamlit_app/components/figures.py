"""Rows of figures: a label, a value, and where it helps a note or a line of how it came to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1

from streamlit_app.door import st


@dataclass(frozen=True)
class Figure:
    """One figure; `trend` is drawn as a small area, `note` stands in a hint."""

    label: str
    value: str
    note: str | None = None
    trend: Sequence[float] | None = None


def metric_row(figures: Sequence[Figure]) -> None:
    """The figures beside each other; on a phone, two in a row."""
    name = sha1("|".join(one.label for one in figures).encode(), usedforsecurity=False).hexdigest()[:10]
    with st.container(key=f"figures_{name}", horizontal=True, gap="small"):
        for one in figures:
            st.metric(
                one.label,
                one.value,
                help=one.note,
                border=True,
                chart_data=list(one.trend) if one.trend else None,
                chart_type="area",
            )
