"""A post as a source hands it over, albums folded, and the landing frame made of many.

What every source shares between its own format and the lake belongs here; reading a format does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import polars as pl

from tgstudio_dagster.lake.tables.columns import MEDIA_ITEM
from tgstudio_dagster.lake.tables.posts import LANDING

LONGEST_TEXT = 4 * 4096
"""Characters: Telegram's longest message, four times; the captions of an album are joined."""
LONGEST = {"channel": 64, "channel_title": 128, "author": 255, "forwarded_from": 255, "service_action": 255}
"""Characters of what else a post tells in words, as Telegram limits them."""
LONGEST_LINK = 4096
MOST_MARKS = 1_000
"""Links, hashtags, mentions or kinds of reaction of a post."""
LONGEST_NAME = 255
"""Characters of a file's name, or what kind it is."""
# The largest album Telegram takes (messages.sendMultiMedia: 2 to 10 items).
ALBUM_LIMIT = 10
CAPTIONS_APART = "\n\n"
"""What stands between the captions of an album."""


class Attachment(msgspec.Struct, gc=False):
    """One medium of a post: the fields of `MEDIA_ITEM`, and the file's path relative to the export's folder."""

    msg_id: int
    kind: str
    mime: str | None = None
    file_name: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    sha256: str | None = None
    status: str = "pending"
    path: str | None = None


class Post(msgspec.Struct, gc=False):
    """One message, or one album after `fold_albums`. Times are microseconds since 1970 (UTC)."""

    channel_id: int
    msg_id: int
    date: int
    text: str
    type: str
    channel: str | None = None
    channel_title: str = ""
    edit_date: int | None = None
    author: str | None = None
    sender_id: int | None = None
    service_action: str | None = None
    hashtags: Sequence[str] = ()
    links: Sequence[str] = ()
    mentions: Sequence[str] = ()
    reply_to: int | None = None
    forum_topic: int | None = None
    forwarded_from: str | None = None
    grouped_id: int | None = None
    album: Sequence[int] = ()
    views: int | None = None
    forwards: int | None = None
    reactions: int | None = None
    comments: int | None = None
    reactions_by_emoji: Sequence[tuple[str, int]] = ()
    attachments: Sequence[Attachment] = ()
    deleted_at: int | None = None
    observed_at: int = 0
    comment_on: int | None = None
    comment_channel: int | None = None


def fold_album(members: Sequence[Post]) -> Post:
    """One post of an album's messages: the lowest id, every caption, the largest of each counter, all attachments.

    Captions follow each other in the order of the members, an empty line between; one that is repeated stands once.

    Telegram repeats the counters on every member, so they are never added up. Raises nothing; `members` is not empty.
    """
    if len(members) == 1 and members[0].grouped_id is None:
        return members[0]
    ordered = sorted(members, key=attrgetter("msg_id"))
    first = ordered[0]
    captions = {member.text.strip(): member for member in reversed(ordered) if member.text.strip()}
    captioned = sorted(captions.values(), key=attrgetter("msg_id"))
    most = max(ordered, key=lambda member: -1 if member.reactions is None else member.reactions)
    return msgspec.structs.replace(
        first,
        text=CAPTIONS_APART.join(member.text for member in captioned),
        hashtags=_each_once(member.hashtags for member in ordered),
        links=_each_once(member.links for member in ordered),
        mentions=_each_once(member.mentions for member in ordered),
        type="album" if len(ordered) > 1 else first.type,
        album=[member.msg_id for member in ordered] if len(ordered) > 1 else [],
        edit_date=_largest(member.edit_date for member in ordered),
        views=_largest(member.views for member in ordered),
        forwards=_largest(member.forwards for member in ordered),
        comments=_largest(member.comments for member in ordered),
        reactions=most.reactions,
        reactions_by_emoji=most.reactions_by_emoji,
        attachments=[item for member in ordered for item in member.attachments],
    )


def fold_albums(posts: Iterable[Post]) -> list[Post]:
    """Posts with the members of each album (same channel, grouped_id and observation) made one, in order of arrival."""
    groups: dict[object, list[Post]] = {}
    for post in posts:
        key: object = id(post)
        if post.grouped_id is not None and post.type not in ("deleted", "service"):
            key = (post.channel_id, post.grouped_id, post.observed_at)
        groups.setdefault(key, []).append(post)
    return [fold_album(members) for members in groups.values()]


def landing_frame(posts: Sequence[Post], source: str) -> pl.DataFrame:
    """The posts as a frame of LANDING, in order, url and text_hash filled in. Keys may repeat; see the importer."""
    if not posts:
        return LANDING.empty()
    posts = [shortened(post) for post in posts]
    texts = [post.text for post in posts]
    plain = [
        pl.Series(name, list(map(attrgetter(name), posts)), dtype=pl.Int64 if name in _TIMES else LANDING.schema[name])
        for name in _PLAIN
    ]
    kinds = pl.Series("type", list(map(_kind, posts)), dtype=pl.String)
    hashes = pl.Series("text_hash", [sha256(text.encode()).hexdigest()[:16] for text in texts], dtype=pl.String)
    emoji = pl.Struct({"emoji": pl.String, "count": pl.Int64})
    nested = [
        *(nested_series(name, list(map(attrgetter(name), posts)), pl.String) for name in _STRINGS),
        nested_series("album", [post.album for post in posts], pl.Int64),
        nested_series("reactions_by_emoji", [post.reactions_by_emoji for post in posts], emoji),
        attachments_series([post.attachments for post in posts]),
    ]
    return (
        pl.DataFrame([*plain, kinds, hashes, *nested])
        .with_columns(pl.col(_TIMES).cast(LANDING.schema["date"]))
        .with_columns(url_expression(), pl.lit(source).alias("source"))
        .select(list(LANDING.columns))
    )


