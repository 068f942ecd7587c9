"""History: a channel's posts as they come, the new ones upwards from the cursor and the missing ones downwards in its gaps.

Which ids to ask for, where a batch may end, and what the cursor becomes is decided here; asking and landing are done by
`paging.py` and `landing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from tgstudio_dagster.catalog.follows.reading import ChannelCursor
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import TelegramError
from tgstudio_dagster.posts.normalize import from_micros
from tgstudio_dagster.posts.shape import ALBUM_LIMIT, Post
from tgstudio_dagster.telegram.mtproto.messages import PAGE, Page, newer, older
from tgstudio_dagster.telegram.mtproto.peers import PeerKey
from tgstudio_dagster.telegram.reading import gaps
from tgstudio_dagster.telegram.reading.landing import Landing
from tgstudio_dagster.telegram.reading.paging import ascending, descending

SETTLED = timedelta(seconds=10)
"""An album whose newest member is older has all its members: Telegram posts them at once."""


async def read_new(landing: Landing, key: PeerKey) -> date | None:
    """Land what was posted since the last reading, oldest first; of a channel never read, the newest page.

    Returns the first day that the newest page holds for certain as a whole, None where a channel was read before. Raises
    what asking does, after what came before it is on its way to the lake.
    """
    if not landing.cursor.last_msg_id:
        return await _begin(landing, key)
    await _go_on(landing, key)
    return None


async def fill_gaps(landing: Landing, key: PeerKey, days: DayRange | None) -> date | None:
    """Land what is missing of the days, newest first, within the subscription's depth; returns the day it is filled from.

    Without `days`, what failed before is tried again: the gaps above the lowest id that was read. None where the time
    was over first, or nothing says how far it is filled.
    """
    missing, floor = landing.cursor.gaps, None
    if days is None:
        missing = tuple(gap for gap in missing if gap[0] > 1)
    elif missing:
        floor = max(days.first, _depth(landing))
        missing = gaps.within(missing, 1, await _last_id(landing, key, days.last))
    for low, high in reversed(missing):
        end = "time" if landing.reading.over() else await _fill(landing, key, low, high, floor)
        if end == "time":
            return None
        if end == "floor":
            break
    await landing.settle()
    if landing.cursor.last_msg_id and not (landing.cursor.gaps and landing.cursor.gaps[0][0] == 1):
        return _depth(landing)
    return floor


async def _begin(landing: Landing, key: PeerKey) -> date | None:
    page = await older(landing.reading.client, key)
    posts = _by_id(landing, page)
    first, last = min(page.ids, default=1), max(page.ids, default=0)
    fresh = _unsettled(landing, posts)
    if fresh:
        posts, last = posts[: -len(fresh)], fresh[0].msg_id - 1
    if 2 * len(page.messages) >= PAGE and posts and posts[0].grouped_id is not None:
        # The page may begin in the middle of an album: the history has it whole.
        cut = [post for post in posts[:ALBUM_LIMIT] if post.grouped_id == posts[0].grouped_id]
        posts, first = posts[len(cut) :], cut[-1].msg_id + 1
    missing = gaps.add((), 1, first - 1) if last >= first else ()
    await landing.put(posts, "landed", replace(landing.cursor, last_msg_id=max(last, 0), gaps=missing))
    return from_micros(posts[0].date).date() + timedelta(days=1) if posts else None


async def _go_on(landing: Landing, key: PeerKey) -> None:
    reading = landing.reading

    async def fetch(after: int) -> Page:
        return await newer(reading.client, key, after=after)

    posts: list[Post] = []
    cursor, ended = landing.cursor, False
    try:
        async with aclosing(ascending(fetch, cursor.last_msg_id)) as stretches:
            async for stretch in stretches:
                if stretch.page is None:
                    landing.report.error = str(stretch.refusal)
                    cursor = replace(cursor, gaps=gaps.add(cursor.gaps, stretch.first, stretch.last))
                else:
                    posts += _by_id(landing, stretch.page)
                cursor = replace(cursor, last_msg_id=stretch.last)
                if stretch.page is None:
                    await landing.put(posts, "landed", cursor)
                    posts = []
                elif landing.wants(len(posts)):
                    posts = await _put_upwards(landing, posts, cursor, _last_group(posts))
                if reading.over():
                    break
            else:
                ended = True
    except TelegramError:
        await _put_upwards(landing, posts, cursor, _last_group(posts))
        raise
    await _put_upwards(landing, posts, cursor, _unsettled(landing, posts) if ended else _last_group(posts))


async def _put_upwards(landing: Landing, posts: list[Post], cursor: ChannelCursor, kept: list[Post]) -> list[Post]:
    """Land all but the last posts, which are kept back for the next batch; returns those."""
    if kept:
        cursor = replace(cursor, last_msg_id=kept[0].msg_id - 1)
    await landing.put(posts[: len(posts) - len(kept)], "landed", cursor)
    return kept


async def _fill(
    landing: Landing, key: PeerKey, low: int, high: int, floor: date | None
) -> Literal["floor", "end", "time"]:
    """Read one gap downwards: to its end, to the first post before the day `floor`, or until the time is over."""
    reading = landing.reading

    async def fetch(before: int) -> Page:
        return await older(reading.client, key, before=before, until=low - 1)

    posts: list[Post] = []
    missing = landing.cursor.gaps
    end: Literal["floor", "end", "time"] = "end"
    bottom = high + 1
    try:
        async with aclosing(descending(fetch, high + 1, low - 1)) as stretches:
            async for stretch in stretches:
                if stretch.page is None:
                    landing.report.error = str(stretch.refusal)
                    await _put_downwards(landing, posts, missing, [])
                    posts, bottom = [], stretch.first
                    continue
                page, bottom = _above_floor(stretch.page, floor), stretch.first
                if len(page.messages) < len(stretch.page.messages):
                    end, bottom = "floor", max(set(stretch.page.ids) - set(page.ids)) + 1
                missing = gaps.subtract(missing, bottom, stretch.last)
                posts += reversed(_by_id(landing, page))
                if end == "floor":
                    break
                if landing.wants(len(posts)):
                    posts = await _put_downwards(landing, posts, missing, _last_group(posts), bottom)
                if reading.over():
                    end = "time"
                    break
    except TelegramError:
        await _put_downwards(landing, posts, missing, _last_group(posts), bottom)
        raise
    await _put_downwards(landing, posts, missing, _last_group(posts) if end == "time" else [], bottom)
    return end


async def _put_downwards(
    landing: Landing, posts: list[Post], missing: gaps.Gaps, kept: list[Post], bottom: int = 1
) -> list[Post]:
    """Land all but the last (lowest) posts, whose ids down to `bottom` stay a gap until they land; returns those."""
    if kept:
        missing = gaps.add(missing, bottom, kept[0].msg_id)
    await landing.put(posts[: len(posts) - len(kept)], "landed", replace(landing.cursor, gaps=missing))
    return kept


def _by_id(landing: Landing, page: Page) -> list[Post]:
    """The page's posts, each once, the lowest id first."""
    posts = {post.msg_id: post for post in landing.posts(page)}
    return [posts[msg_id] for msg_id in sorted(posts)]


