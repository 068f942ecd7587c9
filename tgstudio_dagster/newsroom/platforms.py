"""Each platform's limits, with the source beside each, and how each platform counts a text.

Only what a platform allows belongs here; how a text is fitted is in `publisher.py`. Limits were read in November 2026.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.vocabulary import PlatformName

Unit = Literal["utf16", "x", "utf8"]


@dataclass(frozen=True)
class Platform:
    """What a platform takes. `hashtags` is our choice where the platform sets no lower limit; None = no limit known."""

    name: PlatformName
    title: str
    text_limit: int
    unit: Unit
    caption_limit: int
    hashtags: int
    hashtag_limit: int | None
    image_required: bool
    ratios: tuple[float, float]
    image_size: tuple[int, int]
    stagger_minutes: int

    def length(self, text: str) -> int:
        """The text's length as the platform counts it."""
        return COUNTERS[self.unit](text)

    def limit(self, *, with_image: bool) -> int:
        """The text limit of a post with or without an image."""
        return self.caption_limit if with_image else self.text_limit


PLATFORMS: dict[PlatformName, Platform] = {
    platform.name: platform
    for platform in (
        # 4096 and 1024 after entities parsing: core.telegram.org/bots/api (sendMessage, sendPhoto); entity offsets are
        # UTF-16 units: core.telegram.org/api/entities. Telegram scales any ratio up to 20:1 (sendPhoto).
        Platform("tg", "Telegram", 4096, "utf16", 1024, 3, None, False, (0.05, 20.0), (1280, 720), 0),
        # 280 weighted, a URL counts 23: github.com/twitter/twitter-text, config/v3.json. Up to 4 images.
        Platform("x", "X", 280, "x", 280, 2, None, False, (0.33, 3.0), (1280, 720), 5),
        # Sources differ: 16384 and 2048; `TenantSettings.vk_text_limit` decides.
        Platform("vk", "VK", 16384, "utf16", 16384, 5, None, False, (0.33, 3.0), (1080, 1080), 10),
        # 63206: no page of Facebook's own says so now; publishing services agree (ayrshare.com/docs, upload-post.com).
        Platform("fb", "Facebook", 63206, "utf16", 63206, 3, None, False, (0.33, 3.0), (1200, 630), 15),
        # 2200 and 4:5 to 1.91:1: developers.facebook.com, Instagram media requirements; 1 to 10 images, JPEG only:
        # content publishing; at most 5 hashtags since December 2025 (30 before).
        Platform("ig", "Instagram", 2200, "utf16", 2200, 5, 5, True, (0.8, 1.91), (1080, 1350), 20),
        # 500, emoji counted in UTF-8 bytes: developers.facebook.com/documentation/threads/posts; we count all text in
        # bytes, the stricter reading. One tag, at most 5 links.
        Platform("threads", "Threads", 500, "utf8", 500, 1, 1, False, (0.33, 3.0), (1080, 1080), 25),
        # 3000: LinkedIn's editor and publishing services (ayrshare.com/docs) agree.
        Platform("li", "LinkedIn", 3000, "utf16", 3000, 3, None, False, (0.33, 3.0), (1200, 630), 30),
    )
}


def platform(name: PlatformName, settings: TenantSettings) -> Platform:
    """The platform's limits for a tenant."""
    target = PLATFORMS[name]
    if name == "vk":
        return replace(target, text_limit=settings.vk_text_limit, caption_limit=settings.vk_text_limit)
    return target


def image_count(names: Sequence[PlatformName]) -> int:
    """How many images an order for these platforms has drawn: one per size."""
    return len({PLATFORMS[name].image_size for name in names})


def utf16_length(text: str) -> int:
    """UTF-16 code units, as Telegram counts. For platforms that say only "characters" it is the stricter reading."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_length(text: str) -> int:
    """UTF-8 bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


_X_LINK = re.compile(r"https?://[\w.~:/?#\[\]@!$&'()*+,;=%-]+", re.ASCII | re.IGNORECASE)
_X_DOMAIN = re.compile(r"(?<![\w@./-])(?:[\w-]+\.)+[a-z]{2,}(?:/[\w./?=&%#~+-]*)?", re.IGNORECASE)
_X_URL_LENGTH = 23
_X_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))


def x_length(text: str) -> int:
    """Weighted length by twitter-text's config v3: 23 per URL, 1 in the light ranges (Latin, Cyrillic …), else 2.

    Never below X's own count: an emoji sequence counts each of its code points, a bare domain at least 23, and ©, ®
    (emoji to X) count 2.
    """
    text = unicodedata.normalize("NFC", text)
    total = 0
    place = 0
    for match in _X_LINK.finditer(text):
        link = match.group().rstrip(".,;:!?'\")]")
        total += _x_plain(text[place : match.start()]) + _X_URL_LENGTH
        place = match.start() + len(link)
    return total + _x_plain(text[place:])


def _x_plain(text: str) -> int:
    total = sum(map(_x_weight, text))
    for match in _X_DOMAIN.finditer(text):
        total += max(0, _X_URL_LENGTH - sum(map(_x_weight, match.group())))
    return total


def _x_weight(char: str) -> int:
    light = char not in "©®" and any(start <= ord(char) <= end for start, end in _X_LIGHT)
    return 1 if light else 2


COUNTERS: dict[Unit, Callable[[str], int]] = {"utf16": utf16_length, "x": x_length, "utf8": utf8_length}
