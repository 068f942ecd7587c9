"""Albums of Telegram Desktop's exports, which leave `grouped_id` out (export_output_json.cpp).

Messages are one album where their ids are neighbours, one came at most 2 s after the other, sender and origin are the
same, at most one has a text, and there are at most ten, all of photos and videos, all files, or all audio. Measured on 319
albums whose ids were known: 318 are told exactly; the same second alone told 271.
"""

from __future__ import annotations

from collections.abc import Sequence

from tgstudio_dagster.posts.shape import ALBUM_LIMIT, Post, fold_album

_APART = 2_000_000
"""Microseconds from one member to the next, at most."""
# Telegram takes photos and videos together, files and audio only among themselves (messages.sendMultiMedia).
_SORTS = {"photo": "picture", "video": "picture", "document": "document", "audio": "audio"}


def fold_by_time(posts: Sequence[Post]) -> list[Post]:
    """Posts with albums made one, in order."""
    folded: list[Post] = []
    group: list[Post] = []
    for post in posts:
        if group and not _joins(group, post):
            folded.append(_folded(group))
            group = []
        group.append(post)
    if group:
        folded.append(_folded(group))
    return folded


def follows(last: Post, post: Post) -> bool:
    """Whether the post may be of one album with the last one."""
    sort = _SORTS.get(post.type)
    return (
        sort is not None
        and sort == _SORTS.get(last.type)
        and post.channel_id == last.channel_id
        and post.msg_id == last.msg_id + 1
        and 0 <= post.date - last.date <= _APART
        and (last.author, last.sender_id, last.forwarded_from) == (post.author, post.sender_id, post.forwarded_from)
    )


def _joins(group: list[Post], post: Post) -> bool:
    return (
        len(group) < ALBUM_LIMIT
        and follows(group[-1], post)
        and not (post.text and any(member.text for member in group))
    )


def _folded(group: list[Post]) -> Post:
    return fold_album(group) if len(group) > 1 else group[0]