def _last_group(posts: Sequence[Post]) -> list[Post]:
    """The posts from the first member of the last one's album on: the next page may go on with it."""
    group = posts[-1].grouped_id if posts else None
    if group is None:
        return []
    tail = list(posts[-2 * ALBUM_LIMIT :])
    return tail[next(at for at, post in enumerate(tail) if post.grouped_id == group) :]


def _unsettled(landing: Landing, posts: Sequence[Post]) -> list[Post]:
    """As `_last_group`, at the end of what there is: only an album so young that its members may still be arriving."""
    group = _last_group(posts)
    if group and landing.reading.now() - from_micros(group[-1].date) < SETTLED:
        return group
    return []


def _above_floor(page: Page, floor: date | None) -> Page:
    """The page's newest messages, down to the first that was posted before the day."""
    if floor is None:
        return page
    midnight = datetime.combine(floor, time(), UTC)
    too_old = [message["id"] for message in page.messages if (message.get("date") or midnight) < midnight]
    lowest = max(too_old, default=0)
    return Page([message for message in page.messages if message["id"] > lowest], page.entities, page.total)


async def _last_id(landing: Landing, key: PeerKey, day: date) -> int:
    """The id of the last message up to the end of the day; 0 where there is none."""
    if day >= landing.reading.now().date():
        return landing.cursor.last_msg_id
    end = datetime.combine(day, time(23, 59, 59), UTC)
    return max((await older(landing.reading.client, key, at_or_before=end, limit=1)).ids, default=0)


def _depth(landing: Landing) -> date:
    """The first day that is wanted at all."""
    return max(landing.reading.first_day, landing.subscription.since or landing.reading.first_day)
