"""What is ready to publish on a platform, and what was checked of it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES
from tgstudio_dagster.newsroom.records.record import Record


class Check(BaseModel):
    """One limit or rule that was checked; `detail` holds the counted figure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    passed: bool
    detail: str


class Package(Record):
    """A row of CONTENT_PACKAGES."""

    table: ClassVar[Table] = CONTENT_PACKAGES

    platform: PlatformName
    package_id: str
    post_time: datetime
    text_short: str
    text_medium: str
    text_long: str
    text: str
    hashtags: tuple[str, ...]
    cta: str
    image_uri: str | None
    checks: tuple[Check, ...]

    @property
    def variants(self) -> dict[str, str]:
        """The texts of three lengths by their columns' names."""
        return {"text_short": self.text_short, "text_medium": self.text_medium, "text_long": self.text_long}
