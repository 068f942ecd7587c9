"""The operator's page: every tenant of this machine, what failed, what waits, which runs are at work."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.states import guarded, page_head
from streamlit_app.components.topic import plain
from streamlit_app.formats import duration, moment, number
from streamlit_app.i18n import t
from streamlit_app.principal import current_identity, platform
from tgstudio_dagster.catalog.people.tenants import list_members, list_tenants
from tgstudio_dagster.core.errors import RunsError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.services import Studio

RUNS = 50


def show() -> None:
    """The page; whoever is no operator is told so and sees nothing else."""
    identity = current_identity()
    page_head("operator")
    if identity.principal.role != "operator":
        st.warning(t("operator.not_yours"), icon=":material/lock:")
        return
    with guarded():
        opened = platform()
        tenants = list_tenants(opened.catalog)
        studios = [opened.studio(Principal(one.slug, identity.user.id, "operator")) for one in tenants]
        now = datetime.now(UTC)
        waits = {one.tenant.slug: one.waits(now) for one in studios}
        failed = {one.tenant.slug: [order for order in one.orders() if order.status == "failed"] for one in studios}
        metric_row(
            [
                Figure(t("operator.tenants"), number(len(studios))),
                Figure(t("operator.floods"), number(sum(map(len, waits.values())))),
                Figure(t("operator.failed_orders"), number(sum(map(len, failed.values())))),
            ]
        )
        st.subheader(t("operator.tenants"))
        st.dataframe(
            [_tenant(one, len(waits[one.tenant.slug]), len(failed[one.tenant.slug])) for one in studios],
            hide_index=True,
        )
        _floods(studios, now)
        _failures(studios)
        _runs()


def _tenant(one: Studio, waits: int, failed: int) -> dict[str, object]:
    subscriptions = one.subscriptions()
    return {
        t("operator.slug"): one.tenant.slug,
        t("operator.name"): one.tenant.name,
        t("operator.plan"): one.tenant.plan or "free",
        t("operator.members"): len(list_members(one.catalog, one.tenant.slug)),
        t("operator.channels"): sum(sub.status == "active" for sub in subscriptions),
        t("operator.channel_errors"): sum(bool(sub.error) for sub in subscriptions),
        t("operator.floods"): waits,
        t("operator.failed_orders"): failed,
        t("operator.since"): moment(one.tenant.created_at, one.settings.zone),
    }


def _floods(studios: list[Studio], now: datetime) -> None:
    rows = [
        {
            t("operator.slug"): one.tenant.slug,
            t("operator.method"): wait.method,
            t("operator.until"): moment(wait.not_before, one.settings.zone),
            t("operator.left"): duration((wait.not_before - now).total_seconds()),
        }
        for one in studios
        for wait in one.waits(now)
    ]
    if rows:
        st.subheader(t("operator.floods"))
        st.dataframe(rows, hide_index=True)


def _failures(studios: list[Studio]) -> None:
    rows = [
        {t("operator.slug"): one.tenant.slug, t("operator.what"): what, t("operator.why"): why}
        for one in studios
        for what, why in (
            *((sub.title, sub.error) for sub in one.subscriptions() if sub.error),
            *((order.id, order.error or "") for order in one.orders() if order.status == "failed"),
        )
    ]
    if rows:
        st.subheader(t("operator.failures"))
        st.dataframe(rows, hide_index=True)


def _runs() -> None:
    st.subheader(t("operator.runs"))
    try:
        runs = platform().runs.runs(tags={}, limit=RUNS)
    except RunsError as error:
        st.info(t("usage.no_dagster"), icon=":material/cloud_off:")
        st.caption(plain(str(error)))
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
