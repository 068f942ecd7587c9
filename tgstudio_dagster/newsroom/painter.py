"""The pictures of an order: each brief drawn once, moderated, stored; an image of the same brief is used again.

Drawing itself is a Painter's affair (`llm/`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import polars as pl

from tgstudio_dagster.ai.protocols import Painter, PaintRequest
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.lake.tables.newsroom import IMAGES
from tgstudio_dagster.newsroom.moderation import moderate


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
    briefs: pl.DataFrame,
    put_file: Callable[[bytes, str], Stored],
    existing: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """IMAGES rows for IMAGE_BRIEFS rows, one each.

    An `existing` image of the same brief and painter is kept: the same row if its number agrees (so a re-run changes
    nothing), a copy marked `cached` otherwise. moderation: `ok`, or the category that title and caption fall under.
    """
    known = {
        (row["brief_hash"], row["model"]): row
        for row in (existing.sort("n", descending=True).iter_rows(named=True) if existing is not None else ())
    }
    rows: list[dict[str, Any]] = []
    for row in briefs.sort("n").iter_rows(named=True):
        earlier = known.get((row["brief_hash"], painter.model))
        if earlier is None:
            image = _drawn(painter, row, put_file)
            known[row["brief_hash"], painter.model] = image
            rows.append(image)
        else:
            rows.append({**earlier, "n": row["n"], "cached": earlier["cached"] or earlier["n"] != row["n"]})
    return IMAGES.conform(pl.DataFrame(rows, schema=IMAGES.schema))


def _drawn(painter: Painter, row: dict[str, Any], put_file: Callable[[bytes, str], Stored]) -> dict[str, Any]:
    width, height = dimensions(row["size"])
    result = painter.paint(
        PaintRequest(
            title=row["title"],
            prompt=row["prompt"],
            negative=row["negative"],
            width=width,
            height=height,
            caption=row["caption"],
            style_tags=tuple(row["style_tags"]),
            brief_hash=row["brief_hash"],
        )
    )
    stored = put_file(result.image, result.extension)
    return {
        "n": row["n"],
        "uri": stored.uri,
        "sha256": stored.sha256,
        "width": result.width,
        "height": result.height,
        "model": painter.model,
        "moderation": moderate(f"{row['title']} {row['caption']}"),
        "cached": False,
        "brief_hash": row["brief_hash"],
    }


def dimensions(size: str) -> tuple[int, int]:
    """Width and height of `<width>x<height>`; raises NewsroomError on anything else."""
    width, mark, height = size.partition("x")
    if not (mark and width.isdecimal() and height.isdecimal()):
        raise NewsroomError(f"brief size {size!r}: write <width>x<height> in pixels, for example 1080x1350.")
    return int(width), int(height)
