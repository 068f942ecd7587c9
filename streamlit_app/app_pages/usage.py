"""Usage: what was used of the plan today, what models cost over time, and the runs of the tenant."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from streamlit_app.components.choice import address_choice
from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.quotas import plan_name, quotas_html
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.components.topic import plain
from streamlit_app.formats import duration, moment, number
from streamlit_app.i18n import has, t
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import RunsError
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.usage import Usage

WINDOWS = (7, 30, 90)
COLOURS = {"orders": "#2a7de1", "images": "#8b5cf6", "api_calls": "#15803d", "mcp_calls": "#d97706"}


def show() -> None:
    """The page."""
    mine = studio()
    page_head("usage")
    days = address_choice(
        t("usage.window"), WINDOWS, name="window", default=30, format_func=lambda one: t("usage.days", count=one)
    )
    with guarded():
        used = mine.usage.report(days)
        metric_row(
            [
                Figure(t("usage.cost"), f"${used.cost_usd:.2f}", t("usage.cost_help")),
                Figure(t("usage.tokens"), number(used.tokens)),
                Figure(t("usage.orders"), number(used.orders)),
                Figure(t("usage.images"), number(used.images)),
            ]
        )
        st.subheader(t("usage.limits"))
        st.caption(t("usage.plan", name=plan_name(used.plan)))
        st.html(quotas_html(used.quotas))
        _chart(used)
        _runs(mine)


def _chart(used: Usage) -> None:
    """Calls and orders by day; nothing where there were none."""
    series = {name: [getattr(day, name) for day in used.by_day] for name in COLOURS}
    if not any(any(values) for values in series.values()):
        return
    st.subheader(t("usage.by_day"))
    figure = go.Figure()
    for name, values in series.items():
        if any(values):
            figure.add_bar(
                x=[day.day for day in used.by_day], y=values, name=t(f"usage.{name}"), marker_color=COLOURS[name]
            )
    figure.update_layout(
        barmode="stack", height=240, margin={"l": 0, "r": 0, "t": 8, "b": 0}, showlegend=True,
        legend={"orientation": "h", "y": -0.2}, xaxis={"tickformat": "%d.%m\n%Y"}, yaxis={"rangemode": "tozero"},
    )  # fmt: skip
    st.plotly_chart(figure, key="by_day", config={"displayModeBar": False})


def _runs(mine: Studio) -> None:
    st.subheader(t("usage.runs"))
    try:
        runs = mine.usage.runs()
    except RunsError as error:
        st.info(t("usage.no_dagster"), icon=":material/cloud_off:")
        if mine.principal.role == "operator":
            st.caption(plain(str(error)))
        return
    if not runs:
        empty_state("play_circle", t("usage.no_runs_title"), t("usage.no_runs_text"))
        return
    zone = mine.settings.get().zone
    st.dataframe(
        [
            {
                t("usage.run_job"): t(f"usage.job.{run.job}") if has(f"usage.job.{run.job}") else run.job,
                t("usage.run_status"): t(f"common.status.{run.status}"),
                t("usage.run_started"): moment(run.started or run.created, zone),
                t("usage.run_took"): duration((run.ended - run.started).total_seconds())
                if run.started and run.ended
                else "",
            }
            for run in runs
        ],
        hide_index=True,
    )


show()
