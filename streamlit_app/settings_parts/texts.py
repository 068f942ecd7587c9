"""Texts: the language, tone, platforms and time zone that an order has where nothing else is chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from streamlit_app.components.platforms import PLATFORM_NAMES
from streamlit_app.components.states import guarded
from streamlit_app.door import st
from streamlit_app.i18n import t
from streamlit_app.settings_parts.saving import button_help, save
from tgstudio_dagster.core.vocabulary import LANGUAGES, PLATFORMS, TONES
from tgstudio_dagster.services import Studio


def show(mine: Studio) -> None:
    """The form."""
    now, may = mine.settings.get(), mine.may("settings.put")
    with st.form("texts"):
        st.subheader(t("settings.texts.head"))
        language = st.segmented_control(
            t("exclusive.language"), LANGUAGES, default=now.language, required=True, disabled=not may,
            format_func=lambda one: t(f"common.lang.{one}"), key="text_language", help=t("settings.texts.language_help"),
        )  # fmt: skip
        tone = st.segmented_control(
            t("exclusive.tone"), TONES, default=now.tone, required=True, disabled=not may,
            format_func=lambda one: t(f"exclusive.tone_{one}"), key="text_tone",
        )  # fmt: skip
        platforms = st.pills(
            t("exclusive.platforms"), PLATFORMS, selection_mode="multi", default=list(now.platforms),
            format_func=PLATFORM_NAMES.__getitem__, disabled=not may, key="text_platforms",
        )  # fmt: skip
        vk = st.number_input(
            t("settings.texts.vk"), min_value=100, max_value=16_384, value=min(now.vk_text_limit, 16_384), step=1,
            disabled=not may, help=t("settings.texts.vk_help"), key="vk_limit", width=260,
        )  # fmt: skip
        zones = _zones(now.time_zone)
        zone = st.selectbox(
            t("settings.texts.zone"), zones, index=zones.index(now.time_zone), disabled=not may, key="time_zone",
            format_func=_zone_name, help=t("settings.texts.zone_help"), width=420,
        )  # fmt: skip
        sent = st.form_submit_button(
            t("settings.save"),
            type="primary",
            icon=":material/save:",
            disabled=not may,
            help=button_help(mine),
            key="texts_save",
        )
    if sent:
        if not platforms:
            st.warning(t("exclusive.no_platform"), icon=":material/info:")
            return
        with guarded():
            save(mine, language=language, tone=tone, platforms=tuple(platforms), vk_text_limit=int(vk), time_zone=zone)


def _zones(own: str) -> list[str]:
    """The zones that people know by a place, by their distance to UTC; and the tenant's own, whatever it is."""
    named = {name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix", "right"))}
    return sorted(named | {"UTC", own}, key=lambda name: (_offset(name), name))


def _zone_name(name: str) -> str:
    minutes = _offset(name)
    hours, rest = divmod(abs(minutes), 60)
    away = f"UTC{'−' if minutes < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''}" if minutes else "UTC"
    return away if name == "UTC" else f"{name.replace('_', ' ')} ({away})"


def _offset(name: str) -> int:
    """Minutes from UTC, today."""
    shift = datetime.now(UTC).astimezone(ZoneInfo(name)).utcoffset()
    return 0 if shift is None else round(shift.total_seconds() / 60)
