"""API keys: what programs identify themselves with; making and ending them, and the history of what they asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import streamlit as st

from streamlit_app.components.marks import Color, badge_markdown
from streamlit_app.components.paging import page_cursor, pager
from streamlit_app.components.states import empty_state, guarded
from streamlit_app.components.topic import plain
from streamlit_app.formats import day, moment, number
from streamlit_app.i18n import t
from streamlit_app.settings_parts.saving import button_help, done, words_of
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.scopes import SCOPES, scopes_of
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.core.vocabulary import CallKind
from tgstudio_dagster.services import Studio, policy
from tgstudio_dagster.services.keys import ApiKey

SECRET = "key_secret"  # noqa: S105 - where it stands, not what it is
"""Key of the session's state: the secret of the key that was just made, until its reader says that it is kept."""
DAYS = (30, 90, 365)
CALLS = 25


def show(mine: Studio) -> None:
    """The new key's secret, the keys, the form of another, the history."""
    st.caption(t("settings.keys.note"))
    _secret(mine)
    now = datetime.now(UTC)
    keys = mine.keys.all()
    if not keys:
        empty_state("key", t("settings.keys.none_title"), t("settings.keys.none_text"))
    ended = [one for one in keys if _ended(one, now)]
    for one in keys:
        if one not in ended:
            _card(mine, one, now)
    _form(mine, now)
    if ended:
        with st.expander(t("settings.keys.ended", count=len(ended)), icon=":material/history:"):
            for one in ended:
                _card(mine, one, now)
    _history(mine, {one.id: one.name for one in keys})


