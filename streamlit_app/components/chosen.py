"""Chosen posts as a text that an address holds: `1001.5.6_1002.9` is posts 5 and 6 of channel 1001 and 9 of 1002."""

from __future__ import annotations

from collections.abc import Iterable

_LARGEST = 2**63


def posts_code(posts: Iterable[tuple[int, int]]) -> str:
    """The posts (channel_id, msg_id), each once, as a text."""
    by_channel: dict[int, list[int]] = {}
    for channel, message in sorted(set(posts)):
        by_channel.setdefault(channel, []).append(message)
    return "_".join(".".join(map(str, [channel, *messages])) for channel, messages in by_channel.items())


def posts_of(code: str) -> list[tuple[int, int]]:
    """The posts of `posts_code`; none for a text that is no such."""
    try:
        parts = [[int(number) for number in part.split(".")] for part in code.split("_")] if code else []
    except ValueError:
        return []
    posts = [(channel, message) for channel, *messages in parts for message in messages]
    return posts if all(-_LARGEST <= number < _LARGEST for post in posts for number in post) else []
