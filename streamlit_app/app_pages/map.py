"""The map: every post of the window where its like are, coloured by story; a click or a lasso chooses posts to work from."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import polars as pl

from streamlit_app.components.address import address_choice, address_day
from streamlit_app.components.chosen import posts_code
from streamlit_app.components.map_labels import LETTERS, frame_of, labels
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
from tgstudio_dagster.services.orders import MAX_MESSAGES
from tgstudio_dagster.services.topics import WITHOUT_STORY, story_shape

POINTS = 5000
"""Drawn at most: the posts of topics first, then the newest."""
SHOWN = 20
HOVER = 70
SHORT = 30
HEIGHT = 560
TOOLS = ("pan", "lasso")
"""To move the map comes first: on a touch screen a finger that draws could not scroll."""


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
            day = address_day(t("top.day"), name="day", default=newest, width=170)
            tool = address_choice(
                t("map.tool"), TOOLS, name="tool", default=TOOLS[0], format_func=lambda code: t(f"map.tool_{code}")
            )
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
        note = st.container(key="map_note")
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
    if len(keys) > MAX_MESSAGES:
        with note:
            st.warning(
                t("map.too_many", count=number(len(keys)), limit=number(MAX_MESSAGES)), icon=":material/gesture:"
            )
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
                "symbol": [story_shape(story) for story in points["story_id"]],
                "size": [5 if lone else 9 for lone in alone],
                "line": {"width": 0},
                "opacity": [0.45 if lone else 0.9 for lone in alone],
            },
            customdata=[[str(one), str(other)] for one, other in points.select("channel_id", "msg_id").iter_rows()],
            text=[
                f"<b>{_cut(title)}</b><br>{_cut(name)}<br>{_cut(excerpt)}"
                for title, name, excerpt in zip(titles, names, points["excerpt"].fill_null(""), strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    frame = frame_of(points)
    for row, place in labels(_largest(points), frame):
        figure.add_annotation(
            x=row["x"], y=row["y"], text=f"<b>{_cut(row['title'], LETTERS)}</b>", showarrow=False, yshift=place.shift,
            xanchor=place.anchor, yanchor="middle", font={"size": 12, "color": "#111827"}, bgcolor="rgba(255,255,255,.9)",
            borderpad=3, bordercolor=row["colour"], borderwidth=1,
        )  # fmt: skip
    figure.update_layout(
        height=HEIGHT, margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False, dragmode=tool, clickmode="event+select",
        xaxis={"visible": False, "range": frame.x}, yaxis={"visible": False, "range": frame.y}, hoverlabel={"align": "left"},
    )  # fmt: skip
    return figure


def _cut(text: str, letters: int = HOVER) -> str:
    """A short text that Plotly shows as it is written: it would read < and & as its own."""
    shown = text if len(text) <= letters else text[:letters].rsplit(" ", 1)[0] + "…"
    return in_chart(shown)


def _largest(points: pl.DataFrame) -> pl.DataFrame:
    """topic_id, title, colour, story_id, posts, and the middle of each topic, largest first."""
    return (
        points.drop_nulls("topic_id")
        .group_by("topic_id")
        .agg(
            pl.col("title", "colour", "story_id").first(),
            pl.len().alias("posts"),
            pl.col("x", "y").median(),
            pl.col("channel_id").n_unique().alias("channels"),
        )
        .sort("posts", "topic_id", descending=[True, False])
    )


def _topics(points: pl.DataFrame, day: date, most: int = 8) -> None:
    """The largest topics among the points, each with the colour of its story."""
    for row in _largest(points).head(most).iter_rows(named=True):
        with st.container(
            horizontal=True, key=f"map_topic_{row['topic_id']}", vertical_alignment="center", gap="small"
        ):
            shape = f"ts-{story_shape(row['story_id'])}"
            st.html(f'<span class="ts-dot {shape}" style="--dot:{row["colour"]}"></span>', width=14)
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
    may, fits = mine.may("orders.request"), len(keys) <= MAX_MESSAGES
    why = None if may and fits else t("map.fewer", limit=number(MAX_MESSAGES)) if may else t("common.viewer_note")
    if st.button(
        t("map.make"), key="make", type="primary", icon=":material/auto_awesome:", disabled=not (may and fits), help=why,
        width="stretch",
    ):  # fmt: skip
        st.switch_page(path("exclusive"), query_params={"posts": posts_code(keys), "day": day.isoformat()})
    if only is not None and st.button(
        t("map.make_topic"), key="make_topic", disabled=not may, width="stretch", icon=":material/forum:"
    ):
        st.switch_page(path("exclusive"), query_params={"topic": only, "day": day.isoformat()})
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
