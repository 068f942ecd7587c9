"""Filters: which posts and which files are kept of what is read from now on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from streamlit_app.components.states import guarded
from streamlit_app.door import st
from streamlit_app.i18n import t
from streamlit_app.settings_parts.saving import button_help, checked, save, seed, set_back, words_of
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.settings import Filters

TYPES = (
    "text", "photo", "video", "animation", "album", "document", "audio", "voice", "video_note", "sticker", "poll",
    "location", "contact", "other",
)  # fmt: skip
KINDS = ("photo", "video", "animation", "document", "audio", "voice", "video_note", "sticker")
MEGABYTE = 2**20


def show(mine: Studio) -> None:
    """The form."""
    now = mine.settings.get().filters
    with st.form("filters"):
        st.subheader(t("settings.filters.posts"))
        st.caption(t("settings.filters.note"))
        left, right = st.columns(2, gap="medium")
        with left:
            keywords = _list(mine, "keywords", now.keywords)
            hashtags = _list(mine, "hashtags", now.hashtags)
            since = _day(mine, "since", now.since)
        with right:
            excluded = _list(mine, "exclude_keywords", now.exclude_keywords)
            channels = _list(mine, "channels", now.channels)
            until = _day(mine, "until", now.until)
        types = _choice(mine, "types", TYPES, now.types)
        senders = _list(mine, "senders", [str(one) for one in now.senders])
        st.subheader(t("settings.filters.files"))
        size = st.number_input(
            t("settings.filters.max_file_size"), min_value=0.0, step=5.0, format="%.1f",
            disabled=not mine.may("settings.put"), key=seed("filter_max_file_size", now.max_file_size / MEGABYTE), width=260,
        )  # fmt: skip
        kinds = _choice(mine, "media_kinds", KINDS, now.media_kinds)
        left, right = st.columns(2, gap="medium")
        with left:
            extensions = _list(mine, "extensions", now.extensions)
            media_words = _list(mine, "media_keywords", now.media_keywords)
        with right:
            media_channels = _list(mine, "media_channels", now.media_channels)
        sent = st.form_submit_button(
            t("settings.save"), type="primary", icon=":material/save:", disabled=not mine.may("settings.put"),
            help=button_help(mine), key="filters_save",
        )  # fmt: skip
    if sent:
        with guarded():
            if since is not None and until is not None and since > until:
                raise SettingsError(t("settings.filters.days_wrong"))
            chosen = {
                "keywords": keywords, "exclude_keywords": excluded, "hashtags": [one.lstrip("#") for one in hashtags],
                "since": since, "until": until, "channels": [one.removeprefix("@") for one in channels], "types": types,
                "senders": senders, "max_file_size": round(size * MEGABYTE), "media_kinds": kinds,
                "extensions": [one.lstrip(".").lower() for one in extensions], "media_keywords": media_words,
                "media_channels": [one.removeprefix("@") for one in media_channels],
            }  # fmt: skip
            save(mine, filters=checked(mine.settings.get(), filters=chosen).filters)
    if now != Filters() and mine.may("settings.put"):
        st.button(
            t("settings.filters.clear"), icon=":material/filter_alt_off:", key="filters_clear", on_click=set_back,
            args=("filter_",), kwargs={"filters": Filters()},
        )  # fmt: skip


def _list(mine: Studio, name: str, values: Sequence[str]) -> tuple[str, ...]:
    typed = st.text_area(
        t(f"settings.filters.{name}"), height=80, disabled=not mine.may("settings.put"), help=t("settings.filters.list_help"),
        placeholder=t(f"settings.filters.{name}_hint"), key=seed(f"filter_{name}", ", ".join(values)),
    )  # fmt: skip
    return words_of(typed)


def _choice(mine: Studio, name: str, known: Sequence[str], values: Sequence[str]) -> list[str]:
    return st.multiselect(
        t(f"settings.filters.{name}"), [*known, *(one for one in values if one not in known)], format_func=_type,
        key=seed(f"filter_{name}", list(values)), placeholder=t("settings.filters.any"), disabled=not mine.may("settings.put"),
    )  # fmt: skip


def _type(name: str) -> str:
    return t(f"common.type.{name}") if name in TYPES else name


def _day(mine: Studio, name: str, value: date | None) -> date | None:
    chosen: Any = st.date_input(
        t(f"settings.filters.{name}"), value=None, format="DD.MM.YYYY", disabled=not mine.may("settings.put"),
        key=seed(f"filter_{name}", value),
    )  # fmt: skip
    return chosen if isinstance(chosen, date) else None
