"""The choice between light, dark and what the system says. Streamlit keeps it in the browser, by path; so does this."""

from __future__ import annotations

import json

import streamlit as st

from streamlit_app.i18n import t
from streamlit_app.navigation import ENTRIES
from tgstudio_dagster.core.text import escape

_CHOICES = (("System", "contrast"), ("Light", "light_mode"), ("Dark", "dark_mode"))
# Version 2 of Streamlit's own keys (1.67); a page takes the theme up when it is loaded.
_SCRIPT = """<script>
(() => {
  const paths = %s, key = (path) => `stActiveTheme-${path}-v2`;
  const mine = localStorage.getItem("tgstudioTheme") || "System";
  const apply = (theme) => paths.forEach((path) => localStorage.setItem(key(path), JSON.stringify(theme)));
  if (localStorage.getItem(key(location.pathname)) !== JSON.stringify(mine) && mine !== "System") {
    apply(mine);
  }
  document.querySelectorAll(".ts-theme button").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.theme === mine));
    button.onclick = () => {
      localStorage.setItem("tgstudioTheme", button.dataset.theme);
      apply(button.dataset.theme);
      location.reload();
    };
  });
})();
</script>"""


def theme_switch() -> None:
    """Three buttons; the page is loaded anew with what was chosen."""
    buttons = "".join(
        f'<button type="button" data-theme="{name}" aria-pressed="false" title="{escape(t(f"common.theme.{name.lower()}"))}">'
        f'<span class="ts-icon" aria-hidden="true">{icon}</span>'
        f'<span class="ts-aside">{escape(t(f"common.theme.{name.lower()}"))}</span></button>'
        for name, icon in _CHOICES
    )
    paths = json.dumps(["/", *(f"/{entry.key}" for entry in ENTRIES)])
    st.html(
        f'<div class="ts-theme" role="group" aria-label="{escape(t("common.theme.label"))}">{buttons}</div>{_SCRIPT % paths}',
        unsafe_allow_javascript=True,
    )
