"""Subscriptions: follow many channels at once, see how far each is read and what is wrong, what history costs, unfollow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import streamlit as st

from streamlit_app.components.figures import Figure, metric_row
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.formats import duration, moment, number
from streamlit_app.i18n import t
from streamlit_app.principal import platform, studio
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.follows import Estimate, SubscriptionRequest, SubscriptionView, parse_list, together

DEPTHS = ("week", "month", "quarter", "year", "all", "day")
_DAYS = {"week": 7, "month": 30, "quarter": 90, "year": 365}
_CHATS, _COST, _TOLD, _ASKED = "own_channels", "history_cost", "subscriptions_told", "leaving"


def show() -> None:
    """The page."""
    mine = studio()
    page_head("subscriptions")
    if _TOLD in st.session_state:
        st.success(st.session_state.pop(_TOLD), icon=":material/check_circle:")
    accounts = {one.id: one.name for one in mine.accounts.all() if one.status == "active"}
    if not accounts and not mine.follows.all():
        empty_state(
            "podcasts", t("subscriptions.no_account_title"), t("subscriptions.no_account_text"),
            ("onboarding", t("subscriptions.connect")),
        )  # fmt: skip
        return
    if mine.may("follows.request"):
        _add(mine, accounts)
    else:
        st.info(t("common.viewer_note"), icon=":material/lock:")
    unfinished = bool(mine.follows.requests()) or any(_share(one) < 1 for one in _followed(mine))
    st.fragment(_state, run_every=5.0 if unfinished else None)()
    asked = [one for one in _followed(mine) if one.channel_id in st.session_state.get(_ASKED, ())]
    if asked and mine.may("follows.end"):
        st.dialog(t("subscriptions.leave_head"), on_dismiss=_close)(_leave)(
            [(one.channel_id, one.title) for one in asked]
        )


def _followed(mine: Studio) -> list[SubscriptionView]:
    return [one for one in mine.follows.all() if one.status != "ended"]


def _state() -> None:
    """How reading stands: figures, wishes that are not settled, the channels."""
    mine = studio()
    followed = _followed(mine)
    _figures(mine, followed)
    _requests(mine, mine.follows.requests())
    if not followed:
        empty_state("playlist_add", t("subscriptions.empty_title"), t("subscriptions.empty_text"))
        return
    _table(mine, followed)


def _figures(mine: Studio, followed: list[SubscriptionView]) -> None:
    read, zone, now = mine.follows.reading(), mine.settings.get().zone, utc_now()
    limits = mine.usage.limits()
    shares = [_share(one) for one in followed]
    ago = t("subscriptions.never") if read.read_at is None else duration((now - read.read_at).total_seconds())
    metric_row(
        [
            Figure(
                t("subscriptions.figure.channels"),
                t("subscriptions.figure.of", used=len(followed), limit=limits.channels),
            ),
            Figure(t("subscriptions.figure.history"), f"{number(100 * sum(shares) / len(shares)) if shares else 0} %"),
            Figure(t("subscriptions.figure.read"), ago, note=moment(read.read_at, zone) if read.read_at else None),
            Figure(t("subscriptions.figure.every"), duration(60 * limits.refresh_minutes)),
        ]
    )
    if read.waits_until is not None and read.waits_until > now:
        st.warning(t("subscriptions.waits", moment=moment(read.waits_until, zone)), icon=":material/hourglass_top:")
    elif read.error:
        st.warning(t("subscriptions.read_error"), icon=":material/warning:")
        st.html(f'<p class="ts-detail">{escape(read.error)}</p>')


def _add(mine: Studio, accounts: dict[str, str]) -> None:
    with st.expander(t("subscriptions.add"), icon=":material/add:", expanded=not mine.follows.all(), key="add"):
        way = st.segmented_control(
            t("subscriptions.way"), ("list", "own"), format_func=lambda one: t(f"subscriptions.ways.{one}"), default="list",
            required=True, key="add_way", label_visibility="collapsed",
        )  # fmt: skip
        chosen = _own(mine, accounts) if way == "own" else []
        with st.form("subscribe", border=False):
            typed = ""
            if way != "own":
                typed = st.text_area(
                    t("subscriptions.references"), placeholder=t("subscriptions.references_hint"), height=130,
                    help=t("subscriptions.references_help"), key="references",
                ) or ""  # fmt: skip
            depth, day = _depth()
            comments = st.checkbox(t("subscriptions.comments"), help=t("subscriptions.comments_help"))
            account = None
            if len(accounts) > 1:
                account = st.selectbox(
                    t("subscriptions.account"), [None, *accounts],
                    format_func=lambda one: accounts[one] if one else t("subscriptions.account_any"),
                )  # fmt: skip
            if st.form_submit_button(t("subscriptions.subscribe"), type="primary", icon=":material/podcasts:"):
                with guarded():
                    _subscribe(mine, typed, chosen, _since(depth, day), comments=comments, account_id=account)


def _depth() -> tuple[str, date | None]:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    depth = left.selectbox(
        t("subscriptions.depth"), DEPTHS, format_func=lambda one: t(f"subscriptions.depths.{one}"),
        help=t("subscriptions.depth_help"),
    )  # fmt: skip
    day = right.date_input(t("subscriptions.depth_day"), value=None, format="DD.MM.YYYY")
    return depth, day if isinstance(day, date) else None


def _since(depth: str, day: date | None) -> date | None:
    """The first day to read; None: all of the history. Raises SourceError where a day is to be chosen and none is."""
    if depth == "all":
        return None
    if depth == "day":
        if day is None:
            raise SourceError(t("subscriptions.day_missing"))
        return day
    return datetime.now(UTC).date() - timedelta(days=_DAYS[depth])


def _own(mine: Studio, accounts: dict[str, str]) -> list[str]:
    """Channels among the account's own chats, chosen from a list that Telegram gave."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        account = None
        if len(accounts) > 1:
            account = st.selectbox(t("subscriptions.own_of"), list(accounts), format_func=accounts.__getitem__)
        if st.button(t("subscriptions.own_load"), icon=":material/sync:", key="own_load"):
            with guarded(), st.spinner(t("subscriptions.asking")):
                st.session_state[_CHATS] = (
                    mine.tenant.slug,
                    mine.chats.sync(account_id=account),
                )
    tenant, references = st.session_state.get(_CHATS, (None, []))
    if tenant != mine.tenant.slug:
        st.caption(t("subscriptions.own_none"))
        return []
    names = {}
    for one in mine.chats.all():
        reference = f"@{one.username}" if one.username else str(one.channel_id)
        if reference in references and one.followed in (None, "ended"):
            names[reference] = one.title
    if not names:
        st.caption(t("subscriptions.own_all"))
        return []
    if st.checkbox(t("subscriptions.own_every", count=len(names)), key="own_every"):
        return list(names)
    return st.multiselect(
        t("subscriptions.own"), list(names), key="own", placeholder=t("subscriptions.own_hint"),
        format_func=lambda one: f"{names[one]} {one}" if one.startswith("@") else names[one],
    )  # fmt: skip


