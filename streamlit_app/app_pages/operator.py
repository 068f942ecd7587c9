"""The operator's page: every tenant of this machine, what failed, what waits, which runs are at work."""

from __future__ import annotations

from datetime import UTC, datetime

from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.states import guarded, page_head
from streamlit_app.door import st
from streamlit_app.formats import duration, moment, number
from streamlit_app.i18n import t
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import RunsError
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.machine import TenantOverview

RUNS = 50


def show() -> None:
    """The page; whoever is no operator is told so and sees nothing else."""
    mine = studio()
    page_head("operator")
    if not mine.may("machine.tenants"):
        st.warning(t("operator.not_yours"), icon=":material/lock:")
        return
    with guarded():
        now = datetime.now(UTC)
        tenants = mine.machine.tenants(now)
        metric_row(
            [
                Figure(t("operator.tenants"), number(len(tenants))),
                Figure(t("operator.floods"), number(sum(len(one.waits) for one in tenants))),
                Figure(t("operator.failed_orders"), number(sum(len(one.failed) for one in tenants))),
            ]
        )
        st.subheader(t("operator.tenants"))
        st.dataframe(
            [_tenant(one) for one in tenants],
            hide_index=True,
        )
        _floods(tenants, now)
        _failures(tenants)
        _refusals(mine)
        _runs(mine)


def _refusals(mine: Studio) -> None:
    """Who was not let in: failed sign-ins, unknown keys, addresses that are not allowed."""
    st.subheader(t("operator.refusals"))
    rows = mine.machine.refusals()
    if not rows:
        st.caption(t("operator.no_refusals"))
        return
    zone = mine.settings.get().zone
    st.dataframe(
        [
            {
                t("operator.at"): moment(row.at, zone),
                t("operator.what"): t(f"operator.{row.action.replace('.', '_')}"),
                t("operator.subject"): row.subject or "",
                t("operator.ip"): row.detail.get("ip", ""),
                t("operator.why"): row.detail.get("why", ""),
            }
            for row in rows
        ],
        hide_index=True,
    )


def _tenant(one: TenantOverview) -> dict[str, object]:
    return {
        t("operator.slug"): one.tenant.slug,
        t("operator.name"): one.tenant.name,
        t("operator.plan"): one.tenant.plan or "free",
        t("operator.members"): one.members,
        t("operator.channels"): sum(sub.status == "active" for sub in one.subscriptions),
        t("operator.channel_errors"): sum(bool(sub.error) for sub in one.subscriptions),
        t("operator.floods"): len(one.waits),
        t("operator.failed_orders"): len(one.failed),
        t("operator.since"): moment(one.tenant.created_at, one.zone),
    }


def _floods(tenants: list[TenantOverview], now: datetime) -> None:
    rows = [
        {
            t("operator.slug"): one.tenant.slug,
            t("operator.method"): wait.method,
            t("operator.until"): moment(wait.not_before, one.zone),
            t("operator.left"): duration((wait.not_before - now).total_seconds()),
        }
        for one in tenants
        for wait in one.waits
    ]
    if rows:
        st.subheader(t("operator.floods"))
        st.dataframe(rows, hide_index=True)


def _failures(tenants: list[TenantOverview]) -> None:
    rows = [
        {t("operator.slug"): one.tenant.slug, t("operator.what"): what, t("operator.why"): why}
        for one in tenants
        for what, why in (
            *((sub.title, sub.error) for sub in one.subscriptions if sub.error),
            *((order.id, order.error or "") for order in one.failed),
        )
    ]
    if rows:
        st.subheader(t("operator.failures"))
        st.dataframe(rows, hide_index=True)


def _runs(mine: Studio) -> None:
    st.subheader(t("operator.runs"))
    try:
        runs = mine.machine.runs(RUNS)
    except RunsError as error:
        st.info(t("usage.no_dagster"), icon=":material/cloud_off:")
        st.caption(str(error))
        return
    st.dataframe(
        [
            {
                t("operator.slug"): run.tags.get("tenant") or run.tags.get("tgstudio/for", ""),
                t("usage.run_job"): run.job,
                t("usage.run_status"): t(f"common.status.{run.status}"),
                t("usage.run_started"): run.started or run.created,
                t("operator.link"): run.url,
            }
            for run in runs
        ],
        hide_index=True,
        column_config={t("operator.link"): st.column_config.LinkColumn(display_text="Dagster")},
    )


show()