def shortened(post: Post) -> Post:
    """The post with what no post of Telegram's exceeds cut to that length: a file may say anything."""
    changes: dict[str, Any] = {}
    if len(post.text) > LONGEST_TEXT:
        changes["text"] = post.text[:LONGEST_TEXT]
    for name, longest in LONGEST.items():
        value = getattr(post, name)
        if value is not None and len(value) > longest:
            changes[name] = value[:longest]
    for name in _STRINGS:
        values = getattr(post, name)
        if values and (len(values) > MOST_MARKS or any(len(value) > LONGEST_LINK for value in values)):
            changes[name] = [value for value in values[:MOST_MARKS] if len(value) <= LONGEST_LINK]
    if (
        any(len(emoji) > LONGEST_NAME for emoji, _ in post.reactions_by_emoji)
        or len(post.reactions_by_emoji) > MOST_MARKS
    ):
        changes["reactions_by_emoji"] = [
            (emoji, count) for emoji, count in post.reactions_by_emoji[:MOST_MARKS] if len(emoji) <= LONGEST_NAME
        ]
    if any(_is_long(item) for item in post.attachments):
        changes["attachments"] = [_short_names(item) for item in post.attachments]
    return msgspec.structs.replace(post, **changes) if changes else post


def _is_long(item: Attachment) -> bool:
    return any(name is not None and len(name) > LONGEST_NAME for name in (item.file_name, item.mime, item.kind))


def _short_names(item: Attachment) -> Attachment:
    """The attachment with the end of its file's name, which tells what it is."""
    name, mime = item.file_name, item.mime
    return msgspec.structs.replace(
        item, file_name=name and name[-LONGEST_NAME:], mime=mime and mime[:LONGEST_NAME], kind=item.kind[:LONGEST_NAME]
    )


def _kind(post: Post) -> str:
    """The post's type; one of type text has a text: where it is blank, something stood there that its source can't tell."""
    return "other" if post.type == "text" and not post.text.strip() else post.type


def nested_series(name: str, rows: Sequence[Sequence[Any]], inner: pl.DataType | type[pl.DataType]) -> pl.Series:
    """A column of lists. Struct items are tuples in the order of the fields.

    Made from one flat column: Polars takes 5 to 30 times longer to build lists from Python lists.
    """
    dtype = pl.List(inner)
    flat = [item for row in rows for item in row]
    if not flat:
        return pl.Series(name, [[]], dtype=dtype).new_from_index(0, len(rows))
    if isinstance(inner, pl.Struct):
        columns = zip(inner.fields, zip(*flat, strict=True), strict=True)
        values = pl.DataFrame([pl.Series(f.name, column, dtype=f.dtype) for f, column in columns]).to_struct(name)
    else:
        values = pl.Series(name, flat, dtype=inner)
    at = pl.Series("row", np.repeat(np.arange(len(rows), dtype=np.uint32), [len(row) for row in rows]))
    lists = pl.DataFrame([at, values]).group_by("row", maintain_order=True).agg(name)
    every = pl.DataFrame({"row": np.arange(len(rows), dtype=np.uint32)})
    return every.join(lists, on="row", how="left", maintain_order="left")[name].fill_null([])


def attachments_series(rows: Sequence[Sequence[Attachment]]) -> pl.Series:
    """The column `attachments` of the rows."""
    fields = attrgetter(*(field.name for field in MEDIA_ITEM.fields))
    return nested_series("attachments", [[fields(item) for item in row] for row in rows], MEDIA_ITEM)


def url_expression() -> pl.Expr:
    """Permalink: https://t.me/<username>/<id>, or https://t.me/c/<channel_id>/<id> where no username is known.

    The second form opens for members only (Telegram's deep links, core.telegram.org/api/links).
    """
    place = pl.coalesce(pl.col("channel"), pl.concat_str(pl.lit("c/"), pl.col("channel_id").cast(pl.String)))
    return pl.concat_str(pl.lit("https://t.me/"), place, pl.lit("/"), pl.col("msg_id").cast(pl.String)).alias("url")


_STRINGS = ["hashtags", "links", "mentions"]
_TIMES = ["date", "edit_date", "deleted_at", "observed_at"]
_PLAIN = [
    "channel_id", "msg_id", "channel", "channel_title", "date", "edit_date", "text", "author", "sender_id",
    "service_action", "reply_to", "forum_topic", "comment_on", "comment_channel", "forwarded_from", "grouped_id",
    "views", "forwards", "reactions", "comments", "deleted_at", "observed_at",
]  # fmt: skip


def _each_once(values: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(item for some in values for item in some))


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
