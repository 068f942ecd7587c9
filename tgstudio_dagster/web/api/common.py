"""What the routes of several nouns share: parameters, the shape of a page, cursors of lists that are at hand."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from tgstudio_dagster.services import Studio
from tgstudio_dagster.web.who import studio

T = TypeVar("T")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def iso_day(given: object) -> object:
    """The day that is written so; what is none of a text is given back. Raises ValueError."""
    if (isinstance(given, str) and not _DAY.fullmatch(given)) or isinstance(given, int | float):
        raise ValueError("write it as 2026-03-15")
    return date.fromisoformat(given) if isinstance(given, str) else given


OwnStudio = Annotated[Studio, Depends(studio)]
"""The visitor's studio, once the policy lets them do what the route does."""

Day = Annotated[date, BeforeValidator(iso_day)]
"""A day as ISO 8601 has it, and nothing else that could be taken for one: a bare number would be a Unix time."""
Limit = Annotated[int, Query(ge=1, le=200, description="Most items of the page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=500, description="`cursor` of the page before, with the same parameters; leave it out to begin."),
]
Id = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[a-zA-Z0-9_-]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
ChannelName = Annotated[str, StringConstraints(pattern=r"^@?\w{1,64}$")]
Lang = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
MAX_ID = 2**63 - 1
_LINK = re.compile(r"https://t\.me/[\w+/-]{1,200}", re.ASCII)


class Asked(BaseModel):
    """What a request's body holds; a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(from_attributes=True, json_schema_serialization_defaults_required=True)


class Page(Told, Generic[T]):
    """One page of a list. `cursor` asks for the next one, null on the last."""

    items: list[T]
    cursor: str | None = Field(description="Ask for the next page with it; null: this is the last.")


class MessageRef(Asked):
    """A post, by its key."""

    channel_id: int = Field(ge=1, le=MAX_ID, examples=[1500000001])
    msg_id: int = Field(ge=1, le=2**31 - 1, examples=[42])


def file_path(uri: str | None) -> str | None:
    """Where a stored file is downloaded."""
    return f"/files/{uri}" if uri else None


def permalink(url: str | None) -> str | None:
    """A link to Telegram, if it is one: a forged dump may hold anything there."""
    return url if url and _LINK.fullmatch(url) else None


FilePath = Annotated[str | None, BeforeValidator(file_path)]
"""A stored file's uri, told as the path where it is downloaded."""
Permalink = Annotated[str | None, BeforeValidator(permalink)]
"""A post's url, told if it is one."""
