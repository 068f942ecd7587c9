"""Small marks: the status of a thing as a badge, always in the same colour."""

from __future__ import annotations

from typing import Literal

from streamlit_app.door import st
from streamlit_app.i18n import has, t
from streamlit_app.plain import Markdown, badge

Color = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]
_LOOKS: dict[str, tuple[Color, str]] = {
    "active": ("green", "check_circle"),
    "done": ("green", "check_circle"),
    "success": ("green", "check_circle"),
    "running": ("blue", "progress_activity"),
    "started": ("blue", "progress_activity"),
    "queued": ("blue", "schedule"),
    "waiting": ("orange", "hourglass_top"),
    "paused": ("orange", "pause_circle"),
    "stale": ("orange", "history"),
    "lost": ("red", "visibility_off"),
    "expired": ("red", "link_off"),
    "banned": ("red", "block"),
    "failed": ("red", "error"),
    "failure": ("red", "error"),
    "cancelled": ("gray", "cancel"),
    "canceled": ("gray", "cancel"),
    "skipped": ("gray", "skip_next"),
    "removed": ("gray", "remove_circle"),
    "ended": ("gray", "remove_circle"),
}


def status_badge(status: str, *, help: str | None = None) -> None:
    """The status of an account, a subscription, an order, a run: its words are `common.status.<status>`."""
    name = status.lower()
    color, icon = _LOOKS.get(name, ("gray", "help"))
    label = t(f"common.status.{name}") if has(f"common.status.{name}") else status
    st.badge(label, icon=f":material/{icon}:", color=color, help=help)


def badge_markdown(label: str, color: Color, icon: str | None = None) -> Markdown:
    """A badge for st.markdown."""
    return badge(label, color, icon)
