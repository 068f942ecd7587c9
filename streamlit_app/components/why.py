"""Why something ranks where it does: each term of the formula in words, with the figures behind it.

The formula is topics/rank.py's; the columns are those of the table `rankings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamlit_app.formats import duration, number, short
from streamlit_app.i18n import t
from tgstudio_dagster.core.text import escape

COUNTERS = ("views", "forwards", "reactions", "comments")
_WIDEST = 4.0  # doublings: what a counter's term is cut at


def why_html(row: Mapping[str, Any]) -> str:
    """The terms of one row of the ranking as a list that opens under its head."""
    of_topic = row["entity_kind"] == "topic"
    span = t(f"top.recent_{row['window']}")
    spread = t("top.channels_term", channels=number(row["channels"]), messages=number(row["messages"]))
    lines = [
        _line(t("top.popularity"), number(row["popularity"], 2), spread if of_topic else t("top.popularity_help")),
        _line(
            t("top.trend"),
            signed(row["trend"]),
            t("top.trend_help", recent=number(row["recent"]), expected=number(row["expected"], 1), span=span),
            row["trend"],
        ),
        _line(
            t("top.engagement"),
            signed(row["engagement"]),
            t("top.engagement_help_topic" if of_topic else "top.engagement_help"),
            row["engagement"],
        ),
        *(_counter(row, name) for name in COUNTERS if row.get(f"{name}_term") is not None),
        _line(t("top.audience"), number(row["audience"], 2), t("top.audience_help")),
        _line(t("top.decay"), number(row["decay"], 2), _age(row)),
    ]
    return (
        f'<details class="ts-why"><summary>{escape(t("top.why"))}</summary><ul>{"".join(lines)}</ul>'
        f'<p class="ts-note">{escape(t("top.formula"))}</p></details>'
    )


def signed(value: float) -> str:
    """A number with its sign: what is above the usual, and what is below."""
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{number(abs(value), 2)}"


def _age(row: Mapping[str, Any]) -> str:
    return "" if row.get("age") is None else t("top.decay_help", age=duration(max(0.0, row["age"]) * 3600))


def _counter(row: Mapping[str, Any], name: str) -> str:
    read, usual = row.get(f"{name}_read"), row.get(f"{name}_usual")
    told = "" if read is None else t("top.counter_help", read=short(read), usual=short(usual))
    return _line(t(f"post.{name}"), signed(row[f"{name}_term"]), told, row[f"{name}_term"], inner=True)


def _line(label: str, value: str, note: str, bar: float | None = None, *, inner: bool = False) -> str:
    share = "" if bar is None else f'<i style="--share:{min(abs(bar) / _WIDEST, 1):.2f}" class="{_side(bar)}"></i>'
    return (
        f'<li class="{"ts-inner" if inner else ""}"><b>{escape(label)}</b><span class="ts-bar" aria-hidden="true">{share}</span>'
        f"<em>{escape(value)}</em><small>{escape(note)}</small></li>"
    )


def _side(value: float) -> str:
    return "ts-below" if value < 0 else "ts-above"
