"""Accounts: the tenant's Telegram accounts, whether they can be read with, what Telegram makes them wait for; removing them."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

import streamlit as st

from streamlit_app.components.marks import status_badge
from streamlit_app.components.states import empty_state, error_box, guarded, page_head
from streamlit_app.formats import day, duration, moment
from streamlit_app.i18n import has, t
from streamlit_app.navigation import path
from streamlit_app.principal import studio
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import TGStudioError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.accounts import TgAccount, Wait

_TOLD = "account_told"
"""Key of the session's state: what became of the last removal."""
_ASKED = "account_asked"
"""Key of the session's state: the account whose removal is to be confirmed."""


def show() -> None:
    """The page."""
    mine = studio()
    page_head("accounts")
    if _TOLD in st.session_state:
        st.success(st.session_state.pop(_TOLD), icon=":material/check_circle:")
    every = mine.accounts.all()
    present = [one for one in every if one.status != "removed"]
    if not present:
        empty_state(
            "account_circle", t("accounts.empty_title"), t("accounts.empty_text"), ("onboarding", t("accounts.connect"))
        )
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        limit = mine.usage.limits().accounts
        st.caption(t("accounts.of_plan", count=len(present), limit=limit))
        if mine.may("pairings.begin_qr"):
            st.page_link(path("onboarding"), label=t("accounts.add"), icon=":material/add:")
    reads = Counter(one.account_id for one in mine.follows.all() if one.status == "active")
    waits = mine.accounts.waits()
    for one in present:
        _card(mine, one, reads[one.id], [wait for wait in waits if wait.account_id == one.id])
    asked = next((one for one in present if one.id == st.session_state.get(_ASKED)), None)
    if asked is not None and mine.may("accounts.remove"):
        st.dialog(t("accounts.remove_head"), on_dismiss=_close)(_ask)(asked.id, asked.name, reads[asked.id])


def _card(mine: Studio, one: TgAccount, channels: int, waits: list[Wait]) -> None:
    zone = mine.settings.get().zone
    with st.container(border=True, key=f"account_{one.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = f" @{escape(one.username)}" if one.username else ""
            st.html(
                f'<div class="ts-line"><b>{escape(one.name)}</b><span>{escape(t("accounts.id", id=one.telegram_id))}{name}'
                f" · {escape(t('accounts.since', day=day(one.created_at.astimezone(zone).date())))}</span></div>"
            )
            status_badge("waiting" if one.status == "active" and waits else one.status)
        if channels or one.status == "active":
            st.markdown(t("accounts.reads", count=channels))
        if one.error:
            st.html(f'<p class="ts-detail">{escape(one.error)}</p>')
        if one.status in ("expired", "banned"):
            st.warning(t(f"accounts.{one.status}"), icon=":material/link_off:")
        _waits(waits, zone)
        if mine.may("accounts.remove"):
            with st.container(horizontal=True, vertical_alignment="center"):
                if one.status != "active":
                    st.page_link(path("onboarding"), label=t("accounts.again"), icon=":material/qr_code_2:")
                st.button(
                    t("accounts.remove"), key=f"remove_{one.id}", icon=":material/logout:", type="tertiary",
                    on_click=_open, args=(one.id,),
                )  # fmt: skip


def _waits(waits: list[Wait], zone: ZoneInfo) -> None:
    """What Telegram asked this account to wait for."""
    if not waits:
        return
    now = utc_now()
    rows = "".join(
        f"<li><span>{escape(_method(one.method))}</span><small>"
        f"{escape(t('accounts.wait_until', moment=moment(one.not_before, zone)))} · "
        f"{escape(t('accounts.wait_left', left=duration((one.not_before - now).total_seconds())))}</small></li>"
        for one in waits
    )
    st.html(f'<div class="ts-waits"><b>{escape(t("accounts.waits"))}</b><ul>{rows}</ul></div>')


def _method(method: str) -> str:
    name = f"accounts.method.{method.rpartition('.')[2]}"
    return t(name) if has(name) else method


def _open(account_id: str) -> None:
    st.session_state[_ASKED] = account_id


def _close() -> None:
    st.session_state.pop(_ASKED, None)


def _ask(account_id: str, name: str, channels: int) -> None:
    st.html(f"<p>{escape(t('accounts.remove_text', name=name))}</p>")
    if channels:
        st.warning(t("accounts.remove_channels", count=channels), icon=":material/podcasts:")
    with st.container(horizontal=True):
        if st.button(t("accounts.remove_yes"), type="primary", key="remove_yes"):
            _remove(account_id, name)
        if st.button(t("accounts.remove_no"), key="remove_no", on_click=_close):
            st.rerun()


def _remove(account_id: str, name: str) -> None:
    try:
        with st.spinner(t("accounts.removing")):
            done = studio().accounts.remove(account_id)
    except TGStudioError as error:
        error_box(error)
        return
    _close()
    words = t("accounts.removed", name=name)
    st.session_state[_TOLD] = words if done.still_in is None else f"{words} {t('accounts.still_in')}"
    st.rerun()


with guarded():
    show()
