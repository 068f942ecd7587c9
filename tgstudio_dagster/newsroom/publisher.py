"""The publisher: one package per platform, its text within the limits, with image, hashtags, call to action, post time.

Limits and counting are in `platforms.py`, cutting in `fit.py`. Nothing is posted from here: a package is a proposal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import polars as pl

from tgstudio_dagster.ai.protocols import Moderator
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.letters import is_hashtag
from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.newsroom.fit import clean, fit
from tgstudio_dagster.newsroom.moderation import OK, judged, judged_by_words
from tgstudio_dagster.newsroom.platforms import Platform, platform
from tgstudio_dagster.newsroom.preview import UNITS
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.image import Image
from tgstudio_dagster.newsroom.records.package import Check, Package

# A heuristic of ours, from no measurement: before work, at lunch, after work, in the tenant's time zone.
SLOTS = (time(9, 0), time(12, 30), time(18, 30))
LIMIT_CHECKS = ("text", "text_short", "text_medium", "text_long", "hashtags", "image")
"""The checks of what a platform takes at all; the others are rules of ours, for a person to weigh."""
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
    result: EditorResult,
    images: Sequence[Image],
    platforms: Sequence[PlatformName],
    *,
    order: str,
    now: datetime,
    zone: ZoneInfo,
    settings: TenantSettings,
    moderator: Moderator,
) -> list[Package]:
    """The packages of a text and its images, one per platform.

    now: the order's creation; every post time is later. A check that fails is recorded, never raised: a person decides.
    """
    targets = [platform(name, settings) for name in dict.fromkeys(platforms)]
    drafts = [_draft(result, images, target, order, post_time(target, now, zone)) for target in targets]
    verdicts = judged(moderator, [_whole_text(draft.text, draft.variants) for draft in drafts])
    by_uri = {image.uri: image for image in images}
    return [
        draft.model_copy(
            update={
                "checks": checks(
                    result,
                    target,
                    draft.variants,
                    draft.text,
                    draft.hashtags,
                    by_uri.get(draft.image_uri or ""),
                    moderation=verdict,
                )
            }
        )
        for draft, target, verdict in zip(drafts, targets, verdicts, strict=True)
    ]


def post_time(target: Platform, now: datetime, zone: ZoneInfo) -> datetime:
    """The first of 09:00, 12:30 and 18:30 local time, plus the platform's minutes of stagger, after `now`; in UTC."""
    day = now.astimezone(zone).date()
    stagger = timedelta(minutes=target.stagger_minutes)
    proposals = (
        (datetime.combine(day + timedelta(days=ahead), slot, zone) + stagger).astimezone(UTC)
        for ahead, slot in product(range(3), SLOTS)
    )
    return next(proposal for proposal in proposals if proposal > now)


def choose_image(images: Sequence[Image], target: Platform) -> Image | None:
    """The image nearest to the platform's own ratio, among those it takes that passed moderation; None if none."""
    ideal = target.image_size[0] / target.image_size[1]
    low, high = target.ratios
    fitting = [image for image in images if image.passed and low <= image.ratio <= high]
    return min(fitting, key=lambda image: (abs(image.ratio - ideal), image.n), default=None)


def choose_hashtags(candidates: Sequence[str], target: Platform) -> list[str]:
    """As many of the candidates, in order, as suit the platform; without #."""
    usable = [tag for tag in (clean(tag).lstrip("#") for tag in candidates) if is_hashtag(tag)]
    return list(dict.fromkeys(usable))[: target.hashtags]


def compose(result: EditorResult, target: Platform, hashtags: Sequence[str], *, with_image: bool) -> str:
    """The text to post: headline, the longest body that fits, call to action, source links, hashtags.

    Links and then the call to action give way to a longer body; if even the short body does not fit, it is cut, and
    what surrounds it goes in the order call to action, hashtags, links.
    """
    limit = target.limit(with_image=with_image)
    headline = "" if target.name in _NO_HEADLINE else clean(result.headline)
    cta = _CTA[result.language][target.name]
    tags = " ".join(f"#{tag}" for tag in hashtags)
    links = list(result.source_links)[:LINKS]
    bodies = [clean(body) for body in (result.body_long, result.body_medium, result.body_short)]

    def joined(body: str, call: str, link_count: int, tag_line: str, head: str = headline) -> str:
        parts = (head, body, call, _sources(links[:link_count], result.language), tag_line)
        return "\n\n".join(part for part in parts if part)

    for body, count, call in product(bodies, range(len(links), min(1, len(links)) - 1, -1), (cta, "")):
        whole = joined(body, call, count, tags)
        if target.length(whole) <= limit:
            return whole
    single = min(1, len(links))
    for around in ((cta, single, tags, headline), ("", single, tags, headline), ("", single, "", ""), ("", 0, "", "")):
        body = fit(bodies[-1], limit, lambda body, around=around: target.length(joined(body, *around)))  # type: ignore[misc]
        if len(body) >= 60 or (body and not any(around)):
            return joined(body, *around)
    return fit(headline, limit, target.length)


