"""What is paged through: the feed, the chats that accounts have, and the version of the data that a page was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.follows.channels import Channel, list_channels
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MAP, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.posts import feed
from tgstudio_dagster.posts.feed import Asked, FeedPage

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio


@dataclass(frozen=True)
class Chat:
    """A channel that an account or an import has shown. `followed` is its subscription's status, None without one."""

    channel_id: int
    username: str | None
    title: str
    kind: str
    seen_at: datetime
    followed: str | None


def feed_page(
    studio: Studio,
    *,
    first: date | None = None,
    last: date | None = None,
    channels: Sequence[str] = (),
    langs: Sequence[str] = (),
    types: Sequence[str] = (),
    words: Sequence[str] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> FeedPage:
    """A page of posts, newest first, with their media, edits and deletions (see `lake.feed`)."""
    asked = Asked(first, last, tuple(channels), tuple(langs), tuple(types), tuple(words))
    return feed.feed_page(studio.lake, asked, cursor=cursor, limit=limit)


def version(studio: Studio) -> str:
    """Changes, within a second, when posts, media, topics or rankings of the tenant do."""
    return read_cache.stamp(studio.lake, MESSAGES, MEDIA, RANKINGS, TOPICS, TOPIC_MESSAGES, TOPIC_MAP)


def chats(studio: Studio) -> list[Chat]:
    """All channels that the tenant has seen, by title."""
    followed = {one.channel_id: one.status for one in studio.subscriptions()}
    return [_chat(one, followed) for one in list_channels(studio.catalog, studio.tenant.slug)]


def chat(studio: Studio, named: str) -> Chat:
    """The channel of an id or a username. Raises NotFoundError for one that the tenant has not seen."""
    name = named.strip().removeprefix("@").lower()
    for one in studio.chats():
        if name in (str(one.channel_id), (one.username or "").lower()):
            return one
    raise NotFoundError(
        f"{named} is none that an account has shown. POST /v1/sync/chats asks Telegram anew.", field="chat"
    )


def _chat(row: Channel, followed: dict[int, str]) -> Chat:
    return Chat(row.channel_id, row.username, row.title, row.kind, row.seen_at, followed.get(row.channel_id))
