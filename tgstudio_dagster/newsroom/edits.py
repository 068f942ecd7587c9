"""A person's version of a package: its line of hashtags, whether the platform takes it, and a package with it laid over.

Versions are kept in the catalog (`catalog/work/edits.py`); what the platform counts and allows is in `platforms.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.letters import HASHTAG_LETTER, is_hashtag
from tgstudio_dagster.newsroom.fit import clean
from tgstudio_dagster.newsroom.platforms import Platform
from tgstudio_dagster.newsroom.preview import preview
from tgstudio_dagster.newsroom.publisher import checks
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.image import Image
from tgstudio_dagster.newsroom.records.package import Package

_TAG_LINE = re.compile(rf"(?:\A|\n)[ \t]*#{HASHTAG_LETTER}+(?:[ \t]+#{HASHTAG_LETTER}+)*[ \t]*\Z")
_TAG = re.compile(rf"#({HASHTAG_LETTER}+)")


class Version(Protocol):
    """What a person made of a package (`catalog.models_work.PackageEdit`)."""

    @property
    def text(self) -> str:
        """The whole text to post."""

    @property
    def hashtags(self) -> list[str]:
        """Those in its last line, without #."""

    @property
    def image(self) -> int | None:
        """The n of one of the order's images; None: the package's own."""


def hashtags_of(text: str) -> list[str]:
    """The hashtags of the text's last line, where it is one of hashtags only; without #."""
    line = _TAG_LINE.search(text.rstrip())
    return [] if line is None else list(dict.fromkeys(_TAG.findall(line.group())))


def with_hashtags(text: str, hashtags: Sequence[str]) -> str:
    """The text with these hashtags as its last line, in place of the line of hashtags it may end with."""
    body = _TAG_LINE.sub("", text.rstrip()).rstrip()
    line = " ".join(f"#{tag}" for tag in hashtags)
    return "\n\n".join(part for part in (body, line) if part)


def check_version(
    text: str,
    hashtags: Sequence[str],
    image: int | None,
    *,
    images: Sequence[Image],
    target: Platform,
    with_image: bool,
) -> None:
    """Raises NewsroomError, which names the field and the counted figure, for what the platform would not take.

    `images` are the order's; `with_image`: whether the package has an image of its own.
    """
    if image is not None:
        chosen = next((candidate for candidate in images if candidate.n == image), None)
        if chosen is None:
            raise NewsroomError(f"the order has no image {image}; it has {_listed(images)}.", field="image").coded(
                "image.unknown", image=image + 1
            )
        if refused := image_refused(chosen, target):
            raise NewsroomError(f"{target.title} can't take image {image}: {refused}.", field="image").coded(
                "image.refused", image=image + 1, platform=target.title
            )
    shown = preview(text, target, with_image=with_image or image is not None)
    if not shown.fits:
        what = "is empty" if shown.count == 0 else f"has {shown.count} of {shown.limit} {shown.unit}"
        raise NewsroomError(f"{what}; {target.title} takes 1 to {shown.limit}.", field="text").coded(
            "text.empty" if shown.count == 0 else "text.too_long",
            count=shown.count,
            limit=shown.limit,
            platform=target.title,
        )
    if bad := next((tag for tag in hashtags if not is_hashtag(tag)), None):
        raise NewsroomError(
            f"{bad!r} is none; write letters, digits and _ only, not a digit first.", field="hashtags"
        ).coded("hashtag.wrong", hashtag=bad)
    if target.hashtag_limit is not None and len(hashtags) > target.hashtag_limit:
        raise NewsroomError(
            f"{len(hashtags)} are given; {target.title} takes at most {target.hashtag_limit}.", field="hashtags"
        ).coded("hashtag.too_many", count=len(hashtags), limit=target.hashtag_limit, platform=target.title)


def image_refused(image: Image, target: Platform) -> str | None:
    """Why the platform can't take an image; None where it can."""
    low, high = target.ratios
    if not image.passed:
        return f"it was stopped as {image.moderation}"
    if not low <= image.ratio <= high:
        return f"its ratio is {image.ratio:.2f}, {low:g} to {high:g} are taken"
    return None


def lay_over(
    package: Package, version: Version, *, result: EditorResult, images: Sequence[Image], target: Platform
) -> Package:
    """The package as the person's version has it, its limits checked anew."""
    choice = package.image_uri if version.image is None else version.image
    image = next((image for image in images if choice in (image.n, image.uri)), None)
    text = clean(version.text)
    return package.model_copy(
        update={
            "text": text,
            "hashtags": tuple(version.hashtags),
            "image_uri": image.uri if image else package.image_uri,
            "checks": checks(result, target, package.variants, text, version.hashtags, image),
        }
    )


def _listed(images: Sequence[Image]) -> str:
    return ", ".join(str(n) for n in sorted(image.n for image in images)) or "none"
