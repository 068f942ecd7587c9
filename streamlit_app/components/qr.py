"""A QR code, drawn here: what it holds goes to no other machine."""

from __future__ import annotations

import segno
import streamlit as st

from tgstudio_dagster.core.text import escape


def qr_code(content: str, *, alt: str) -> None:
    """The code, dark on light whatever the theme is, as large as fits a phone."""
    picture = segno.make(content, error="m", micro=False).svg_data_uri(
        scale=8, border=3, light="#ffffff", dark="#0d1420"
    )
    st.html(f'<img class="ts-qr" src="{escape(picture)}" alt="{escape(alt)}">')
