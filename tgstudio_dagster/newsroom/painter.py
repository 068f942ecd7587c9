"""The pictures of an order: each brief drawn once, moderated, stored; an image of the same brief is used again.

Drawing itself is handled in `ai/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tgstudio_dagster.ai.protocols import Moderator, Painter, PaintRequest
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.newsroom.moderation import judged
from tgstudio_dagster.newsroom.records.image import Image, ImageBrief


class Stored(Protocol):
    """What storing a file returns (`lake.store.StoredFile`)."""

    @property
    def uri(self) -> str:
        """Path within the tenant's files."""

    @property
    def sha256(self) -> str:
        """Hash of the bytes, hex."""


def paint(
    painter: Painter,
    moderator: Moderator,
    briefs: Sequence[ImageBrief],
    put_file: Callable[[bytes, str], Stored],
    existing: Sequence[Image] = (),
) -> list[Image]:
    """An image for each brief, in their order.

    An `existing` image of the same brief and painter is kept: the same if its number agrees (so a re-run changes
    nothing), a copy marked `cached` otherwise. moderation: `ok`, or the category that title and caption fall under.
    """
    earlier = {(image.brief_hash, image.model): image for image in sorted(existing, key=lambda image: -image.n)}
    new = [brief for brief in briefs if (brief.brief_hash, painter.model) not in earlier]
    verdicts = iter(judged(moderator, [f"{brief.title} {brief.caption}" for brief in new]))
    images: list[Image] = []
    for brief in sorted(briefs, key=lambda brief: brief.n):
        known = earlier.get((brief.brief_hash, painter.model))
        if known is None:
            known = _drawn(painter, brief, next(verdicts), put_file)
            earlier[brief.brief_hash, painter.model] = known
            images.append(known)
        else:
            images.append(known.model_copy(update={"n": brief.n, "cached": known.cached or known.n != brief.n}))
    return images


def _drawn(painter: Painter, brief: ImageBrief, moderation: str, put_file: Callable[[bytes, str], Stored]) -> Image:
    width, height = dimensions(brief.size)
    reply = painter.paint(
        PaintRequest(
            title=brief.title,
            prompt=brief.prompt,
            negative=brief.negative,
            width=width,
            height=height,
            caption=brief.caption,
            style_tags=brief.style_tags,
            brief_hash=brief.brief_hash,
        )
    )
    result = reply.value
    stored = put_file(result.image, result.extension)
    return Image(
        n=brief.n,
        uri=stored.uri,
        sha256=stored.sha256,
        width=result.width,
        height=result.height,
        model=reply.model,
        moderation=moderation,
        cached=reply.kept,
        brief_hash=brief.brief_hash,
    )


def dimensions(size: str) -> tuple[int, int]:
    """Width and height of `<width>x<height>`; raises NewsroomError on anything else."""
    width, mark, height = size.partition("x")
    if not (mark and width.isdecimal() and height.isdecimal()):
        raise NewsroomError(f"brief size {size!r}: write <width>x<height> in pixels, for example 1080x1350.")
    return int(width), int(height)
