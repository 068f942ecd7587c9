"""Access: from which addresses the tenant may be used, and whether its accounts may post. An owner's to change."""

from __future__ import annotations

from ipaddress import ip_network

import streamlit as st

from streamlit_app.components.states import guarded
from streamlit_app.i18n import t
from streamlit_app.settings_parts.saving import save, words_of
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.people import inside

LOOPBACK = "127.0.0.1"


def show(mine: Studio) -> None:
    """The list of addresses, and the switch of sending."""
    may = mine.may("settings.open")
    if mine.may("settings.put") and not may:
        st.info(t("settings.owner_note"), icon=":material/lock:")
    _addresses(mine, may=may)
    _sending(mine, may=may)


def _addresses(mine: Studio, *, may: bool) -> None:
    own = _own_address()
    with st.form("addresses"):
        st.subheader(t("settings.access.head"))
        st.html(f"<p class='ts-lead'>{escape(t('settings.access.text', own=own))}</p>")
        typed = st.text_area(
            t("settings.access.addresses"), value="\n".join(mine.settings.get().allowed_ips), height=120, disabled=not may,
            placeholder="203.0.113.7\n198.51.100.0/24", key="allowed_ips",
        )  # fmt: skip
        sent = st.form_submit_button(
            t("settings.save"), type="primary", icon=":material/save:", disabled=not may,
            help=None if may else t("settings.owner_note"), key="addresses_save",
        )  # fmt: skip
    if sent:
        with guarded():
            listed = words_of(typed)
            for one in listed:
                _check(one)
            if listed and not inside(own, listed):
                raise SettingsError(t("settings.access.shut_out", own=own))
            save(mine, allowed_ips=listed)


def _own_address() -> str:
    """From where this page is read; Streamlit tells no address of this machine itself."""
    known = st.context.ip_address
    return known if isinstance(known, str) and known else LOOPBACK


def _check(network: str) -> None:
    try:
        ip_network(network, strict=False)
    except ValueError as error:
        raise SettingsError(t("settings.access.wrong", address=network)) from error


def _sending(mine: Studio, *, may: bool) -> None:
    now = mine.settings.get().sending
    with st.form("sending"):
        st.subheader(t("settings.access.sending_head"))
        st.html(f"<p class='ts-lead'>{escape(t('settings.access.sending_text'))}</p>")
        wanted = st.toggle(t("settings.access.sending"), value=now, disabled=not may, key="sending_on")
        sent = st.form_submit_button(
            t("settings.save"), type="primary", icon=":material/save:", disabled=not may,
            help=None if may else t("settings.owner_note"), key="sending_save",
        )  # fmt: skip
    if sent:
        with guarded():
            save(mine, sending=bool(wanted))
