"""Cursors: the place where a page of a list ended, as a text that the same list reads again.

A cursor means nothing to its reader, and is no secret: it is not signed, a forged one asks for another place of the same
list. Each form below is read as strictly as it is written; what is none of it raises QueryError with the field `cursor`.

| form | written as | used by |
|---|---|---|
| `Place` | base64url of a JSON array of texts and integers | lists of the API |
| `Filtered` | base64url of `mark.n.n.n`, the mark naming the filters | the feed |
| `Offset` | `n`, or `n-mark` | search, lists of tools |
| `Moment` | `time~id` | the history of calls |

`posts/watching.py` has one of its own: it is no place but a vector of places, and is kept in the catalog.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tgstudio_dagster.core.errors import QueryError

FROM_THE_START = "ask for the first page again"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OFFSET = re.compile(r"[0-9]{1,6}", re.ASCII)
_LARGEST = 2**63
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
T = TypeVar("T")


def refused(wrong: str, mend: str = FROM_THE_START) -> QueryError:
    """The error for a cursor that is `wrong` ("none of this list's"), and what to do."""
    return QueryError(f"it is {wrong}; {mend}.", field="cursor")


def mark_of(*filters: object, digits: int = 8) -> str:
    """Hex digits that differ where the filters of a list do."""
    return hashlib.sha256(repr(filters).encode()).hexdigest()[:digits]


def write_place(place: Sequence[str | int]) -> str:
    """The values that a list is sorted by, of a page's last item."""
    return _to_base64(json.dumps(list(place), separators=(",", ":")))


def read_place(cursor: str, types: tuple[type, ...] | None) -> list[Any]:
    """The values of `write_place`; `types` are theirs, None where the list is empty and none are known."""
    try:
        place = json.loads(_from_base64(cursor))
    except (ValueError, RecursionError):
        place = None
    if not isinstance(place, list) or (types is not None and tuple(type(value) for value in place) != types):
        raise refused("none of this list's")
    return place


def paged(
    items: Sequence[T], place: Callable[[T], Sequence[str | int]], *, cursor: str | None, limit: int
) -> tuple[list[T], str | None]:
    """A page of a list that is sorted by `place` (each item's own, of the same types), and the next one's cursor.

    What is added or removed meanwhile moves nothing: a page begins after the place where the one before ended.
    """
    if cursor is not None:
        after = read_place(cursor, tuple(type(value) for value in place(items[0])) if items else None)
        items = [item for item in items if list(place(item)) > after]
    if len(items) <= limit:
        return list(items), None
    return list(items[:limit]), write_place(place(items[limit - 1]))


def write_filtered(mark: str, moment: datetime, *keys: int) -> str:
    """A time and keys of a list whose filters have this mark (`mark_of`)."""
    return _to_base64(".".join([mark, str(microseconds(moment)), *map(str, keys)]))


def read_filtered(cursor: str, mark: str, keys: int, *, of: str) -> tuple[datetime, *tuple[int, ...]]:
    """The time and as many `keys` of `write_filtered`; `of` names the list ("feed") where it is another's."""
    try:
        its_mark, time, *texts = _from_base64(cursor).split(".")
        moment, numbers = from_microseconds(int(time)), [int(text) for text in texts]
        if len(numbers) != keys:
            raise ValueError(f"{len(numbers)} keys")
    except (ValueError, OverflowError) as error:
        raise refused(f"none of this {of}'s") from error
    if its_mark != mark or not all(-_LARGEST <= number < _LARGEST for number in numbers):
        raise refused(f"of a {of} with other filters")
    return moment, *numbers


def write_offset(offset: int, mark: str | None = None) -> str:
    """How many items come before the page, of a list whose filters have this mark."""
    return str(offset) if mark is None else f"{offset}-{mark}"


def read_offset(cursor: str | None, mark: str | None = None) -> int:
    """The offset of `write_offset`; 0 without a cursor."""
    if cursor is None:
        return 0
    offset, _, its_mark = cursor.partition("-")
    if mark is None:
        if not _OFFSET.fullmatch(cursor):
            raise refused("none of this list", "leave it out to begin")
    elif its_mark != mark or not offset.isascii() or not offset.isdecimal():
        raise refused("of another query or other filters")
    return int(offset)


def write_moment(moment: datetime, item_id: str) -> str:
    """A time and the id of what happened then."""
    return f"{moment.isoformat()}~{item_id}"


def read_moment(cursor: str, *, of: str) -> tuple[datetime, str]:
    """The time and id of `write_moment`; `of` names the list."""
    time, _, item_id = cursor.partition("~")
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not item_id.isalnum():
        raise refused(f"none of this {of}'s")
    return moment, item_id


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 (UTC)."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The time so many microseconds after 1970. Raises OverflowError."""
    return _EPOCH + timedelta(microseconds=count)


def base36(number: int) -> str:
    """A number of 0 and more, as `int(text, 36)` reads it."""
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits


def _to_base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _from_base64(cursor: str) -> str:
    """Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from error
