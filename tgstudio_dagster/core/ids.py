"""Ids: ULIDs in lower case, sorted by the time they were made."""

from __future__ import annotations

from ulid import ULID


def new_id() -> str:
    """A ULID in lower case: unique, and sorted by the time it was made."""
    return str(ULID()).lower()
