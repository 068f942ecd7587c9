"""The publisher: one package per platform, its text within the limits, with image, hashtags, call to action, post time.

Limits and counting are in `platforms.py`, cutting in `fit.py`. Nothing is posted from here: a package is a proposal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES
from tgstudio_dagster.newsroom.fit import clean, fit
from tgstudio_dagster.newsroom.moderation import OK, moderate
from tgstudio_dagster.newsroom.platforms import Platform, platform
from tgstudio_dagster.newsroom.preview import UNITS

# A heuristic of ours, from no measurement: before work, at lunch, after work, in the tenant's time zone.
SLOTS = (time(9, 0), time(12, 30), time(18, 30))
MAX_OVERLAP = 0.15  # our own rule: above it a text counts as copied
LINKS = 3
_NO_HEADLINE = ("x", "threads")
_CTA: dict[str, dict[str, str]] = {
    "ru": {
        "tg": "Перешлите тем, кому это важно.",
        "x": "Что думаете?",
        "vk": "Расскажите в комментариях, что вы об этом думаете.",
        "fb": "Расскажите в комментариях, что вы об этом думаете.",
        "ig": "Сохраните, чтобы вернуться к источникам.",
        "threads": "Что думаете?",
        "li": "Как это скажется на вашей работе?",
    },
    "en": {
        "tg": "Pass it on to someone who should know.",
        "x": "Your take?",
        "vk": "Tell us in the comments what you make of it.",
        "fb": "Tell us in the comments what you make of it.",
        "ig": "Save this post to come back to the sources.",
        "threads": "Your take?",
        "li": "What does it mean for your work?",
    },
}
_SOURCES = {"ru": ("Источник: ", "Источники:\n"), "en": ("Source: ", "Sources:\n")}


def publish(
    editor_result: Mapping[str, Any],
    images: pl.DataFrame,
    platforms: Sequence[PlatformName],
    *,
    order: str,
    now: datetime,
    zone: ZoneInfo,
    settings: TenantSettings,
) -> pl.DataFrame:
    """CONTENT_PACKAGES rows for one row of EDITOR_RESULTS and its IMAGES, one per platform.

    now: the order's creation; every post time is later. A check that fails is recorded, never raised: a person decides.
    """
    found = [platform(name, settings) for name in dict.fromkeys(platforms)]
    rows = [_package(editor_result, images, each, order, post_time(each, now, zone)) for each in found]
    return CONTENT_PACKAGES.conform(pl.DataFrame(rows, schema=CONTENT_PACKAGES.schema))


def post_time(target: Platform, now: datetime, zone: ZoneInfo) -> datetime:
    """The first of 09:00, 12:30 and 18:30 local time, plus the platform's minutes of stagger, after `now`; in UTC."""
    day = now.astimezone(zone).date()
    stagger = timedelta(minutes=target.stagger_minutes)
    proposals = (
        (datetime.combine(day + timedelta(days=ahead), slot, zone) + stagger).astimezone(UTC)
        for ahead, slot in product(range(3), SLOTS)
    )
    return next(proposal for proposal in proposals if proposal > now)


def choose_image(images: pl.DataFrame, target: Platform) -> dict[str, Any] | None:
    """The IMAGES row nearest to the platform's own ratio, among those it takes that passed moderation; None if none."""
    wanted = target.image_size[0] / target.image_size[1]
    low, high = target.ratios
    fitting = [
        row
        for row in images.iter_rows(named=True)
        if row["moderation"] == OK and low <= row["width"] / row["height"] <= high
    ]
    return min(fitting, key=lambda row: (abs(row["width"] / row["height"] - wanted), row["n"]), default=None)


def choose_hashtags(candidates: Sequence[str], target: Platform) -> list[str]:
    """As many of the candidates, in order, as suit the platform; without #."""
    usable = [tag for tag in (clean(tag).lstrip("#") for tag in candidates) if tag.isidentifier()]
    return list(dict.fromkeys(usable))[: target.hashtags]


