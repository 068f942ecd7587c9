"""The platforms' names, as they write themselves."""

from __future__ import annotations

from collections.abc import Mapping

from tgstudio_dagster.core.vocabulary import PlatformName

PLATFORM_NAMES: Mapping[PlatformName, str] = {
    "tg": "Telegram",
    "vk": "VK",
    "x": "X",
    "ig": "Instagram",
    "threads": "Threads",
    "fb": "Facebook",
    "li": "LinkedIn",
}
