"""Saving a part of the settings: the rest stays as it is now, and what was done is told after the page has run anew."""

from __future__ import annotations

import re

from pydantic import ValidationError

from streamlit_app.components.states import guarded
from streamlit_app.door import st
from streamlit_app.i18n import t
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.settings import TenantSettings

_TOLD = "settings_told"
"""Key of the session's state: what was done last."""


def save(mine: Studio, **changes: object) -> None:
    """Set these fields anew and run the page again. Raises SettingsError that names the field, ForbiddenError."""
    mine.settings.put(checked(mine.settings.get(), **changes))
    done(t("settings.saved"))


def checked(before: TenantSettings, **changes: object) -> TenantSettings:
    """The settings with these fields set anew. Raises SettingsError that names the field and what it may be."""
    given = before.model_dump() | {
        name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in changes.items()
    }
    try:
        return TenantSettings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(first_of(error)) from error


def first_of(error: ValidationError) -> str:
    """What a model has against what it was given, in one line."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}." if field else f"{first['msg'].removeprefix('Value error, ')}."


def done(words: str) -> None:
    """Run the page anew, and say there what was done."""
    st.session_state[_TOLD] = words
    st.rerun()


def set_back(prefix: str, **changes: object) -> None:
    """For a button's callback: set these fields anew, and let the form's fields (their keys' prefix) show that."""
    with guarded():
        mine = studio()
        mine.settings.put(checked(mine.settings.get(), **changes))
        for name in [name for name in st.session_state if str(name).startswith(prefix)]:
            del st.session_state[name]
        st.session_state[_TOLD] = t("settings.saved")


def seed(key: str, value: object) -> str:
    """The key of a field that shows this value at first; what stands in the state can be set anew by a callback."""
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def told() -> None:
    """Says what was done, once."""
    if _TOLD in st.session_state:
        st.success(st.session_state.pop(_TOLD), icon=":material/check_circle:")


def words_of(text: str | None) -> tuple[str, ...]:
    """What was typed as a list: one in a line, or separated by commas or semicolons; each once."""
    return tuple(dict.fromkeys(part.strip() for part in re.split(r"[\n,;]", text or "") if part.strip()))


def button_help(mine: Studio, action: str = "settings.put") -> str | None:
    """Why a button is disabled for who may only read."""
    return None if mine.may(action) else t("common.viewer_note")
