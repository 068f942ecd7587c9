"""What is to be drawn for an order, and what was."""

from __future__ import annotations

from typing import ClassVar

from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables.newsroom import IMAGE_BRIEFS, IMAGES
from tgstudio_dagster.newsroom.moderation import OK
from tgstudio_dagster.newsroom.records.record import Record


class ImageBrief(Record):
    """A row of IMAGE_BRIEFS."""

    table: ClassVar[Table] = IMAGE_BRIEFS

    n: int
    title: str
    prompt: str
    negative: str
    size: str
    aspect: str
    caption: str
    style_tags: tuple[str, ...]
    platforms: tuple[PlatformName, ...]
    brief_hash: str


class Image(Record):
    """A row of IMAGES."""

    table: ClassVar[Table] = IMAGES

    n: int
    uri: str
    sha256: str
    width: int
    height: int
    model: str
    moderation: str
    cached: bool
    brief_hash: str

    @property
    def ratio(self) -> float:
        """Width by height."""
        return self.width / self.height

    @property
    def passed(self) -> bool:
        """Whether its moderator let it pass."""
        return self.moderation == OK
