"""A topic in a list: its rank, title, keywords, how widely it was told, and how that went hour by hour."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from streamlit_app.components.spark import spark_html
from streamlit_app.components.why import why_html
from streamlit_app.formats import moment, number
from streamlit_app.i18n import has, t
from streamlit_app.navigation import path
from tgstudio_dagster.core.text import escape, visible

TITLE = 140
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>:$&])")


def plain(text: str) -> str:
    """What somebody wrote, for a label that would read it as Markdown: every sign stands for itself, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(visible(text).split()))


def topic_row(
    row: Mapping[str, Any],
    *,
    topic_id: str,
    day: date,
    zone: ZoneInfo,
    trend: Sequence[float] = (),
    ranked: bool = False,
) -> None:
    """One topic: the link to its page, and below it what is known of it; `ranked` rows carry the formula's terms."""
    with st.container(border=True, key=f"topic_{topic_id}"):
        title = row["title"] if len(row["title"]) <= TITLE else row["title"][:TITLE].rsplit(" ", 1)[0] + "…"
        place = f"{row['rank']}\\. " if ranked else ""
        st.page_link(
            path("topic"),
            label=f"**{place}{plain(title)}**",
            query_params={"topic": topic_id, "day": day.isoformat()},
        )
        st.html(f'<div class="ts-topic">{_facts(row, zone, trend)}</div>{why_html(row) if ranked else ""}')


def _facts(row: Mapping[str, Any], zone: ZoneInfo, trend: Sequence[float]) -> str:
    marks = [
        ("forum", t("topics.posts", count=row["messages"], number=number(row["messages"]))),
        ("podcasts", t("topics.channels", count=row["channels"], number=number(row["channels"]))),
        ("schedule", t("topics.span", first=moment(row["first_seen"], zone), last=moment(row["last_seen"], zone))),
    ]
    lang = row["lang"]
    if has(f"common.lang.{lang}"):
        marks.append(("translate", t(f"common.lang.{lang}")))
    facts = "".join(
        f'<span><span class="ts-icon" aria-hidden="true">{icon}</span> {escape(text)}</span>' for icon, text in marks
    )
    return f'{keywords_html(row["keywords"])}<div class="ts-facts">{facts}{spark_html(trend, label=t("topics.trend"))}</div>'


def keywords_html(keywords: Sequence[str]) -> str:
    """The words that tell the topic, as chips."""
    return f'<div class="ts-words">{"".join(f"<span>{escape(word)}</span>" for word in keywords)}</div>'
