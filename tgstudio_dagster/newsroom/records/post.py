"""A cited post as it is now, and a text that it has had: what provenance needs of MESSAGES and MESSAGE_VERSIONS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from tgstudio_dagster.ai.protocols import MessageKey


@dataclass(frozen=True)
class CitedPost:
    """A post in its newest observed state; `channel` is its channel's username, else its title."""

    channel_id: int
    msg_id: int
    version: int
    channel: str
    url: str
    date: datetime
    text: str
    deleted: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The record of a row of MESSAGES."""
        return cls(
            channel_id=row["channel_id"],
            msg_id=row["msg_id"],
            version=row["version"],
            channel=row["channel"] or row["channel_title"],
            url=row["url"],
            date=row["date"],
            text=row["text"],
            deleted=row["deleted_at"] is not None,
        )


@dataclass(frozen=True)
class PostVersion:
    """One text of a post, and when it was first observed."""

    key: MessageKey
    text: str
    seen_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The record of a row of MESSAGE_VERSIONS."""
        return cls(MessageKey(row["channel_id"], row["msg_id"], row["version"]), row["text"], row["seen_at"])
