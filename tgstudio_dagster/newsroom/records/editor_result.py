"""The original text of an order, and the claims it rests on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_serializer, field_validator

from tgstudio_dagster.ai.protocols import MessageKey
from tgstudio_dagster.core.vocabulary import Language, Tone
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables.newsroom import EDITOR_RESULTS
from tgstudio_dagster.newsroom.records.record import Record


class Claim(BaseModel):
    """One sentence of a section with the post versions it rests on, and what of it none of them holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    section: str
    messages: tuple[MessageKey, ...]
    needs_verification: bool
    unsupported: tuple[str, ...]

    @field_validator("messages", mode="before")
    @classmethod
    def _keys(cls, value: Any) -> Any:
        return [MessageKey(**key) if isinstance(key, dict) else key for key in value]

    @field_serializer("messages")
    def _structs(self, value: tuple[MessageKey, ...]) -> list[dict[str, int]]:
        return [key._asdict() for key in value]


class EditorResult(Record):
    """A row of EDITOR_RESULTS."""

    table: ClassVar[Table] = EDITOR_RESULTS

    topic_id: str
    language: Language
    tone: Tone
    headline: str
    dek: str
    body_short: str
    body_medium: str
    body_long: str
    key_points: tuple[str, ...]
    claims: tuple[Claim, ...]
    source_links: tuple[str, ...]
    hashtags: tuple[str, ...]
    model: str
    prompt_version: str
    overlap: float
    run_id: str
    as_of: datetime

    @property
    def bodies(self) -> dict[str, str]:
        """The three bodies by length: short, medium, long."""
        return {"short": self.body_short, "medium": self.body_medium, "long": self.body_long}