def _subscribe(
    mine: Studio, typed: str, chosen: Sequence[str], since: date | None, *, comments: bool, account_id: str | None
) -> None:
    wanted = [*(str(one) for one in parse_list(typed.replace(";", "\n").replace(" @", "\n@"))), *chosen]
    if not wanted:
        raise SourceError(t("subscriptions.nothing_named"))
    asked = mine.follows.request(wanted, since=since, comments=comments, account_id=account_id)
    mine.follows.refresh()
    st.session_state[_TOLD] = t("subscriptions.asked", count=len(asked))
    for name in ("references", "own", "own_every"):
        st.session_state.pop(name, None)
    st.rerun()


def _requests(mine: Studio, waiting: list[SubscriptionRequest]) -> None:
    """Wishes that wait for the next reading, and those that could not be met."""
    if not waiting:
        return
    zone = mine.settings.get().zone
    with st.container(border=True, key="requests"):
        st.markdown(f"**{t('subscriptions.requests')}**")
        rows = "".join(
            f'<li><span class="ts-badge ts-{"red" if one.status == "failed" else "blue"}">'
            f"{escape(t(f'common.status.{one.status}'))}</span><b>{escape(one.reference)}</b>"
            f"<small>{escape(_why(one, zone))}</small></li>"
            for one in waiting
        )
        st.html(f'<ul class="ts-requests">{rows}</ul>')


def _why(one: SubscriptionRequest, zone: Any) -> str:
    parts = [one.error or ""]
    if one.status == "queued" and one.not_before is not None:
        parts.append(t("subscriptions.not_before", moment=moment(one.not_before, zone)))
    elif one.status == "queued":
        parts.append(t("subscriptions.queued"))
    return " ".join(part for part in parts if part)


