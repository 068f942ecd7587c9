"""Webhooks: addresses that events are posted to, what was posted there and how that went. An owner's to set."""

from __future__ import annotations

import streamlit as st
from pydantic import SecretStr

from streamlit_app.components.marks import Color
from streamlit_app.components.states import empty_state, guarded
from streamlit_app.components.topic import plain
from streamlit_app.formats import moment
from streamlit_app.i18n import has, t
from streamlit_app.settings_parts.saving import done
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.webhooks import MAX_WEBHOOKS, Delivery, Webhook, event_types

SECRET = "webhook_secret"  # noqa: S105 - where it stands, not what it is
"""Key of the session's state: the secret that was just made, until its reader says that it is kept."""
_OPEN = "webhook_open"
"""Key of the session's state: the id of the webhook that is edited, or NEW."""
NEW = "new"
SHOWN = 20
_LOOKS: dict[str, tuple[Color, str]] = {
    "delivered": ("green", "check_circle"),
    "waiting": ("orange", "schedule"),
    "failed": ("red", "error"),
}


def show(mine: Studio) -> None:
    """The new secret, the webhooks with their deliveries, and the form."""
    st.caption(t("webhooks.note"))
    if not mine.may("webhooks.all"):
        st.info(t("settings.owner_note"), icon=":material/lock:")
        return
    _secret(mine)
    hooks = mine.webhooks.all()
    opened = st.session_state.get(_OPEN)
    if not hooks and opened != NEW:
        empty_state("webhook", t("webhooks.none_title"), t("webhooks.none_text"))
    for hook in hooks:
        if opened == hook.id:
            _form(mine, hook)
        else:
            _card(mine, hook)
    if opened == NEW:
        _form(mine, None)
    else:
        st.button(
            t("webhooks.add"), type="primary", icon=":material/add:", key="webhook_add", on_click=_open,
            args=(NEW,), disabled=len(hooks) >= MAX_WEBHOOKS,
        )  # fmt: skip


