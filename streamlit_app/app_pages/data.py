"""Data for analysts: bundles of tables to take away, and a question in one's own SQL on the tenant's views."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, cast

import polars as pl

from streamlit_app.components.address import address_choice
from streamlit_app.components.marks import status_badge
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.door import st
from streamlit_app.formats import day as day_text
from streamlit_app.formats import moment, number, size
from streamlit_app.i18n import t
from streamlit_app.plain import bold
from streamlit_app.principal import studio
from tgstudio_dagster.core.csv import BOM, cells
from tgstudio_dagster.core.vocabulary import BUNDLE_FORMATS
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.bundles import BUNDLE_TABLES, TABLES, Bundle
from tgstudio_dagster.services.posts import SQL_ROWS, SQL_SECONDS

DAYS = 7
"""Days of a bundle where none are chosen: the newest that have posts."""
EXAMPLES = {
    "by_channel": "select channel, count(*) as posts, sum(views) as views\nfrom messages\ngroup by channel\norder by views desc",
    "by_day": "from channel_days\norder by day desc, posts desc\nlimit 100",
    "growth": "from post_growth\nlimit 100",
    "topics": "select day, rank, score, title\nfrom top_topics\nwhere \"window\" = '24h'"
    "\n  and day = (select max(day) from top_topics)"
    "\norder by rank\nlimit 20",
}


def show() -> None:
    """The page."""
    mine = studio()
    page_head("data")
    part = address_choice(
        t("data.part"), ("bundles", "sql"), name="part", default="bundles", look="pills", label_visibility="collapsed",
        format_func=lambda code: t(f"data.{code}"),
    )  # fmt: skip
    with guarded():
        if part == "sql":
            _sql(mine)
        else:
            _order(mine)
            _bundles(mine)


def _order(mine: Studio) -> None:
    may, known, days_of = mine.may("bundles.request"), mine.tables(), mine.posts.days()
    # Where there are no posts yet, they will be of about today.
    last = days_of[-1] if days_of else datetime.now(UTC).date()
    with st.form("bundle", border=True):
        days: Any = st.date_input(
            t("data.days"), value=(last - timedelta(days=DAYS - 1), last), format="DD.MM.YYYY", key="bundle_days"
        )
        tables = st.multiselect(
            t("data.tables"),
            sorted(known),
            key="bundle_tables",
            default=[name for name in BUNDLE_TABLES if name in known],
            help=t("data.tables_help"),
        )
        format = st.segmented_control(
            t("data.format"), BUNDLE_FORMATS, default="both", required=True,
            format_func=lambda one: t(f"data.format_{one}"),
        )  # fmt: skip
        sent = st.form_submit_button(
            t("data.build"), type="primary", icon=":material/inventory:", disabled=not may,
            help=None if may else t("common.viewer_note"), key="bundle_ask",
        )  # fmt: skip
    if not sent:
        return
    if not isinstance(days, tuple) or len(days) != 2:
        st.warning(t("data.two_days"), icon=":material/date_range:")
        return
    mine.bundles.request(*cast(tuple[date, date], days), tables, format)
    st.toast(t("data.asked"), icon=":material/check:")


def _bundles(mine: Studio) -> None:
    waiting = any(one.status in ("queued", "running") for one in mine.bundles.all())

    @st.fragment(run_every=2 if waiting else None)
    def listed() -> None:
        opened = studio()
        found = opened.bundles.all()
        if not found:
            empty_state("inventory", t("data.none_title"), t("data.none_text"))
            return
        for one in found:
            _bundle(opened, one)
        if waiting and not any(one.status in ("queued", "running") for one in found):
            st.rerun()

    listed()


def _bundle(mine: Studio, one: Bundle) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"bundle_{one.id}"):
        st.markdown(bold(f"{day_text(one.first)} – {day_text(one.last)}"))
        status_badge(one.status, help=one.error)
        tables = t("data.table_count", count=len(one.tables))
        st.caption(f"{tables} · {size(one.bytes)} · {moment(one.created_at, mine.settings.get().zone)}")
        if one.status == "done":
            st.download_button(
                t("data.download"), partial(_content, mine, one.id), f"{mine.tenant.slug}-{one.first}-{one.last}.zip",
                "application/zip", on_click="ignore", icon=":material/download:", key=f"take_{one.id}",
            )  # fmt: skip


def _content(mine: Studio, bundle_id: str) -> bytes:
    with mine.bundles.open(bundle_id).stream as stream:
        return stream.read()


def _sql(mine: Studio) -> None:
    st.caption(t("data.sql_limits", rows=number(SQL_ROWS), seconds=number(SQL_SECONDS)))
    example = st.pills(
        t("data.examples"), tuple(EXAMPLES), format_func=lambda one: t(f"data.example_{one}"), key="example"
    )
    text = st.text_area(
        t("data.statement"), value=EXAMPLES[example] if example else "", height=150, key=f"sql_{example}", max_chars=20_000,
        placeholder="select …",
    )  # fmt: skip
    with st.expander(t("data.dictionary"), icon=":material/menu_book:"):
        name = st.selectbox(t("data.table"), sorted(mine.tables()), key="dictionary")
        st.caption(TABLES[name].description)
        st.dataframe(
            [
                {
                    t("data.column"): column,
                    t("data.type"): str(TABLES[name].schema[column]),
                    t("data.meaning"): told.description,
                }
                for column, told in TABLES[name].columns.items()
            ],
            hide_index=True,
        )
    if st.button(
        t("data.ask"), key="ask", type="primary", icon=":material/play_arrow:", disabled=not (text or "").strip()
    ):
        st.session_state.pop("sql_answer", None)
        with st.spinner(t("data.asking")):
            st.session_state["sql_answer"] = (text, mine.posts.sql(text, cut=True))
    asked, whole = cast(tuple[str, pl.DataFrame | None], st.session_state.get("sql_answer", ("", None)))
    if whole is None or asked != text:
        # An answer to another statement would be taken for this one's.
        return
    answer = whole.head(SQL_ROWS)
    if whole.height > SQL_ROWS:
        st.info(t("data.cut", rows=number(SQL_ROWS)), icon=":material/content_cut:")
    else:
        st.caption(t("data.answer", count=answer.height, number=number(answer.height)))
    st.dataframe(answer, hide_index=True, column_config=_columns(answer, mine))
    with st.container(horizontal=True):
        st.download_button(
            "CSV", partial(_csv, answer), "answer.csv", "text/csv", on_click="ignore", icon=":material/download:"
        )
        st.download_button(
            "Parquet", partial(_parquet, answer), "answer.parquet", on_click="ignore", icon=":material/download:"
        )


def _columns(answer: pl.DataFrame, mine: Studio) -> dict[str, Any]:
    """Days as days, and times in the tenant's zone."""
    zone = mine.settings.get().time_zone
    shown: dict[str, Any] = {}
    for name, kind in answer.schema.items():
        if isinstance(kind, pl.Date):
            shown[name] = st.column_config.DateColumn(format="DD.MM.YYYY")
        elif isinstance(kind, pl.Datetime):
            aware = kind.time_zone is not None
            shown[name] = st.column_config.DatetimeColumn(
                format="DD.MM.YYYY HH:mm:ss", timezone=zone if aware else None, help=zone if aware else None
            )
    return shown


def _csv(answer: pl.DataFrame) -> bytes:
    """For spreadsheets: with a byte-order mark, and nothing that one would run."""
    return BOM + cells(answer).write_csv().encode()


def _parquet(answer: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    answer.write_parquet(out)
    return out.getvalue()


show()
