"""Onboarding: pair a Telegram account by QR code or phone number, or import an export; what is under way survives a reload."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import streamlit as st
from pydantic import SecretStr

from streamlit_app.components.qr import qr_code
from streamlit_app.components.states import error_box, go_on, guarded, page_head
from streamlit_app.components.uploads import list_of_uploads, take_upload, uploads_under_way
from streamlit_app.formats import clock
from streamlit_app.i18n import t
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import PairingError, TGStudioError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.core.vocabulary import PAIRING_ENDS
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.accounts import Pairing

WAYS = ("qr", "phone", "import")
_PAIRING = "pairing"
"""Key of the session's state: the id of the pairing that the page leads."""


def show() -> None:
    """The page."""
    mine = studio()
    page_head("onboarding")
    _checklist(mine)
    if not mine.may("uploads.upload"):
        st.info(t("common.viewer_note"), icon=":material/lock:")
        return
    way = st.segmented_control(
        t("onboarding.way"), WAYS, format_func=lambda one: t(f"onboarding.ways.{one}"), key="way", default=_under_way(mine),
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    if way == "import":
        _import(mine)
    else:
        _pair(mine, way or "qr")


def _under_way(mine: Studio) -> str:
    """The way that something is under way by, so that a reload finds it again; else by QR code."""
    row = _at_work(mine)
    if row is not None:
        return row.way
    return "import" if uploads_under_way(mine) else "qr"


def _checklist(mine: Studio) -> None:
    """The three steps to a filled feed, and which are done."""
    accounts = any(one.status == "active" for one in mine.accounts.all())
    channels = any(one.status == "active" for one in mine.follows.all())
    posts = bool(mine.posts.days())
    done = (accounts or posts, channels or posts, posts)
    items = "".join(
        f'<li class="{"ts-done" if over else ""}"><span class="ts-icon" aria-hidden="true">'
        f"{'check_circle' if over else 'radio_button_unchecked'}</span><div><b>{escape(t(f'onboarding.check.{name}'))}</b>"
        f"<small>{escape(t('onboarding.check.done') if over else t(f'onboarding.check.{name}_how'))}</small></div></li>"
        for name, over in zip(("connect", "follow", "read"), done, strict=True)
    )
    st.html(f'<ol class="ts-check">{items}</ol>')


def _pair(mine: Studio, way: str) -> None:
    row = _at_work(mine)
    if row is not None and row.way == way:
        # A form keeps what is typed only while nothing runs behind it: what waits for Telegram is looked at, what waits
        # for the person is not.
        st.fragment(_lead, run_every=1.0 if row.status == "PENDING" else None)(row.id, row.status)
        return
    with st.container(border=True, key=f"pair_{way}"):
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.subheader(t(f"onboarding.{way}.head"), anchor=False)
            _how(way)
            with guarded():
                _begin(mine, way)
        with right:
            st.html(f'<div class="ts-aside-note"><span class="ts-icon" aria-hidden="true">verified_user</span>'
                    f"<p>{escape(t('onboarding.safety'))}</p></div>")  # fmt: skip


def _begin(mine: Studio, way: str) -> None:
    if way == "qr":
        if st.button(t("onboarding.qr.begin"), type="primary", icon=":material/qr_code_2:", key="begin_qr"):
            st.session_state[_PAIRING] = mine.pairings.begin_qr().id
            st.rerun()
        return
    with st.form("phone", border=False, clear_on_submit=True):
        phone = st.text_input(
            t("onboarding.phone.number"), placeholder="+7 900 000-00-00", type="phone", autocomplete="tel", max_chars=32
        )
        if st.form_submit_button(t("onboarding.phone.begin"), type="primary", icon=":material/sms:"):
            digits = "".join(one for one in phone or "" if one.isdigit())
            if not 7 <= len(digits) <= 15:
                raise PairingError(t("onboarding.phone.wrong"))
            st.session_state[_PAIRING] = mine.pairings.begin_phone(SecretStr(f"+{digits}")).id
            st.rerun()


def _at_work(mine: Studio) -> Pairing | None:
    """The pairing that this page leads, or that its person led before a reload."""
    if _PAIRING in st.session_state:
        return mine.pairings.get(st.session_state[_PAIRING])
    newest = mine.pairings.own()
    if newest is not None:
        st.session_state[_PAIRING] = newest.id
    return newest


def _lead(pairing_id: str, drawn: str) -> None:
    """One pairing as it is now; a change of what it waits for draws the page anew."""
    mine = studio()
    row = mine.pairings.get(pairing_id)
    if row.status != drawn:
        st.rerun()
    zone = mine.settings.get().zone
    with st.container(border=True, key="pairing"):
        match row.status:
            case "AUTHORIZED":
                _paired(row)
            case "FAILED" | "EXPIRED":
                _failed(row)
            case "PENDING" if row.way == "qr":
                _qr(row, zone)
            case "PENDING":
                st.info(t("onboarding.phone.waiting"), icon=":material/hourglass_top:")
                _trouble(row)
            case "CODE_NEEDED":
                _code(mine, row)
            case "PASSWORD_NEEDED":
                _password(mine, row)
            case "CONFIRM_NEEDED":
                _confirm(mine, row)
        if row.status not in PAIRING_ENDS and st.button(t("onboarding.cancel"), type="tertiary", key="cancel_pairing"):
            with guarded():
                mine.pairings.cancel(row.id)
                _over()


def _qr(row: Pairing, zone: ZoneInfo) -> None:
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        if row.url:
            qr_code(row.url, alt=t("onboarding.qr.alt"))
        else:
            st.skeleton(height=272)
    with right:
        st.subheader(t("onboarding.qr.scan"), anchor=False)
        _how("qr")
        st.caption(t("onboarding.qr.until", time=clock(row.deadline, zone)))
        _trouble(row)


def _how(way: str) -> None:
    items = "".join(
        f"<li><span>{escape(t(f'onboarding.{way}.how.{step}'))}</span></li>" for step in ("one", "two", "three")
    )
    st.html(f'<ol class="ts-how">{items}</ol>')


def _code(mine: Studio, row: Pairing) -> None:
    st.subheader(t("onboarding.code.head"), anchor=False)
    st.caption(t("onboarding.code.note"))
    _trouble(row)
    with st.form("code", border=False, clear_on_submit=True):
        code = st.text_input(t("onboarding.code.field"), max_chars=12, autocomplete="one-time-code")
        if st.form_submit_button(t("onboarding.code.enter"), type="primary") and (code or "").strip():
            _answer(lambda: mine.pairings.submit_code(row.id, SecretStr((code or "").strip())))
    if st.button(t("onboarding.code.again"), key="again"):
        _answer(lambda: mine.pairings.resend_code(row.id))


def _password(mine: Studio, row: Pairing) -> None:
    st.subheader(t("onboarding.password.head"), anchor=False)
    st.caption(t("onboarding.password.note"))
    _trouble(row)
    with st.form("password", border=False, clear_on_submit=True):
        password = st.text_input(t("onboarding.password.field"), type="password", autocomplete="off", max_chars=256)
        if st.form_submit_button(t("onboarding.password.enter"), type="primary") and password:
            _answer(lambda: mine.pairings.submit_password(row.id, SecretStr(password)))


def _confirm(mine: Studio, row: Pairing) -> None:
    st.subheader(t("onboarding.confirm.head", name=_plain(row.name)), anchor=False)
    st.caption(t("onboarding.confirm.note", id=row.telegram_id))
    with st.container(horizontal=True):
        if st.button(t("onboarding.confirm.yes"), type="primary", icon=":material/check:", key="confirm"):
            _answer(lambda: mine.pairings.confirm(row.id))
        if st.button(t("onboarding.confirm.no"), icon=":material/close:", key="decline"):
            _answer(lambda: mine.pairings.decline(row.id))


def _answer(hand_over: Callable[[], Pairing]) -> None:
    """Hand the person's answer to the desk; it waits until Telegram has made up its mind."""
    try:
        with st.spinner(t("onboarding.asking")):
            hand_over()
    except TGStudioError as error:
        error_box(error)
        return
    st.rerun()


def _trouble(row: Pairing) -> None:
    if row.error:
        waits = row.status == "PENDING"
        st.warning(
            t("onboarding.trouble") if waits else t("onboarding.again_left", count=row.attempts_left),
            icon=":material/warning:",
        )
        st.html(f'<p class="ts-detail">{escape(row.error)}</p>')


def _paired(row: Pairing) -> None:
    st.success(t("onboarding.paired", name=_plain(row.name)), icon=":material/check_circle:")
    st.markdown(t("onboarding.next"))
    with st.container(horizontal=True, vertical_alignment="center"):
        go_on("subscriptions", t("onboarding.follow"), "podcasts")
        if st.button(t("onboarding.another"), type="tertiary", key="another"):
            _over()


def _failed(row: Pairing) -> None:
    error_box(PairingError(row.error or ""))
    if st.button(t("onboarding.anew"), icon=":material/refresh:", key="anew"):
        _over()


def _over() -> None:
    st.session_state.pop(_PAIRING, None)
    st.rerun()


def _plain(text: str | None) -> str:
    """What somebody wrote, so that Markdown shows it as it is."""
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>()#+-.!|:$~" else one for one in text or "")


def _import(mine: Studio) -> None:
    with st.container(border=True, key="import"):
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.subheader(t("onboarding.import.head"), anchor=False)
            _how("import")
        with right:
            take_upload(mine)
    list_of_uploads(mine)


show()
