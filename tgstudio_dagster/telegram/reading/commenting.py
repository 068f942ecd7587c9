"""Comments: those of posts that were just read and have more of them than the lake holds, where a subscription asks.

They land as posts of the discussion group that say which post they comment. That a post has comments is its counter,
which is always read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from datetime import datetime

import polars as pl

from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.posts.shape import Post
from tgstudio_dagster.telegram.mtproto.messages import Page, comments
from tgstudio_dagster.telegram.mtproto.peers import PeerKey
from tgstudio_dagster.telegram.reading.landing import Landing
from tgstudio_dagster.telegram.reading.paging import ascending


async def read_comments(landing: Landing, key: PeerKey, *, since: datetime, days: DayRange | None) -> bool:
    """Land the new comments of posts observed `since` then, and of all posts of the days; whether there was time for all.

    What the reading knows must hold these posts by now. Raises what asking does.
    """
    reading = landing.reading
    posts: list[Post] = []
    for msg_id, after in _wanted(reading.known, landing, since=since, days=days):

        async def fetch(at: int, msg_id: int = msg_id) -> Page:
            return await comments(reading.client, key, msg_id, after=at)

        async with aclosing(ascending(fetch, after)) as stretches:
            async for stretch in stretches:
                if stretch.page is not None:
                    posts += landing.posts(stretch.page, comment_on=msg_id)
        if landing.wants(len(posts)):
            await landing.put(posts, "comments")
            posts = []
        if reading.over():
            break
    await landing.put(posts, "comments")
    await landing.settle()
    return not reading.over()


def _wanted(
    known: pl.DataFrame, landing: Landing, *, since: datetime, days: DayRange | None
) -> Iterator[tuple[int, int]]:
    """Posts of the channel with comments that are not known, and the newest known comment of each (0: none).

    Telegram says of a post that just came which comment is its newest. Of others there is their number, which hides as
    many new ones as were deleted.
    """
    channel_id = landing.cursor.channel_id
    held = (
        known.filter(pl.col("comment_channel") == channel_id)
        .group_by(pl.col("comment_on").alias("msg_id"))
        .agg(pl.len().alias("held"), pl.col("msg_id").max().alias("newest"))
    )
    asked = pl.col("observed_at") >= since
    if days is not None:
        asked |= pl.col("date").dt.date().is_between(days.first, days.last)
    rows = (
        known.filter(pl.col("channel_id") == channel_id, pl.col("comments") > 0, asked)
        .join(held, on="msg_id", how="left")
        .select("msg_id", "comments", pl.col("held", "newest").fill_null(0))
        .sort("msg_id")
    )
    for msg_id, counted, number, newest in rows.iter_rows():
        last = landing.threads.get(msg_id)
        if counted > number if last is None else last > newest:
            yield msg_id, newest
