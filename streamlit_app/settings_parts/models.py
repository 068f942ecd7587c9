"""A language model: how its client is connected to the tenant's tools (docs/mcp.md says all of it)."""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st

from streamlit_app.i18n import t
from streamlit_app.principal import platform
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services import Studio, policy

SECRET = "tgs_…"  # noqa: S105 - stands for one


def show(mine: Studio) -> None:
    """Three steps, and the texts to copy."""
    origin = platform().web_settings.origin
    steps = "".join(f"<li><span>{t(f'settings.models.step_{n}')}</span></li>" for n in (1, 2, 3))
    st.html(f'<p class="ts-lead">{t("settings.models.lead")}</p><ol class="ts-how">{steps}</ol>')
    web, desk = st.tabs([t("settings.models.web"), t("settings.models.desk")])
    with web:
        st.caption(t("settings.models.web_text"))
        own = {"type": "http", "url": f"{origin}/mcp", "headers": {"Authorization": f"Bearer {SECRET}"}}
        st.code(_servers(own), language=None)
    with desk:
        st.caption(t("settings.models.desk_text"))
        home = str(platform().settings.home.resolve()) if mine.principal.role == "operator" else "/…/.tgstudio"
        environment = {"TGSTUDIO_HOME": home, "TGSTUDIO_API_KEY": SECRET}
        st.code(_servers({"command": "tgstudio", "args": ["mcp"], "env": environment}), language=None)
    st.subheader(t("settings.models.tools"))
    st.html(f'<dl class="ts-tools">{"".join(_tool(name, scope) for name, scope in policy.tools().items())}</dl>')
    st.info(t("settings.models.safety"), icon=":material/shield:")


def _tool(name: str, scope: str) -> str:
    needs = t(f"settings.keys.scope.{scope}")
    return (
        f'<div><dt><code>{escape(name)}</code> <span class="ts-badge ts-gray">{escape(needs)}</span></dt>'
        f"<dd>{escape(t(f'settings.models.about.{name}'))}</dd></div>"
    )


def _servers(own: Mapping[str, object]) -> str:
    return json.dumps({"mcpServers": {"tgstudio": dict(own)}}, ensure_ascii=False, indent=2)
