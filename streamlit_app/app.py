"""The frame of every page: navigation, logo, language, tenant, signing out. Pages themselves stand in app_pages/."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from streamlit_app.components.theme import theme_switch
from streamlit_app.i18n import LANGUAGES, STATE, choose, language, t
from streamlit_app.navigation import menu
from streamlit_app.principal import csrf_token, current_identity, platform, studio
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services.people import Identity, set_language, switch_tenant, tenants_of

HERE = Path(__file__).parent
# Every tab asks whether the session still stands, and leaves for the sign-in page when it does not. The menu's markup is a
# list whose items are no list's children (Streamlit 1.67): screen readers are told that it is none. Nor are they shown the
# lines below figures, which have no words.
_WATCH = """<script>
document.documentElement.lang = "%s";
if (!window.tgstudioWatch) {
  const set = (where, name, value) => document.querySelectorAll(where).forEach((one) => one.setAttribute(name, value));
  const mend = () => {
    set("[data-testid=stSidebarNavItems], [data-testid=stSidebarNavItems] li", "role", "none");
    set("[data-testid=stMetricChart]", "aria-hidden", "true");
  };
  mend();
  new MutationObserver(mend).observe(document.body, {childList: true, subtree: true});
  const look = async () => {
    try {
      const answer = await fetch("/v1/me", {credentials: "same-origin", headers: {"X-Watch": "1"}});
      if (answer.status === 401) location.replace("/login");
    } catch (error) { /* offline: asked again */ }
  };
  window.tgstudioWatch = setInterval(look, 4000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
}
</script>"""


def main() -> None:
    """Draw the frame, then the page that was asked for."""
    st.set_page_config(page_title="TG Studio", page_icon=str(HERE / "static/mark.svg"), layout="wide")
    st.session_state.setdefault(STATE, choose(None, st.context.locale))
    st.html(HERE / "static/style.css")
    identity = current_identity()
    if "language_asked" not in st.session_state:
        st.session_state[STATE] = choose(identity.user.language, st.context.locale)
        st.session_state["language_asked"] = True
    page = st.navigation(menu(platform().studio(identity.principal)), expanded=True)
    st.logo(HERE / "static/logo.svg", size="large", icon_image=HERE / "static/mark.svg")
    with st.sidebar:
        _space(identity)
        with st.container(key="look", horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            _language(identity)
            theme_switch()
        _sign_out(identity)
    st.html(_WATCH % language(), unsafe_allow_javascript=True)
    page.run()


def _space(identity: Identity) -> None:
    """The tenant, and a choice of it for those who belong to several."""
    catalog, here = platform().catalog, identity.principal.tenant
    names = {tenant.slug: tenant.name for tenant in tenants_of(catalog, identity.user)}
    if len(names) < 2:
        return
    chosen = st.selectbox(
        t("common.space"),
        list(names),
        index=list(names).index(here),
        format_func=names.__getitem__,
        key=f"space_{here}",
        label_visibility="collapsed",
    )
    if chosen != here:
        switch_tenant(catalog, identity.sid, chosen)
        # What the tab holds is of the tenant it leaves; and its headers are frozen until it connects anew.
        for name in set(st.session_state) - {STATE, "language_asked", f"space_{here}"}:
            del st.session_state[name]
        st.html("<script>window.location.assign('/')</script>", unsafe_allow_javascript=True)
        st.stop()


def _language(identity: Identity) -> None:
    st.segmented_control(
        t("common.language"),
        LANGUAGES,
        format_func=str.upper,
        key="language_switch",
        default=language(),
        required=True,
        label_visibility="collapsed",
        on_change=_change_language,
        args=(identity.user.id,),
    )


def _change_language(user_id: str) -> None:
    chosen = st.session_state["language_switch"]
    if chosen in LANGUAGES:
        st.session_state[STATE] = chosen
        set_language(platform().catalog, user_id, chosen)


def _sign_out(identity: Identity) -> None:
    tenant = studio().tenant
    st.html(
        '<form class="ts-sign-out" action="/auth/logout" method="post">'
        f'<input type="hidden" name="csrf" value="{escape(csrf_token())}">'
        f"<div><b>{escape(identity.user.name)}</b><span>{escape(tenant.name)} · "
        f"{escape(t(f'common.role.{identity.principal.role}'))}</span></div>"
        f'<button type="submit">{escape(t("common.sign_out"))}</button></form>'
    )


with platform().catalog.one_look_up():
    main()