def _secret(mine: Studio) -> None:
    tenant, name, secret = st.session_state.get(SECRET, (None, "", ""))
    if tenant != mine.tenant.slug:
        return
    with st.container(border=True, key="new_webhook_secret"):
        st.warning(t("webhooks.once", name=plain(name)), icon=":material/key:")
        st.code(secret, language=None)
        st.button(t("webhooks.kept"), icon=":material/check:", key="webhook_kept", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(SECRET, None)


def _open(webhook_id: str | None) -> None:
    st.session_state[_OPEN] = webhook_id


def _card(mine: Studio, hook: Webhook) -> None:
    zone = mine.settings.get().zone
    with st.container(border=True, key=f"webhook_{hook.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{plain(hook.name)}**")
            if hook.enabled:
                st.badge(t("webhooks.switched_on"), color="green", icon=":material/check_circle:")
            else:
                st.badge(t("webhooks.not_on"), color="gray", icon=":material/pause_circle:")
        st.code(hook.url, language=None)
        facts = [
            ", ".join(_event(event) for event in hook.events) or t("webhooks.all_events"),
            t("webhooks.waiting", count=hook.waiting),
        ]
        if hook.next_try_at is not None:
            facts.append(t("webhooks.next_try", moment=moment(hook.next_try_at, zone)))
        st.html(f'<div class="ts-facts">{"".join(f"<span>{escape(fact)}</span>" for fact in facts)}</div>')
        if hook.error is not None:
            st.error(t("webhooks.switched_off", why=plain(hook.error)), icon=":material/error:")
        with st.container(horizontal=True):
            if st.button(t("webhooks.test"), icon=":material/send:", key=f"webhook_test_{hook.id}"):
                with guarded():
                    mine.webhooks.test(hook.id)
                    done(t("webhooks.tested"))
            st.button(
                t("webhooks.edit"), icon=":material/edit:", key=f"webhook_edit_{hook.id}", on_click=_open,
                args=(hook.id,),
            )  # fmt: skip
            _renewing(mine, hook)
            _deleting(mine, hook)
        _deliveries(mine, hook)


def _renewing(mine: Studio, hook: Webhook) -> None:
    with st.popover(t("webhooks.renew"), icon=":material/key:", key=f"webhook_renew_{hook.id}"):
        st.markdown(t("webhooks.renew_text"))
        if st.button(t("webhooks.renew_yes"), type="primary", key=f"webhook_renewed_{hook.id}"):
            with guarded():
                secret = mine.webhooks.renew_secret(hook.id)
                st.session_state[SECRET] = (mine.tenant.slug, hook.name, secret.get_secret_value())
                st.rerun()


def _deleting(mine: Studio, hook: Webhook) -> None:
    with st.popover(t("webhooks.delete"), icon=":material/delete:", key=f"webhook_delete_{hook.id}"):
        st.markdown(t("webhooks.delete_text"))
        if st.button(t("webhooks.delete_yes"), type="primary", key=f"webhook_gone_{hook.id}"):
            with guarded():
                mine.webhooks.delete(hook.id)
                _forget()
                done(t("webhooks.deleted", name=plain(hook.name)))


def _deliveries(mine: Studio, hook: Webhook) -> None:
    with st.expander(t("webhooks.deliveries"), icon=":material/history:", key=f"webhook_sent_{hook.id}"):
        deliveries = mine.webhooks.deliveries(hook.id, limit=SHOWN)
        if not deliveries:
            st.caption(t("webhooks.no_deliveries"))
        for delivery in deliveries:
            _delivery(mine, hook, delivery)


def _delivery(mine: Studio, hook: Webhook, delivery: Delivery) -> None:
    zone = mine.settings.get().zone
    colour, icon = _LOOKS[delivery.status]
    with st.container(horizontal=True, vertical_alignment="center", key=f"delivery_{delivery.id}"):
        st.badge(t(f"webhooks.status_{delivery.status}"), color=colour, icon=f":material/{icon}:")
        st.markdown(f"{_event(delivery.event)} · {moment(delivery.happened_at, zone)}")
        st.caption(t("webhooks.attempts", count=delivery.attempts))
        if delivery.error is not None:
            st.caption(plain(delivery.error))
        if st.button(t("webhooks.again"), icon=":material/replay:", key=f"redeliver_{delivery.id}"):
            with guarded():
                mine.webhooks.redeliver(hook.id, delivery.id)
                done(t("webhooks.asked_again"))


def _event(name: str) -> str:
    key = f"webhooks.event.{name.replace('.', '_')}"
    return t(key) if has(key) else name


def _form(mine: Studio, hook: Webhook | None) -> None:
    key = hook.id if hook else NEW
    with st.form(f"webhook_form_{key}"):
        st.subheader(t("webhooks.edit_head" if hook else "webhooks.new_head"))
        name = st.text_input(
            t("webhooks.name"), value=hook.name if hook else "", max_chars=200, key=f"webhook_name_{key}",
            placeholder=t("webhooks.name_hint"),
        )  # fmt: skip
        url = st.text_input(
            t("webhooks.url"), value=hook.url if hook else "", max_chars=2_000, key=f"webhook_url_{key}",
            placeholder="https://example.org/hooks/tgstudio", help=t("webhooks.url_help"),
        )  # fmt: skip
        events = st.multiselect(
            t("webhooks.events"), event_types(), default=list(hook.events) if hook else [],
            key=f"webhook_events_{key}", format_func=_event, placeholder=t("webhooks.all_events"),
        )  # fmt: skip
        if hook is None:
            secret = st.text_input(
                t("webhooks.secret"), type="password", max_chars=120, key="webhook_secret_new",
                help=t("webhooks.secret_help"), placeholder=t("webhooks.secret_hint"),
            )  # fmt: skip
            enabled = True
        else:
            secret = ""
            enabled = st.toggle(t("webhooks.enabled"), value=hook.enabled, key=f"webhook_enabled_{key}")
        with st.container(horizontal=True):
            sent = st.form_submit_button(
                t("settings.save"), type="primary", icon=":material/save:", key=f"webhook_save_{key}"
            )
            st.form_submit_button(t("settings.cancel"), on_click=_open, args=(None,), key=f"webhook_close_{key}")
    if sent:
        with guarded():
            if not (name or "").strip():
                raise SettingsError(t("webhooks.no_name"))
            if hook is None:
                own = SecretStr(secret.strip()) if secret and secret.strip() else None
                created, made = mine.webhooks.create(name, (url or "").strip(), events=events, secret=own)
                st.session_state[SECRET] = (mine.tenant.slug, created.name, made.get_secret_value())
            else:
                mine.webhooks.put(hook.id, name, (url or "").strip(), events=events, enabled=bool(enabled))
            _open(None)
            done(t("webhooks.saved"))
