"""Observing again: what has become of posts that the lake holds: counters, edits, deletes.

A delete is believed only where Telegram answers with an empty message for every member of the post; an id that it leaves
out is unknown. When a post is due is `cadence.py`'s matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from tgstudio_dagster.catalog.follows.incoming import forget_heard, heard_posts
from tgstudio_dagster.posts.normalize import to_micros
from tgstudio_dagster.posts.seen_posts import known_dates
from tgstudio_dagster.posts.shape import Post
from tgstudio_dagster.telegram.mtproto.messages import PAGE, Page, by_ids
from tgstudio_dagster.telegram.mtproto.peers import PeerKey
from tgstudio_dagster.telegram.reading.cadence import Cadence, due
from tgstudio_dagster.telegram.reading.landing import Landing


@dataclass(frozen=True)
class Wanted:
    """A post to ask for: all its members (of an album), and when it was made (microseconds; None: not known)."""

    msg_id: int
    members: tuple[int, ...]
    date: int | None


async def observe(landing: Landing, key: PeerKey) -> None:
    """Land a new observation of each post that is due, or that a listener has heard of. Raises what asking does."""
    reading = landing.reading
    known = reading.known.filter(pl.col("channel_id") == landing.cursor.channel_id)
    young = due(known, reading.now(), Cadence.parse(reading.keys.settings.observe))
    channel_id = landing.cursor.channel_id
    heard = await reading.ask(heard_posts, channel_id)
    in_time = True
    for part in _parts(_wanted(young, known, heard)):
        if reading.over():
            in_time = False
            break
        page = await by_ids(reading.client, key, [msg_id for post in part for msg_id in post.members])
        await landing.put(await asyncio.to_thread(_seen, landing, part, page), "observed")
    await landing.settle()
    if heard and in_time:
        await reading.ask(forget_heard, channel_id, heard)


def _wanted(young: pl.DataFrame, known: pl.DataFrame, heard: Iterable[int]) -> list[Wanted]:
    posts = {
        msg_id: Wanted(msg_id, tuple(album) or (msg_id,), to_micros(date))
        for msg_id, album, date in known.select("msg_id", "album", "date").iter_rows()
    }
    of_member = {member: post for post in posts.values() for member in post.members}
    chosen = [posts[msg_id] for msg_id in young["msg_id"]]
    chosen += [of_member.get(msg_id) or Wanted(msg_id, (msg_id,), None) for msg_id in heard]
    return list(dict.fromkeys(chosen))


def _parts(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    """As many posts as one request takes at a time; an album is never cut."""
    part: list[Wanted] = []
    room = PAGE
    for post in wanted:
        if len(post.members) > room and part:
            yield part
            part, room = [], PAGE
        part.append(post)
        room -= len(post.members)
    if part:
        yield part


def _seen(landing: Landing, part: list[Wanted], page: Page) -> list[Post]:
    """What the page shows: the living, and a proof for each post that is wholly gone."""
    empty = {message["id"] for message in page.messages if message["_"] == "MessageEmpty"}
    living = [message for message in page.messages if message["id"] not in empty]
    posts = list({post.msg_id: post for post in landing.posts(Page(living, page.entities, page.total))}.values())
    gone = [post for post in part if empty.issuperset(post.members)]
    undated = [post.msg_id for post in gone if post.date is None]
    dates = known_dates(landing.reading.lake, landing.cursor.channel_id, undated) if undated else {}
    channel = landing.channel()
    observed = to_micros(landing.reading.now())
    for post in gone:
        # One that the lake does not hold (a filter left it out) needs no proof.
        date = dates.get(post.msg_id) if post.date is None else post.date
        if date is not None:
            posts.append(
                Post(
                    channel.channel_id, post.msg_id, date, "", "deleted", channel.username, channel.title,
                    observed_at=observed, deleted_at=observed,
                )
            )  # fmt: skip
    return posts
