"""Every environment variable of TG Studio: typed, documented, checked at start. (SESSION_KEY_1…: `catalog/accounts/vault.py`.)

What one machine decides belongs here. What one tenant decides (filters, language, tone, time zone) is a catalog row:
see `catalog/people/tenants.py`.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.settings.machine import Settings
from tgstudio_dagster.core.settings.reader import ReaderSettings
from tgstudio_dagster.core.settings.telegram import TelegramSettings
from tgstudio_dagster.core.settings.web import WebSettings

__all__ = [
    "ReaderSettings",
    "Settings",
    "TelegramSettings",
    "WebSettings",
    "reader_settings",
    "settings",
    "telegram_settings",
    "web_settings",
]

_S = TypeVar("_S", bound=BaseSettings)


@cache
def settings() -> Settings:
    """The process's settings, read once. Raises SettingsError that names the variable and what it should be."""
    return _read(Settings)


@cache
def telegram_settings() -> TelegramSettings:
    """How this process reaches Telegram, read once. Raises SettingsError as `settings` does."""
    return _read(TelegramSettings)


@cache
def reader_settings() -> ReaderSettings:
    """How this process reads for all tenants, read once. Raises SettingsError as `settings` does."""
    return _read(ReaderSettings)


@cache
def web_settings() -> WebSettings:
    """How this process serves the web app, read once. Raises SettingsError as `settings` does."""
    return _read(WebSettings)


def _read(kind: type[_S]) -> _S:
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        prefix = kind.model_config.get("env_prefix", "")
        name = prefix + "_".join(str(part) for part in first["loc"]).upper()
        raise FieldError(name, f"{first['msg']}. Set it right, or unset it for the default.") from error
