"""The plan: what the tenant may use, and how much of it is used."""

from __future__ import annotations

from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.quotas import plan_name, quotas_html
from streamlit_app.components.states import go_on
from streamlit_app.door import st
from streamlit_app.formats import duration, number
from streamlit_app.i18n import t
from tgstudio_dagster.services import Studio


def show(mine: Studio) -> None:
    """The plan's name, its paces, and each limit with what is used."""
    used, limits = mine.usage.report(1), mine.usage.limits()
    metric_row(
        [
            Figure(t("settings.plan.plan"), plan_name(used.plan), t("settings.plan.change")),
            Figure(t("settings.plan.refresh"), duration(limits.refresh_minutes * 60)),
            Figure(t("settings.plan.calls"), number(limits.calls_per_minute), t("settings.plan.calls_help")),
        ]
    )
    st.subheader(t("usage.limits"))
    st.caption(t("settings.plan.midnight"))
    st.html(quotas_html(used.quotas))
    go_on("usage", t("usage.title"), "monitoring", main=False)
