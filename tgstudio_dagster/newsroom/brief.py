"""The brief of an order's images: what is to be drawn, in which sizes, for which platforms.

No drawing here (`ai/offline/painter.py`) and no choice of a file for a post (`publisher.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from math import gcd

from tgstudio_dagster.ai.offline.phrases import long_date, plural
from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.newsroom.platforms import PLATFORMS
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.image import ImageBrief

STYLE = ("typographic card", "flat geometric pattern", "one accent colour")
NEGATIVE = "photographs of real people, logos, watermarks, flags, violence, text other than the title and caption"
_ASPECTS = {(40, 21): "1.91:1"}


def briefs(result: EditorResult, platforms: Sequence[PlatformName]) -> list[ImageBrief]:
    """What is to be drawn for a text: one brief per size that the platforms use, in their order."""
    sizes: dict[tuple[int, int], list[PlatformName]] = {}
    for name in dict.fromkeys(platforms):
        sizes.setdefault(PLATFORMS[name].image_size, []).append(name)
    return [_brief(n, result, size, names) for n, (size, names) in enumerate(sizes.items())]


def _brief(n: int, result: EditorResult, size: tuple[int, int], names: list[PlatformName]) -> ImageBrief:
    width, height = size
    drawn: dict[str, str | list[str]] = {
        "title": result.headline,
        "prompt": (
            f"An editorial card, {width} by {height} pixels, flat and typographic, with an abstract geometric motif. "
            f"Subject: {result.headline} {result.dek}"
        ),
        "negative": NEGATIVE,
        "size": f"{width}x{height}",
        "aspect": aspect(width, height),
        "caption": caption(result),
        "style_tags": list(STYLE),
    }
    digest = hashlib.sha256(json.dumps(drawn, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return ImageBrief.model_validate({"n": n, **drawn, "platforms": names, "brief_hash": digest})


def aspect(width: int, height: int) -> str:
    """The ratio in lowest terms, for example 16:9; Facebook's 1200x630 by its usual name, 1.91:1."""
    divisor = gcd(width, height)
    ratio = (width // divisor, height // divisor)
    return _ASPECTS.get(ratio, f"{ratio[0]}:{ratio[1]}")


def caption(result: EditorResult) -> str:
    """Kind, number of channels and date, parted by ` · `: what the card says under its title."""
    channels = len({message.channel_id for claim in result.claims for message in claim.messages})
    russian = result.language == "ru"
    unit = plural(channels, "канал", "канала", "каналов") if russian else "channel" if channels == 1 else "channels"
    kind = "Дайджест" if russian else "Digest"
    return f"{kind} · {channels} {unit} · {long_date(result.as_of, result.language)}"
