"""One topic: what it is about, when and by whom it was told, its posts with repeats folded, and why it ranks."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.post import open_link, post_html
from streamlit_app.components.states import empty_state, guarded
from streamlit_app.components.topic import keywords_html
from streamlit_app.components.why import why_html
from streamlit_app.formats import NOTHING, moment, number
from streamlit_app.i18n import has, t
from streamlit_app.navigation import path
from streamlit_app.principal import studio
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.topics import TopicPage

WINDOWS: tuple[Literal["24h", "7d"], ...] = ("24h", "7d")
POSTS = 30
CHANNELS = 12
"""Channels that the timeline tells apart; the rest are one."""
REST_COLOUR = "#9ca3af"
COLOURS = (
    "#2a7de1", "#d97706", "#15803d", "#9333ea", "#dc2626", "#0891b2", "#a16207", "#be185d", "#4f46e5", "#65a30d",
    "#0f766e", "#b45309",
)  # fmt: skip


def show() -> None:
    """The page."""
    mine = studio()
    topic_id = st.query_params.get("topic", "")
    if not topic_id:
        empty_state(
            "forum", t("topic.none_title"), t("topic.none_text"), ("topics", t("topics.title")), ("top", t("top.title"))
        )
        return
    with guarded():
        day = _day(mine)
        page = mine.topics.get(topic_id, day=day)
        row = page.topic.row(0, named=True)
        st.page_link(path("topics"), label=t("topics.title"), icon=":material/arrow_back:")
        st.html(f'<div class="ts-head"><h1>{escape(row["title"])}</h1></div>{keywords_html(row["keywords"])}')
        _figures(row, page.posts, mine.settings.get().zone)
        _make(mine, topic_id, day)
        _timeline(page, mine.settings.get().zone)
        _rank(mine, topic_id, day)
        _posts(page.posts, row, mine.settings.get().zone)
        _changes(page.changes)


def _day(mine: Studio) -> date:
    try:
        return date.fromisoformat(st.query_params.get("day", ""))
    except ValueError:
        return mine.topics.newest_day()


def _figures(row: dict[str, Any], posts: pl.DataFrame, zone: ZoneInfo) -> None:
    langs = sorted(set(posts["lang"].drop_nulls()))
    spoken = ", ".join(t(f"common.lang.{one}") if has(f"common.lang.{one}") else one for one in langs)
    st.caption(f"{t('feed.langs')}: {spoken or NOTHING}")
    metric_row(
        [
            Figure(t("topic.posts"), number(row["messages"]), t("topic.folded", number=number(posts.height))),
            Figure(t("topic.channels"), number(row["channels"])),
            Figure(t("topic.first"), moment(row["first_seen"], zone)),
            Figure(t("topic.last"), moment(row["last_seen"], zone)),
        ]
    )


def _make(mine: Studio, topic_id: str, day: date) -> None:
    may = mine.may("orders.request")
    if st.button(
        t("topic.make"), key="make", type="primary", icon=":material/auto_awesome:", disabled=not may,
        help=None if may else t("common.viewer_note"),
    ):  # fmt: skip
        st.session_state["exclusive"] = {"topic_id": topic_id, "day": day}
        st.switch_page(path("exclusive"))


def _timeline(page: TopicPage, zone: ZoneInfo) -> None:
    """Posts by hour, a colour for each channel; drawn anew each time, as a cached figure loses its place on the page."""
    st.subheader(t("topic.timeline"))
    lines = page.timeline.with_columns(
        name=pl.coalesce("channel_title", "channel", pl.col("channel_id").cast(pl.String))
    )
    by_size = lines.group_by("name").agg(pl.col("posts").sum()).sort("posts", "name", descending=[True, False])
    leading = by_size["name"].head(CHANNELS).to_list()
    figure = go.Figure()
    for n, name in enumerate([*leading, None]):
        own = lines.filter(~pl.col("name").is_in(leading) if name is None else pl.col("name") == name)
        if own.is_empty():
            continue
        own = own.group_by("hour").agg(pl.col("posts").sum()).sort("hour")
        figure.add_bar(
            x=[hour.astimezone(zone).replace(tzinfo=None) for hour in own["hour"]],
            y=own["posts"].to_list(),
            name=t("topic.other_channels") if name is None else name[:40],
            marker_color=REST_COLOUR if name is None else COLOURS[n],
            width=3_300_000,
        )
    figure.update_layout(
        barmode="stack", height=280, margin={"l": 0, "r": 0, "t": 8, "b": 0}, bargap=0.1, showlegend=True,
        legend={"orientation": "h", "y": -0.32}, xaxis={"tickformat": "%H:%M\n%d.%m.%Y"},
        yaxis={"title": t("topic.posts"), "rangemode": "tozero", "dtick": _tick(lines)},
    )  # fmt: skip
    st.plotly_chart(figure, key="timeline", config={"displayModeBar": False})


def _tick(lines: pl.DataFrame) -> int | None:
    most = lines.group_by("hour").agg(pl.col("posts").sum())["posts"].max()
    return 1 if isinstance(most, int) and most <= 6 else None


def _rank(mine: Studio, topic_id: str, day: date) -> None:
    for window in WINDOWS:
        found = mine.topics.ranking(topic_id, window=window, day=day)
        if found is not None:
            place = t("topic.place", rank=number(found["rank"]), window=t(f"top.window_{window}"))
            st.html(f'<p class="ts-place">{escape(place)}</p>{why_html(found)}')


def _posts(posts: pl.DataFrame, topic: dict[str, Any], zone: ZoneInfo) -> None:
    st.subheader(t("topic.messages"))
    lead = (pl.col("channel_id") == topic["channel_id"]) & (pl.col("msg_id") == topic["msg_id"])
    ordered = posts.sort(~lead, "date", "channel_id", "msg_id", maintain_order=True)
    shown = st.session_state.setdefault(f"topic_shown_{topic['topic_id']}", POSTS)
    html = []
    for n, row in enumerate(ordered.head(shown).iter_rows(named=True)):
        note = t("topic.representative") if n == 0 else None
        html.append(f"<div>{post_html(row, zone, note=note, with_day=True)}{_repeats(row['repeats'], zone)}</div>")
    st.html(f'<div class="ts-posts">{"".join(html)}</div>')
    if posts.height > shown:
        st.button(t("top.more"), on_click=_more, args=(topic["topic_id"],), icon=":material/expand_more:")


def _more(topic_id: str) -> None:
    st.session_state[f"topic_shown_{topic_id}"] += POSTS


def _repeats(repeats: list[dict[str, Any]], zone: ZoneInfo) -> str:
    """The posts that repeat one, folded under it."""
    if not repeats:
        return ""
    items = "".join(
        f"<li>{escape(str(one['channel_title'] or one['channel'] or one['channel_id']))} · {escape(moment(one['date'], zone))}"
        + f" {open_link(one['url'])}</li>"
        for one in repeats
    )
    head = t("topic.repeats", count=len(repeats))
    return f'<details class="ts-why"><summary>{escape(head)}</summary><ul class="ts-plain">{items}</ul></details>'


def _changes(changes: pl.DataFrame) -> None:
    if changes.is_empty():
        return
    st.subheader(t("topic.changes"))
    for row in changes.iter_rows(named=True):
        words = {"title": row["title"] or row["topic_id"], "other": row["other_title"] or row["other_id"]}
        st.text(f"{row['day']:%d.%m.%Y}: " + t(f"topics.{row['kind']}", shared=number(row["shared"]), **words))


show()
