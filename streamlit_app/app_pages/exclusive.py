"""Make exclusive: from a topic or chosen posts to an order; what it will cost first, how far it has come after."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import streamlit as st

from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.marks import status_badge
from streamlit_app.components.platforms import PLATFORM_NAMES
from streamlit_app.components.progress import steps_progress
from streamlit_app.components.states import empty_state, error_box, guarded, page_head
from streamlit_app.components.topic import plain
from streamlit_app.formats import moment, number
from streamlit_app.i18n import t
from streamlit_app.navigation import path
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import NotFoundError, TGStudioError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.core.vocabulary import GOALS, LANGUAGES, PLATFORMS, TONES
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.orders import Order

CHOICE = "exclusive"
"""Where other pages leave what was chosen: {"topic_id": …} or {"messages": […]}, with "day"."""
TOPICS = 100
RECENT = 10


def show() -> None:
    """The page: an order that is followed, or the form of a new one; below it the orders there are."""
    mine = studio()
    page_head("exclusive")
    followed = st.query_params.get("order")
    with guarded():
        if followed:
            _follow(mine, followed)
        else:
            _new(mine)
        _recent(mine, followed)


def _new(mine: Studio) -> None:
    try:
        newest = mine.topics.newest_day()
    except NotFoundError:
        empty_state(
            "auto_awesome", t("exclusive.empty_title"), t("exclusive.empty_text"),
            ("onboarding", t("feed.empty_connect")), ("subscriptions", t("feed.empty_subscribe")),
        )  # fmt: skip
        return
    subject, day = _subject(mine, newest)
    if subject is None:
        return
    settings = mine.settings.get()
    with st.container(horizontal=True, key="exclusive_voice", vertical_alignment="top", gap="medium"):
        platforms = st.pills(
            t("exclusive.platforms"), PLATFORMS, selection_mode="multi", default=list(settings.platforms),
            format_func=PLATFORM_NAMES.__getitem__, key="platforms", wrap=True,
        )  # fmt: skip
        language = st.segmented_control(
            t("exclusive.language"), LANGUAGES, default=settings.language, required=True, key="language_of_text",
            format_func=lambda one: t(f"common.lang.{one}"),
        )  # fmt: skip
        tone = st.segmented_control(
            t("exclusive.tone"), TONES, default=settings.tone, required=True, key="tone",
            format_func=lambda one: t(f"exclusive.tone_{one}"),
        )  # fmt: skip
    goal = st.segmented_control(
        t("exclusive.goal"), GOALS, default="packages", required=True, key="goal",
        format_func=lambda one: t(f"exclusive.goal_{one}"),
    )  # fmt: skip
    if not platforms:
        st.info(t("exclusive.no_platform"), icon=":material/info:")
        return
    wish = {**subject, "day": day, "language": language, "goal": goal}
    estimate = mine.orders.estimate(platforms, **wish)
    metric_row(
        [
            Figure(t("exclusive.posts"), number(estimate.posts)),
            Figure(t("exclusive.tokens"), number(estimate.tokens), t("exclusive.writer", name=estimate.writer)),
            Figure(t("exclusive.images"), number(estimate.images), t("exclusive.painter", name=estimate.painter)),
            Figure(t("exclusive.cost"), _cost(estimate.cost_usd), t("exclusive.cost_help")),
            Figure(t("exclusive.left"), number(estimate.quota_left["orders_per_day"]), t("exclusive.left_help")),
        ]
    )
    may = mine.may("orders.request")
    if st.button(
        t("exclusive.order"), type="primary", icon=":material/auto_awesome:", disabled=not may, key="order",
        help=None if may else t("common.viewer_note"),
    ):  # fmt: skip
        made = mine.orders.request(platforms=platforms, tone=tone, **wish)
        st.session_state.pop(CHOICE, None)
        st.query_params["order"] = made.id
        st.rerun()


def _cost(usd: float | None) -> str:
    if usd is None:
        return t("exclusive.cost_unknown")
    return t("exclusive.free") if not usd else f"${usd:.3f}"


def _subject(mine: Studio, newest: date) -> tuple[dict[str, Any] | None, date]:
    """What it is made from: what another page handed over, or a topic chosen here."""
    chosen = st.session_state.get(CHOICE) or {}
    day: date = chosen.get("day", newest)
    if messages := chosen.get("messages"):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="exclusive_posts"):
            st.markdown(t("exclusive.from_posts", count=len(messages)))
            st.button(t("exclusive.other"), on_click=_forget, icon=":material/close:", key="other")
        return {"messages": [tuple(one) for one in messages]}, day
    topics = mine.topics.top(by="topic", window="7d", day=day, limit=TOPICS)
    if topics.is_empty():
        empty_state("forum", t("topics.nothing_title"), t("exclusive.empty_text"), ("feed", t("feed.title")))
        return None, day
    titles = dict(topics.select("entity_id", "title").iter_rows())
    if (handed := chosen.get("topic_id")) and handed not in titles:
        titles = {handed: mine.topics.get(handed, day=day).topic["title"][0], **titles}
    names = list(titles)
    topic_id = st.selectbox(
        t("exclusive.topic"), names, index=names.index(handed) if handed else 0, key=f"topic_{handed}",
        format_func=lambda one: titles[one][:120],
    )  # fmt: skip
    return {"topic_id": topic_id}, day


def _forget() -> None:
    st.session_state.pop(CHOICE, None)


def _follow(mine: Studio, order_id: str) -> None:
    status = mine.orders.status(order_id)
    live = status.order.status in ("queued", "running")

    @st.fragment(run_every=1.5 if live else None)
    def progress() -> None:
        try:
            now_at = studio().orders.status(order_id)
        except TGStudioError as error:
            error_box(error)
            return
        order = now_at.order
        with st.container(border=True, key="followed"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain(subject_of(mine, order))}**")
                status_badge(order.status)
            platforms = ", ".join(PLATFORM_NAMES[one] for one in order.platforms)
            st.caption(f"{platforms} · {moment(order.created_at, mine.settings.get().zone)}")
            steps_progress(now_at.steps, now=datetime.now(UTC))
            if order.cancel_at is not None and order.status == "running":
                st.caption(t("exclusive.stopping"))
            elif order.status == "queued":
                st.caption(t("exclusive.queued"))
            if now_at.run_url:
                st.html(
                    f'<a class="ts-link" href="{escape(now_at.run_url)}" target="_blank">{escape(t("exclusive.run"))}</a>'
                )
        if live and order.status not in ("queued", "running"):
            st.rerun()

    progress()
    order = status.order
    with st.container(horizontal=True, key="followed_actions"):
        if live and mine.may("orders.cancel"):
            st.button(
                t("exclusive.cancel"), icon=":material/cancel:", on_click=_cancel, args=(order_id,), key="cancel",
                disabled=order.cancel_at is not None,
            )  # fmt: skip
        if order.status == "done":
            with st.container(key="go_packages", width="content"):
                st.page_link(
                    path("packages"), label=t("exclusive.to_packages"), icon=":material/inventory_2:",
                    query_params={"order": order_id},
                )  # fmt: skip
        if order.status in ("failed", "cancelled") and mine.may("orders.raise_goal"):
            st.button(t("exclusive.again"), icon=":material/refresh:", on_click=_again, args=(order,), key="again")
        with st.container(key="also_exclusive", width="content"):
            st.page_link(path("exclusive"), label=t("exclusive.new"), icon=":material/add:", query_params={})
    if order.error:
        st.error(t("exclusive.failed"), icon=":material/error:")
        st.html(f'<p class="ts-detail">{escape(order.error)}</p>')


def _cancel(order_id: str) -> None:
    with guarded():
        studio().orders.cancel(order_id)


def _again(order: Order) -> None:
    with guarded():
        studio().orders.raise_goal(order.id, order.goal)


def subject_of(mine: Studio, order: Order) -> str:
    """What an order is made from, in words: its topic's title, or how many posts."""
    if order.topic_id is None:
        return t("exclusive.posts_of", count=len(order.messages or ()))
    # Orders that an earlier version made have no subject of their own.
    return order.subject or mine.topics.title(order.topic_id, day=order.day) or order.topic_id


def _recent(mine: Studio, followed: str | None) -> None:
    orders = [one for one in mine.orders.page(limit=RECENT + 1) if one.id != followed][:RECENT]
    if not orders:
        return
    st.subheader(t("exclusive.recent"))
    for order in orders:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"order_{order.id}"):
            st.page_link(path("exclusive"), label=plain(subject_of(mine, order)[:90]), query_params={"order": order.id})
            status_badge(order.status, help=order.error)
            st.caption(moment(order.created_at, mine.settings.get().zone))


show()
