"""The map: every post of the window where its like are, coloured by story; a click or a lasso chooses posts to work from."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import polars as pl

from streamlit_app.components.post import posts_list
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.door import st
from streamlit_app.formats import number
from streamlit_app.i18n import t
from streamlit_app.navigation import path
from streamlit_app.plain import in_chart
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.topics import WITHOUT_STORY

POINTS = 5000
"""Drawn at most: the posts of topics first, then the newest."""
LABELS = 10
LETTERS = 30
LABEL_WIDTH, LABEL_HEIGHT = 0.3, 0.055
SHOWN = 20
HOVER = 70
OUTLINE = "rgba(148,163,184,.85)"
"""Around the points of topics: some stories have a colour that a dark page would hide."""
SHORT = 30


def show() -> None:
    """The page."""
    mine = studio()
    page_head("map")
    try:
        newest = mine.topics.newest_day()
    except NotFoundError:
        empty_state(
            "bubble_chart", t("map.empty_title"), t("map.empty_text"),
            ("onboarding", t("feed.empty_connect")), ("subscriptions", t("feed.empty_subscribe")),
        )  # fmt: skip
        return
    with guarded():
        with st.container(horizontal=True, key="map_choice", vertical_alignment="bottom"):
            day = st.date_input(t("top.day"), value=newest, max_value=newest, key="day", format="DD.MM.YYYY", width=170)
            tool = st.segmented_control(
                t("map.tool"), ("lasso", "pan"), format_func=lambda one: t(f"map.tool_{one}"), key="tool",
                default="lasso", required=True,
            )  # fmt: skip
        page = mine.topics.map(day=day)
        if page.points.is_empty():
            empty_state("bubble_chart", t("map.empty_title"), t("map.empty_text"), ("feed", t("feed.title")))
            return
        if page.reason:
            st.info(t("map.too_few", reason=page.reason), icon=":material/info:")
        points = page.points.sort(pl.col("topic_id").is_null(), "date", descending=[False, True]).head(POINTS)
        if points.height < page.points.height:
            st.caption(t("map.cut", shown=number(points.height), total=number(page.points.height)))
        _draw(mine, points, day, tool)


def _draw(mine: Studio, points: pl.DataFrame, day: date, tool: str) -> None:
    left, right = st.columns([2.2, 1], gap="medium")
    with left, st.container(key="map_chart"):
        event: Any = st.plotly_chart(
            _figure(points, tool),
            key=f"map_{day}_{tool}",
            on_select="rerun",
            selection_mode=("points", "lasso", "box"),
            config={"displaylogo": False, "scrollZoom": True, "modeBarButtonsToRemove": ["autoScale2d", "toImage"]},
            theme="streamlit",
        )
    keys = sorted({_key(point) for point in event.selection.points if point.get("customdata")})
    chosen = points.filter(pl.struct("channel_id", "msg_id").is_in([{"channel_id": c, "msg_id": m} for c, m in keys]))
    with right:
        if not keys:
            icon = '<span class="ts-icon" aria-hidden="true">touch_app</span>'
            st.html(f'<div class="ts-aside-note">{icon}<p>{t("map.hint")}</p></div>')
            _topics(points, day)
        else:
            _chosen(mine, chosen, keys, day)
    if keys:
        _posts(mine, chosen, day)


def _key(point: dict[str, Any]) -> tuple[int, int]:
    """channel_id and msg_id of a point; as texts in the browser, whose numbers end at 2^53."""
    place = point["customdata"]
    pair = place if isinstance(place, list) else [place["0"], place["1"]]
    return int(pair[0]), int(pair[1])


def _figure(points: pl.DataFrame, tool: str) -> go.Figure:
    """One trace of all points. Never cached: a figure from a cache gets another id, and the selection is lost."""
    titles = points["title"].fill_null(t("map.no_topic")).to_list()
    names = points.select(pl.coalesce("channel_title", "channel", pl.col("channel_id").cast(pl.String)))[
        "channel_title"
    ]
    alone = points["story_id"].is_null()
    figure = go.Figure(
        go.Scattergl(
            x=points["x"].to_list(),
            y=points["y"].to_list(),
            mode="markers",
            marker={
                "color": points["colour"].to_list(),
                "size": [5 if one else 8 for one in alone],
                "opacity": [0.45 if one else 0.85 for one in alone],
                "line": {"width": [0 if one else 0.8 for one in alone], "color": OUTLINE},
            },
            customdata=[[str(one), str(other)] for one, other in points.select("channel_id", "msg_id").iter_rows()],
            text=[
                f"<b>{_cut(title)}</b><br>{_cut(name)}<br>{_cut(excerpt)}"
                for title, name, excerpt in zip(titles, names, points["excerpt"].fill_null(""), strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    for row in _labelled(points):
        figure.add_annotation(
            x=row["x"], y=row["y"], text=f"<b>{_cut(row['title'], LETTERS)}</b>", showarrow=False, yshift=14,
            font={"size": 12, "color": "#111827"}, bgcolor="rgba(255,255,255,.86)", borderpad=3,
            bordercolor=row["colour"], borderwidth=1,
        )  # fmt: skip
    figure.update_layout(
        height=600, margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False, dragmode=tool, clickmode="event+select",
        xaxis={"visible": False}, yaxis={"visible": False}, hoverlabel={"align": "left"},
    )  # fmt: skip
    return figure


def _cut(text: str, letters: int = HOVER) -> str:
    """A short text that Plotly shows as it is written: it would read < and & as its own."""
    shown = text if len(text) <= letters else text[:letters].rsplit(" ", 1)[0] + "…"
    return in_chart(shown)


def _largest(points: pl.DataFrame) -> pl.DataFrame:
    """topic_id, title, colour, posts, and the middle of each topic, largest first."""
    return (
        points.drop_nulls("topic_id")
        .group_by("topic_id")
        .agg(
            pl.col("title", "colour").first(),
            pl.len().alias("posts"),
            pl.col("x", "y").median(),
            pl.col("channel_id").n_unique().alias("channels"),
        )
        .sort("posts", "topic_id", descending=[True, False])
    )


def _labelled(points: pl.DataFrame) -> list[dict[str, Any]]:
    """The largest topics whose labels don't lie on each other's; a label is about a quarter of the map wide."""
    placed: list[dict[str, Any]] = []
    width = (points["x"].max() - points["x"].min() or 1.0) * LABEL_WIDTH  # type: ignore[operator]
    height = (points["y"].max() - points["y"].min() or 1.0) * LABEL_HEIGHT  # type: ignore[operator]
    for row in _largest(points).head(4 * LABELS).iter_rows(named=True):
        if all(abs(row["x"] - one["x"]) > width or abs(row["y"] - one["y"]) > height for one in placed):
            placed.append(row)
    placed = placed[:LABELS]
    # On a phone only the first few are shown (style.css): those that are far enough from each other even there.
    first: list[dict[str, Any]] = []
    for row in placed:
        if all(abs(row["x"] - one["x"]) > 2 * width or abs(row["y"] - one["y"]) > height for one in first):
            first.append(row)
    return [*first, *(row for row in placed if row not in first)]


def _topics(points: pl.DataFrame, day: date, most: int = 8) -> None:
    """The largest topics among the points, each with the colour of its story."""
    for row in _largest(points).head(most).iter_rows(named=True):
        with st.container(
            horizontal=True, key=f"map_topic_{row['topic_id']}", vertical_alignment="center", gap="small"
        ):
            st.html(f'<span class="ts-dot" style="--dot:{row["colour"]}"></span>', width=14)
            st.page_link(
                path("topic"),
                label=f"{_short(row['title'])} · {number(row['posts'])}",
                query_params={"topic": row["topic_id"], "day": day.isoformat()},
            )


def _short(title: str) -> str:
    return title if len(title) <= SHORT else title[:SHORT].rsplit(" ", 1)[0] + "…"


def _chosen(mine: Studio, chosen: pl.DataFrame, keys: list[tuple[int, int]], day: date) -> None:
    st.metric(t("map.chosen"), number(chosen.height), border=True)
    topics = _largest(chosen)
    only = topics["topic_id"][0] if topics.height == 1 and len(keys) == 1 else None
    may = mine.may("orders.request")
    if st.button(
        t("map.make"), key="make", type="primary", icon=":material/auto_awesome:", disabled=not may, width="stretch",
        help=None if may else t("common.viewer_note"),
    ):  # fmt: skip
        st.session_state["exclusive"] = {"messages": keys, "day": day}
        st.switch_page(path("exclusive"))
    if only is not None and st.button(
        t("map.make_topic"), key="make_topic", disabled=not may, width="stretch", icon=":material/forum:"
    ):
        st.session_state["exclusive"] = {"topic_id": only, "day": day}
        st.switch_page(path("exclusive"))
    _topics(chosen, day)
    lone = chosen["topic_id"].null_count()
    if lone:
        st.html(
            f'<p class="ts-facts"><span class="ts-dot" style="--dot:{WITHOUT_STORY}"></span>'
            f"{t('map.without_topic', number=number(lone))}</p>"
        )


def _posts(mine: Studio, chosen: pl.DataFrame, day: date) -> None:
    st.subheader(t("map.posts"))
    zone: ZoneInfo = mine.settings.get().zone
    newest = chosen.sort("date", descending=True).head(SHOWN)
    posts_list(
        mine.posts.by_key([(c, m) for c, m in newest.select("channel_id", "msg_id").iter_rows()], day=day).to_dicts(),
        zone,
    )
    if chosen.height > SHOWN:
        st.caption(t("map.more", number=number(chosen.height - SHOWN)))


show()