def _secret(mine: Studio) -> None:
    tenant, name, secret = st.session_state.get(SECRET, (None, "", ""))
    if tenant != mine.tenant.slug:
        return
    with st.container(border=True, key="new_key"):
        st.warning(t("settings.keys.once", name=plain(name)), icon=":material/key:")
        st.code(secret, language=None)
        st.button(t("settings.keys.kept"), icon=":material/check:", key="key_kept", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(SECRET, None)


def _ended(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now)


def _card(mine: Studio, key: ApiKey, now: datetime) -> None:
    zone = mine.settings.get().zone
    with st.container(border=True, key=f"key_{key.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{plain(key.name)}** `{key.prefix}…`")
            if key.revoked_at is not None:
                st.badge(t("settings.keys.revoked"), color="gray", icon=":material/block:")
            elif _ended(key, now):
                st.badge(t("settings.keys.expired"), color="orange", icon=":material/timer_off:")
        colours: dict[str, Color] = {"read": "gray", "order": "blue", "send": "orange", "admin": "red"}
        st.markdown(" ".join(badge_markdown(t(f"settings.keys.scope.{one}"), colours[one]) for one in key.scopes))
        st.html(f'<div class="ts-facts">{"".join(f"<span>{escape(one)}</span>" for one in _facts(key, zone))}</div>')
        if not _ended(key, now):
            with st.popover(
                t("settings.keys.revoke"),
                icon=":material/block:",
                disabled=not mine.may("keys.revoke"),
                key=f"end_{key.id}",
            ):
                st.markdown(t("settings.keys.revoke_text"))
                if st.button(t("settings.keys.revoke_yes"), type="primary", key=f"revoke_{key.id}"):
                    with guarded():
                        mine.keys.revoke(key.id)
                        _forget()
                        done(t("settings.keys.revoked_told", name=plain(key.name)))


def _facts(key: ApiKey, zone: ZoneInfo) -> list[str]:
    used = t("settings.keys.never") if key.last_used_at is None else moment(key.last_used_at, zone)
    facts = [
        t("settings.keys.created", moment=moment(key.created_at, zone)),
        t("settings.keys.used", moment=used),
    ]
    if key.expires_at is not None:
        facts.append(t("settings.keys.until", day=day(key.expires_at.astimezone(zone).date())))
    if key.rate_per_minute is not None:
        facts.append(t("settings.keys.rate_of", count=key.rate_per_minute))
    for name, values in (("ips", key.ips), ("user_agents", key.user_agents), ("tools", key.tools)):
        if values is not None:
            facts.append(f"{t(f'settings.keys.{name}')}: {', '.join(values) or t('settings.keys.no_tools')}")
    return facts


def _form(mine: Studio, now: datetime) -> None:
    may = mine.may("keys.create")
    # A new form after each key: an empty one.
    turn = st.session_state.setdefault("key_turn", 0)
    with (
        st.expander(t("settings.keys.add"), icon=":material/add:", key=f"key_add_{turn}"),
        st.form(f"new_key_{turn}", border=False),
    ):
        name = st.text_input(
            t("settings.keys.name"), max_chars=200, placeholder=t("settings.keys.name_hint"), disabled=not may,
            key=f"key_name_{turn}",
        )  # fmt: skip
        allowed = [one for one in SCOPES if one in scopes_of(mine.principal.role)]
        scopes = st.pills(
            t("settings.keys.scopes"), allowed, selection_mode="multi", default=["read"], disabled=not may,
            format_func=lambda one: t(f"settings.keys.scope.{one}"), help=t("settings.keys.scopes_help"),
            key=f"key_scopes_{turn}",
        )  # fmt: skip
        tools = st.multiselect(
            t("settings.keys.tools"), list(policy.tools()), disabled=not may, placeholder=t("settings.keys.all_tools"),
            help=t("settings.keys.tools_help"), key=f"key_tools_{turn}",
        )  # fmt: skip
        left, right = st.columns(2, gap="small", vertical_alignment="bottom")
        rate = left.number_input(
            t("settings.keys.rate"), min_value=1, max_value=100_000, value=None, step=10, disabled=not may,
            placeholder=t("settings.keys.rate_plan"), key=f"key_rate_{turn}",
        )  # fmt: skip
        days = right.selectbox(
            t("settings.keys.expires"), (None, *DAYS), disabled=not may, key=f"key_days_{turn}",
            format_func=lambda one: t("settings.keys.no_end") if one is None else t("usage.days", count=one),
        )  # fmt: skip
        ips = st.text_area(
            t("settings.keys.ips"), height=80, disabled=not may, placeholder="203.0.113.7, 198.51.100.0/24",
            help=t("settings.keys.ips_help"), key=f"key_ips_{turn}",
        )  # fmt: skip
        agents = st.text_input(
            t("settings.keys.user_agents"), disabled=not may, placeholder="my-robot/", help=t("settings.keys.agents_help"),
            key=f"key_agents_{turn}",
        )  # fmt: skip
        sent = st.form_submit_button(
            t("settings.keys.make"),
            type="primary",
            icon=":material/key:",
            disabled=not may,
            help=button_help(mine, "keys.create"),
            key=f"key_make_{turn}",
        )
    if sent:
        with guarded():
            if not (name or "").strip():
                raise SettingsError(t("settings.keys.no_name"))
            if not scopes:
                raise SettingsError(t("settings.keys.no_scope"))
            key, secret = mine.keys.create(
                name, list(scopes), rate_per_minute=None if rate is None else int(rate), ips=words_of(ips) or None,
                user_agents=words_of(agents) or None, tools=tools or None,
                expires_at=None if days is None else now + timedelta(days=days), now=now,
            )  # fmt: skip
            st.session_state[SECRET] = (mine.tenant.slug, key.name, secret)
            st.session_state["key_turn"] = turn + 1
            st.rerun()


def _history(mine: Studio, names: dict[str, str]) -> None:
    """What programs asked; of the whole tenant, so an owner's to see."""
    if not mine.may("keys.calls"):
        return
    st.subheader(t("settings.keys.history"))
    kind = st.segmented_control(
        t("settings.keys.kind"), ("all", "api", "mcp"), default="all", required=True, key="calls_kind",
        format_func=lambda one: t(f"settings.keys.kind_{one}"), label_visibility="collapsed",
    )  # fmt: skip
    wanted = None if kind == "all" else cast(CallKind, kind)
    cursor = page_cursor("calls", (mine.tenant.slug, kind))
    found, following = mine.keys.calls(wanted, CALLS, cursor)
    if not found:
        st.caption(t("settings.keys.no_calls"))
        return
    zone, column = mine.settings.get().zone, st.column_config
    st.dataframe(
        [
            {
                "at": one.at.astimezone(zone).replace(tzinfo=None),
                "kind": t(f"settings.keys.kind_{one.kind}"),
                "name": one.name,
                "key": names.get(one.api_key_id or "", t("settings.keys.browser")),
                "status": one.status,
                "milliseconds": one.milliseconds,
                "results": one.results,
                "arguments": ", ".join(f"{name}={value}" for name, value in one.arguments.items()),
            }
            for one in found
        ],
        hide_index=True,
        key="calls",
        column_config={
            "at": column.DatetimeColumn(t("settings.keys.column.at"), format="DD.MM HH:mm:ss", width=125),
            "kind": column.TextColumn(t("settings.keys.column.kind"), width=70),
            "name": column.TextColumn(t("settings.keys.column.name"), width="medium"),
            "key": column.TextColumn(t("settings.keys.column.key"), width="small"),
            "status": column.NumberColumn(t("settings.keys.column.status"), format="%d", width=70),
            "milliseconds": column.NumberColumn(t("settings.keys.column.milliseconds"), format="%d", width=70),
            "results": column.NumberColumn(t("settings.keys.column.results"), format="%d", width=85),
            "arguments": column.TextColumn(t("settings.keys.column.arguments"), width="large"),
        },
    )
    st.caption(t("settings.keys.kept_days", days=number(90)))
    pager("calls", following)