def _sources(links: Sequence[str], language: str) -> str:
    single, several = _SOURCES[language]
    if not links:
        return ""
    return single + links[0] if len(links) == 1 else several + "\n".join(links)


def _draft(result: EditorResult, images: Sequence[Image], target: Platform, order: str, when: datetime) -> Package:
    """The package, not checked yet."""
    image = choose_image(images, target)
    hashtags = choose_hashtags(result.hashtags, target)
    short, medium, long = (fit(body, target.text_limit, target.length) for body in result.bodies.values())
    return Package(
        platform=target.name,
        package_id=f"{order}-{target.name}",
        post_time=when,
        text_short=short,
        text_medium=medium,
        text_long=long,
        text=compose(result, target, hashtags, with_image=image is not None),
        hashtags=tuple(hashtags),
        cta=_CTA[result.language][target.name],
        image_uri=image.uri if image else None,
        checks=(),
    )


def _whole_text(text: str, variants: Mapping[str, str]) -> str:
    return " ".join((text, *variants.values()))


def checks(
    result: EditorResult,
    target: Platform,
    variants: Mapping[str, str],
    text: str,
    hashtags: Sequence[str],
    image: Image | None,
    *,
    moderation: str | None = None,
) -> tuple[Check, ...]:
    """Each limit and rule that a package of the platform is held to, with the counted figure.

    `moderation` is the moderator's word for the texts; where none is given, the word lists say it.
    """
    unit = UNITS[target.unit]
    limits = {"text": target.limit(with_image=image is not None), **dict.fromkeys(variants, target.text_limit)}
    lengths = [
        (name, 0 < target.length(value) <= limits[name], f"{target.length(value)} of {limits[name]} {unit}")
        for name, value in (("text", text), *variants.items())
    ]
    most = target.hashtag_limit
    allowed = "any number" if most is None else most
    low, high = target.ratios
    shape = f"{image.width}x{image.height}, ratio {image.ratio:.2f}" if image else "no image"
    linked = sum(link in text for link in result.source_links)
    unverified = sum(claim.needs_verification for claim in result.claims)
    word = judged_by_words(_whole_text(text, variants)) if moderation is None else moderation
    rules = [
        ("hashtags", most is None or len(hashtags) <= most, f"{len(hashtags)} of {allowed}"),
        ("image", image is not None or not target.image_required, f"{shape}, {low:g} to {high:g} taken"),
        ("source_links", linked > 0, f"{linked} of {len(result.source_links)} in the text"),
        ("claims", unverified == 0, f"{unverified} of {len(result.claims)} need verification"),
        ("overlap", result.overlap <= MAX_OVERLAP, f"{result.overlap:.3f} of at most {MAX_OVERLAP}"),
        ("moderation", word == OK, word),
    ]
    return tuple(Check(name=name, passed=passed, detail=detail) for name, passed, detail in (*lengths, *rules))


def refused(packages: Sequence[Package]) -> pl.DataFrame:
    """What platforms would not take of the packages: platform, name of the limit, detail with the counted figure."""
    rows = [
        (package.platform, check.name, check.detail)
        for package in packages
        for check in package.checks
        if check.name in LIMIT_CHECKS and not check.passed
    ]
    return pl.DataFrame(rows, schema={"platform": pl.String, "name": pl.String, "detail": pl.String}, orient="row")


def require_limits(packages: Sequence[Package]) -> None:
    """Raise NewsroomError, with the counted figures, where a platform would not take its package."""
    broken = refused(packages).rows()
    if broken:
        listed = "; ".join(f"{platform}: {name}, {detail}" for platform, name, detail in broken)
        raise NewsroomError(
            f"their platforms would not take them ({listed}). Edit them, or order anew.", field="packages"
        )