def _table(mine: Studio, followed: list[SubscriptionView]) -> None:
    zone = mine.settings.get().zone
    cost: dict[int, Estimate] = dict(st.session_state.get(_COST, {}).get(mine.tenant.slug, {}))
    frame = pl.DataFrame(
        [
            {
                "channel": one.title if one.username is None else f"{one.title} @{one.username}",
                "status": t(f"common.status.{one.status}"),
                "history": 100 * _share(one),
                "read": one.read_at.astimezone(zone).replace(tzinfo=None) if one.read_at else None,
                "members": one.members,
                "since": one.since,
                "comments": one.comments,
                "minutes": cost[one.channel_id].minutes if one.channel_id in cost else None,
                "error": one.error or "",
            }
            for one in followed
        ],
        schema={
            "channel": pl.String, "status": pl.String, "history": pl.Float64, "read": pl.Datetime, "members": pl.Int64,
            "since": pl.Date, "comments": pl.Boolean, "minutes": pl.Float64, "error": pl.String,
        },
    )  # fmt: skip
    empty = {name for name in ("minutes", "error") if frame[name].is_null().all() or not any(frame[name].to_list())}
    shown = [name for name in frame.columns if name not in empty]
    column = st.column_config
    event: Any = st.dataframe(
        frame,
        key="followed",
        hide_index=True,
        column_order=shown,
        on_select="rerun" if mine.may("follows.end") else "ignore",
        selection_mode="multi-row",
        alt=t("subscriptions.table_alt"),
        column_config={
            "channel": column.TextColumn(t("subscriptions.column.channel"), width="medium"),
            "status": column.TextColumn(t("subscriptions.column.status"), width=95),
            "history": column.ProgressColumn(
                t("subscriptions.column.history"), format="%.0f%%", min_value=0, max_value=100
            ),
            "read": column.DatetimeColumn(t("subscriptions.column.read"), format="DD.MM HH:mm", width=95),
            "members": column.NumberColumn(t("subscriptions.column.members"), format="compact", width=100),
            "since": column.DateColumn(t("subscriptions.column.since"), format="DD.MM.YYYY", width=95),
            "comments": column.CheckboxColumn(t("subscriptions.column.comments"), width=65),
            "minutes": column.NumberColumn(t("subscriptions.column.minutes"), format="%.1f", width="small"),
            "error": column.TextColumn(t("subscriptions.column.error"), width="medium"),
        },
    )
    if mine.may("follows.end"):
        rows = event.selection.rows if event else []
        _actions(mine, [followed[row] for row in rows if row < len(followed)])
    if cost:
        total = together(cost.values())
        st.info(
            t(
                "subscriptions.cost",
                messages=number(total.messages),
                requests=number(total.requests),
                time=duration(60 * total.minutes),
            ),
            icon=":material/schedule:",
        )


def _actions(mine: Studio, chosen: list[SubscriptionView]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="follow_actions"):
        if st.button(t("subscriptions.now"), icon=":material/refresh:", key="now"):
            with guarded():
                mine.follows.refresh()
                st.toast(t("subscriptions.now_done"), icon=":material/check:")
        if st.button(t("subscriptions.estimate"), icon=":material/schedule:", key="estimate"):
            with guarded(), st.spinner(t("subscriptions.asking")):
                found = mine.follows.estimate()
                st.session_state[_COST] = {mine.tenant.slug: found}
                st.rerun()
        if st.button(
            t("subscriptions.leave", count=len(chosen)),
            icon=":material/remove_circle:",
            key="leave",
            disabled=not chosen,
        ):
            st.session_state[_ASKED] = {one.channel_id for one in chosen}
            st.rerun()
        if not chosen:
            st.caption(t("subscriptions.choose"))


def _close() -> None:
    st.session_state.pop(_ASKED, None)


def _leave(chosen: list[tuple[int, str]]) -> None:
    names = "".join(f"<li>{escape(title)}</li>" for _, title in chosen[:12])
    more = f"<li>… +{len(chosen) - 12}</li>" if len(chosen) > 12 else ""
    st.html(f"<p>{escape(t('subscriptions.leave_text'))}</p><ul>{names}{more}</ul>")
    if st.button(t("subscriptions.leave_yes"), type="primary", key="leave_yes"):
        with guarded():
            mine = studio()
            for channel_id, _ in chosen:
                mine.follows.end(str(channel_id))
            _close()
            st.session_state[_TOLD] = t("subscriptions.left", count=len(chosen))
            st.session_state.pop("followed", None)
            st.rerun()


def _share(one: SubscriptionView) -> float:
    """How much of the days that are wanted are wholly read, 0 to 1; of what is not read any more, all there will be."""
    if one.status != "active":
        return 1.0
    if one.filled_from is None:
        return 0.0
    first = one.since or date.fromisoformat(platform().settings.first_day)
    today = utc_now().date()
    wanted = (today - first).days + 1
    return (
        1.0
        if one.filled_from <= first or wanted <= 0
        else max(0.0, min(1.0, ((today - one.filled_from).days + 1) / wanted))
    )


with guarded():
    show()