def compose(result: Mapping[str, Any], target: Platform, hashtags: Sequence[str], *, with_image: bool) -> str:
    """The text to post: headline, the longest body that fits, call to action, source links, hashtags.

    Links and then the call to action give way to a longer body; if even the short body does not fit, it is cut, and
    what surrounds it goes in the order call to action, hashtags, links.
    """
    limit = target.limit(with_image=with_image)
    headline = "" if target.name in _NO_HEADLINE else clean(result["headline"])
    cta = _CTA[result["language"]][target.name]
    tags = " ".join(f"#{tag}" for tag in hashtags)
    links = list(result["source_links"])[:LINKS]
    bodies = [clean(result[f"body_{length}"]) for length in ("long", "medium", "short")]

    def joined(body: str, call: str, link_count: int, tag_line: str, head: str = headline) -> str:
        parts = (head, body, call, _sources(links[:link_count], result["language"]), tag_line)
        return "\n\n".join(part for part in parts if part)

    for body, count, call in product(bodies, range(len(links), min(1, len(links)) - 1, -1), (cta, "")):
        whole = joined(body, call, count, tags)
        if target.length(whole) <= limit:
            return whole
    one = min(1, len(links))
    for around in ((cta, one, tags, headline), ("", one, tags, headline), ("", one, "", ""), ("", 0, "", "")):
        body = fit(bodies[-1], limit, lambda body, around=around: target.length(joined(body, *around)))  # type: ignore[misc]
        if len(body) >= 60 or (body and not any(around)):
            return joined(body, *around)
    return fit(headline, limit, target.length)


def _sources(links: Sequence[str], language: str) -> str:
    one, several = _SOURCES[language]
    if not links:
        return ""
    return one + links[0] if len(links) == 1 else several + "\n".join(links)


def _package(
    result: Mapping[str, Any], images: pl.DataFrame, target: Platform, order: str, when: datetime
) -> dict[str, Any]:
    image = choose_image(images, target)
    hashtags = choose_hashtags(result["hashtags"], target)
    texts = {
        f"text_{length}": fit(result[f"body_{length}"], target.text_limit, target.length)
        for length in ("short", "medium", "long")
    }
    text = compose(result, target, hashtags, with_image=image is not None)
    return {
        "platform": target.name,
        "package_id": f"{order}-{target.name}",
        "post_time": when,
        **texts,
        "text": text,
        "hashtags": hashtags,
        "cta": _CTA[result["language"]][target.name],
        "image_uri": image["uri"] if image else None,
        "checks": checks(result, target, texts, text, hashtags, image),
    }


def checks(
    result: Mapping[str, Any],
    target: Platform,
    texts: Mapping[str, str],
    text: str,
    hashtags: Sequence[str],
    image: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Each limit and rule that a package of the platform is held to: name, passed, detail with the counted figure."""
    unit = UNITS[target.unit]
    limits = {"text": target.limit(with_image=image is not None), **dict.fromkeys(texts, target.text_limit)}
    found = [
        (name, 0 < target.length(value) <= limits[name], f"{target.length(value)} of {limits[name]} {unit}")
        for name, value in (("text", text), *texts.items())
    ]
    most = target.hashtag_limit
    found.append(
        (
            "hashtags",
            most is None or len(hashtags) <= most,
            f"{len(hashtags)} of {'any number' if most is None else most}",
        )
    )
    low, high = target.ratios
    shape = f"{image['width']}x{image['height']}, ratio {image['width'] / image['height']:.2f}" if image else "no image"
    found.append(("image", image is not None or not target.image_required, f"{shape}, {low:g} to {high:g} taken"))
    linked = sum(link in text for link in result["source_links"])
    found.append(("source_links", linked > 0, f"{linked} of {len(result['source_links'])} in the text"))
    unverified = sum(claim["needs_verification"] for claim in result["claims"])
    found.append(("claims", unverified == 0, f"{unverified} of {len(result['claims'])} need verification"))
    overlap = result["overlap"]
    found.append(("overlap", overlap <= MAX_OVERLAP, f"{overlap:.3f} of at most {MAX_OVERLAP}"))
    category = moderate(" ".join((text, *texts.values())))
    found.append(("moderation", category == OK, category))
    return [{"name": name, "passed": passed, "detail": detail} for name, passed, detail in found]
