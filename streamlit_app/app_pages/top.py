"""What leads: topics or posts of the last 24 hours or 7 days, and why each stands where it does."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, cast

import polars as pl

from streamlit_app.components.address import address_choice, address_day
from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.paging import more, shown_so_far
from streamlit_app.components.post import post_html
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.components.topic import topic_row
from streamlit_app.components.why import signed, why_html
from streamlit_app.door import st
from streamlit_app.formats import moment, number
from streamlit_app.i18n import t
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.services import Studio

PAGE = 20
MOST = 200
WINDOWS = {"24h": 24, "7d": 168}


def show() -> None:
    """The page."""
    mine = studio()
    page_head("top")
    try:
        newest = mine.topics.newest_day()
    except NotFoundError:
        empty_state(
            "trending_up", t("top.empty_title"), t("top.empty_text"),
            ("onboarding", t("feed.empty_connect")), ("subscriptions", t("feed.empty_subscribe")),
        )  # fmt: skip
        return
    with st.container(horizontal=True, key="top_choice", vertical_alignment="bottom"):
        by = address_choice(
            t("top.by"), ("topic", "message"), name="by", default="topic", format_func=lambda one: t(f"top.by_{one}")
        )
        window = address_choice(
            t("top.window"),
            tuple(WINDOWS),
            name="window",
            default="24h",
            format_func=lambda one: t(f"top.window_{one}"),
        )
        day = address_day(t("top.day"), name="day", default=newest, width=170)
    kind = cast(Literal["topic", "message"], by)
    shown = shown_so_far(PAGE, MOST)
    with guarded():
        rows = mine.topics.top(by=kind, window=cast(Literal["24h", "7d"], window), day=day, limit=shown + 1)
        if rows.is_empty():
            empty_state("trending_flat", t("top.nothing_title"), t("top.nothing_text"), ("feed", t("feed.title")))
            return
        _head(rows, mine)
        if kind == "topic":
            _topics(mine, rows.head(shown), day)
        else:
            _posts(mine, rows.head(shown))
        if rows.height > shown and shown < MOST:
            more(shown, PAGE)


def _head(rows: pl.DataFrame, mine: Studio) -> None:
    rising = rows.sort("trend", descending=True).row(0, named=True)
    metric_row(
        [
            Figure(t("top.as_of"), moment(rows["as_of"][0], mine.settings.get().zone)),
            Figure(t("top.leader_score"), number(rows["score"][0], 2), t("top.formula")),
            Figure(t("top.steepest"), signed(rising["trend"]), rising["title"][:200]),
        ]
    )


def _topics(mine: Studio, rows: pl.DataFrame, day: date) -> None:
    zone, window = mine.settings.get().zone, rows["window"][0]
    hours = WINDOWS[window]
    first = rows["as_of"][0].replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
    trends = mine.topics.trends(rows["entity_id"].to_list(), day=day, first=first, hours=hours)
    for row in rows.iter_rows(named=True):
        topic_id = row["entity_id"]
        topic_row(row, topic_id=topic_id, day=day, zone=zone, trend=trends[topic_id], ranked=True)


def _posts(mine: Studio, rows: pl.DataFrame) -> None:
    zone, html = mine.settings.get().zone, []
    for row in rows.iter_rows(named=True):
        channel_id, _, msg_id = row["entity_id"].partition("/")
        post = row | {"channel_id": int(channel_id), "msg_id": int(msg_id), "text": row["title"]}
        card = post_html(
            post, zone, note=t("top.place", rank=row["rank"], score=number(row["score"], 2)), with_day=True
        )
        html.append(f"<div>{card}{why_html(row)}</div>")
    st.html(f'<div class="ts-posts">{"".join(html)}</div>')


show()
