"""Settings: what the tenant decides about itself, part by part; the parts stand in settings_parts/."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streamlit_app.components.address import address_choice
from streamlit_app.components.states import guarded, page_head
from streamlit_app.door import st
from streamlit_app.i18n import t
from streamlit_app.principal import studio
from streamlit_app.settings_parts import access, filters, keys, models, own, plan, ranking, rules, texts, webhooks
from streamlit_app.settings_parts.saving import told
from tgstudio_dagster.services import Studio

PARTS: Mapping[str, Callable[[Studio], None]] = {
    "texts": texts.show,
    "filters": filters.show,
    "ranking": ranking.show,
    "rules": rules.show,
    "keys": keys.show,
    "webhooks": webhooks.show,
    "models": models.show,
    "access": access.show,
    "own": own.show,
    "plan": plan.show,
}


def show() -> None:
    """The page: a choice of parts, and the one that is chosen."""
    mine = studio()
    page_head("settings")
    part = address_choice(
        t("settings.part"), tuple(PARTS), name="part", default="texts", look="pills", label_visibility="collapsed",
        format_func=lambda one: t(f"settings.parts.{one}"),
    )  # fmt: skip
    told()
    if not mine.may("settings.put") and part not in ("plan", "models", "own"):
        st.info(t("common.viewer_note"), icon=":material/lock:")
    with guarded():
        PARTS[part](mine)


show()
