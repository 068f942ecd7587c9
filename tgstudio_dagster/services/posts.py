"""Posts: the feed, one's own question in SQL, search through the whole history, and the version of the data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.capabilities import hidden_tables
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.sandbox_process import run_sql
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MAP, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.posts import feed
from tgstudio_dagster.posts.feed import FeedPage, FeedQuery, newest_posts
from tgstudio_dagster.services.scope import Service, does
from tgstudio_dagster.topics.window import window_days

if TYPE_CHECKING:
    from tgstudio_dagster.search.find import By, Page, Search

SQL_ROWS = 1_000
SQL_SECONDS = 10.0


class Posts(Service):
    """The posts of the tenant's channels."""

    @does("posts.feed")
    def feed(
        self,
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
        """A page of posts, newest first, with their media, edits and deletions (see `posts.feed`)."""
        query = FeedQuery(tuple(channels), tuple(langs), tuple(types), tuple(words), first=first, last=last)
        return feed.feed_page(self.scope.lake, query, cursor=cursor, limit=limit)

    @does("posts.rows")
    def rows(
        self,
        *,
        first: date | None = None,
        last: date | None = None,
        channels: Sequence[str] = (),
        langs: Sequence[str] = (),
        types: Sequence[str] = (),
        words: Sequence[str] = (),
        limit: int = 50,
    ) -> pl.DataFrame:
        """Posts, newest first, as a flat table with `posts.feed.FEED_COLUMNS`."""
        query = FeedQuery(tuple(channels), tuple(langs), tuple(types), tuple(words), first=first, last=last)
        return newest_posts(self.scope.lake, query, limit=limit)

    @does("posts.by_key")
    def by_key(self, keys: Sequence[tuple[int, int]], *, day: date) -> pl.DataFrame:
        """Posts of the window that ends with the day, by channel_id and msg_id, newest first; columns as in MESSAGES."""
        named = pl.DataFrame(keys, schema={"channel_id": pl.Int64, "msg_id": pl.Int64}, orient="row")
        where = [pl.col("msg_id").is_in(named["msg_id"].unique().to_list())]
        posts = self.scope.lake.read(MESSAGES, days=window_days(day), where=where)
        return posts.join(named, on=["channel_id", "msg_id"], how="semi").sort(
            "date", "channel_id", "msg_id", descending=True
        )

    @property
    def by_meaning(self) -> bool:
        """Whether a sentence model is set, so that search by meaning compares meanings, not related words."""
        return self._search.by_meaning

    @does("posts.search")
    def search(
        self,
        text: str,
        *,
        by: By = "words",
        first: date | None = None,
        last: date | None = None,
        channels: Sequence[str] = (),
        langs: Sequence[str] = (),
        comments: bool = False,
        deleted: bool = False,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of the posts of the whole history that fit what was typed, best first (see `search.find`)."""
        return self._search.find(
            text,
            by=by,
            first=first,
            last=last,
            channels=channels,
            langs=langs,
            comments=comments,
            deleted=deleted,
            limit=limit,
            cursor=cursor,
        )

    @does("posts.sql")
    def sql(self, text: str, *, rows: int = SQL_ROWS, seconds: float = SQL_SECONDS, cut: bool = False) -> pl.DataFrame:
        """The result of one read-only statement on the tenant's views, run in a process of its own.

        At most `rows` rows, within `seconds` and limits of memory and size. With `cut`, of a longer result the first `rows`
        and one more. Raises QueryError, which says what was refused or failed, and QuotaError where several statements of
        the tenant wait already.
        """
        hidden = hidden_tables(self.scope.off())
        with self.scope.statement_turn():
            return run_sql(self.scope.lake, text, rows=rows, seconds=seconds, hidden=hidden, cut=cut)

    @does("posts.version")
    def version(self) -> str:
        """Changes, within a second, when posts, media, topics or rankings of the tenant do."""
        return read_cache.stamp(self.scope.lake, MESSAGES, MEDIA, RANKINGS, TOPICS, TOPIC_MESSAGES, TOPIC_MAP)

    @does("posts.days")
    def days(self) -> list[date]:
        """The days that have posts, oldest first."""
        return self.scope.lake.days(MESSAGES)

    @does("posts.landing_days")
    def landing_days(self) -> list[date]:
        """The days of which something was read that is not merged yet."""
        return sorted(self.scope.lake.landing_days())

    @cached_property
    def _search(self) -> Search:
        return self.scope.open_search(self.scope.lake)
