"""Usage: what was used of the plan today, what models cost over time, and the runs of the tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

import plotly.graph_objects as go
import streamlit as st

from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.formats import duration, moment, number, size
from streamlit_app.i18n import has, t
from streamlit_app.principal import studio
from tgstudio_dagster.errors import RunsError
from tgstudio_dagster.studio import Studio
from tgstudio_dagster.studio.spending import Quota, Usage

WINDOWS = (7, 30, 90)
BYTES = "media_bytes_per_day"


def show() -> None:
    """The page."""
    mine = studio()
    page_head("usage")
    days = st.segmented_control(
        t("usage.window"), WINDOWS, default=30, required=True, key="window", bind="query-params",
        format_func=lambda one: t("usage.days", count=one),
    )  # fmt: skip
    with guarded():
        used = mine.usage(days, datetime.now(UTC))
        metric_row(
            [
                Figure(t("usage.cost"), f"${used.cost_usd:.2f}", t("usage.cost_help"), _line(used, "cost_usd")),
                Figure(t("usage.tokens"), number(used.tokens), None, _line(used, "tokens")),
                Figure(t("usage.orders"), number(used.orders), None, _line(used, "orders")),
                Figure(t("usage.images"), number(used.images), None, _line(used, "images")),
            ]
        )
        st.subheader(t("usage.limits"))
        st.caption(t("usage.plan", name=used.plan))
        st.html(f'<ul class="ts-limits">{"".join(_quota(one) for one in used.quotas)}</ul>')
        _chart(used)
        _runs(mine)


def _line(used: Usage, name: str) -> list[float] | None:
    values = [float(getattr(day, name)) for day in used.by_day]
    return values if any(values) else None


def _quota(quota: Quota) -> str:
    told = size if quota.name == BYTES else number
    share = min(quota.used / quota.limit, 1.0) if quota.limit else 1.0
    full = " ts-too-long" if quota.limit and quota.used >= quota.limit else ""
    return (
        f'<li class="ts-count{full}"><span><b>{escape(t(f"usage.quota.{quota.name}"))}</b> '
        f"{escape(t('usage.of', used=told(quota.used), limit=told(quota.limit)))}</span>"
        f'<span class="ts-bar" aria-hidden="true"><i style="width:{share:.0%}"></i></span></li>'
    )


def _chart(used: Usage) -> None:
    """Calls and orders by day; nothing where there were none."""
    series = {name: [getattr(day, name) for day in used.by_day] for name in ("orders", "api_calls", "mcp_calls")}
    if not any(any(values) for values in series.values()):
        return
    st.subheader(t("usage.by_day"))
    figure = go.Figure()
    for (name, values), colour in zip(series.items(), ("#2a7de1", "#15803d", "#d97706"), strict=True):
        figure.add_bar(x=[day.day for day in used.by_day], y=values, name=t(f"usage.{name}"), marker_color=colour)
    figure.update_layout(
        barmode="stack", height=240, margin={"l": 0, "r": 0, "t": 8, "b": 0}, legend={"orientation": "h", "y": -0.2}
    )
    st.plotly_chart(figure, key="by_day", config={"displayModeBar": False})


def _runs(mine: Studio) -> None:
    st.subheader(t("usage.runs"))
    try:
        runs = mine.recent_runs()
    except RunsError as error:
        st.info(t("usage.no_dagster"), icon=":material/cloud_off:", help=str(error))
        return
    if not runs:
        empty_state("play_circle", t("usage.no_runs_title"), t("usage.no_runs_text"))
        return
    zone = mine.settings.zone
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
