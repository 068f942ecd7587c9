"""Ids in Telegram Desktop's exports: `user123`, `channel123`, plain numbers, and the shifted numbers of before 2021.

Until ids got 64 bits (Desktop 3, 2021) one number told users from chats: 1<<32 was added to a user's, 2<<32 to a chat's
(kUserPeerIdShift and kChatPeerIdShift, export_data_types.cpp). Pure functions on numbers and texts.
"""

from __future__ import annotations

from functools import lru_cache

from tgstudio_dagster.posts import normalize

_SHIFT = 1 << 32
_USER, _CHAT = 1, 2


BASIC_GROUP, PRIVATE_CHAT = 10**15, 2 * 10**15
"""Added to the id of a basic group and of a person: ids of other kinds of chats than channels, which they must not meet."""


@lru_cache(maxsize=65536)
def peer_id(value: str | int | None, *, old: bool = False) -> int | None:
    """Telegram's own id of a user, group or channel; None for a deleted account or what is no id.

    `old` says that the file is of before 2021: only there a shifted number is not an id of 64 bits.
    """
    if isinstance(value, str):
        digits = value.strip()
        for word in ("user", "channel", "chat"):
            digits = digits.removeprefix(word)
        marked = digits.removeprefix("-")
        if not (marked.isascii() and marked.isdigit() and len(marked) < 19):
            return None
        old = old and digits == value.strip()  # an id behind a word was never shifted
        value = int(digits)
    if value is None or value == 0:
        return None
    number = normalize.channel_id(value)
    return number % _SHIFT if old and number // _SHIFT in (_USER, _CHAT) else number
