"""Topics: what leads, what is talked about, one topic with its timeline, what split or merged, and the map."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.vocabulary import Entity, Window
from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPICS
from tgstudio_dagster.services.scope import Scope, Service, does
from tgstudio_dagster.topics import questions, topic_page
from tgstudio_dagster.topics.colours import WITHOUT_STORY
from tgstudio_dagster.topics.topic_page import MapPage, TopicPage

__all__ = ["WITHOUT_STORY", "MapPage", "TopicPage", "Topics", "newest_day"]


class Topics(Service):
    """The topics and rankings of the windows of seven days. A day not given is the newest that has rankings."""

    @does("topics.newest_day")
    def newest_day(self) -> date:
        """The newest day that has rankings; one still to come counts where something is ranked on it.

        Raises NotFoundError where there is none.
        """
        return newest_day(self.scope)

    @does("topics.top")
    def top(self, *, by: Entity, window: Window, day: date | None, limit: int) -> pl.DataFrame:
        """The best ranked posts or topics with every term of the formula; columns as in `sql/top_*.sql`."""
        return questions.top(self.scope.lake, by=by, window=window, day=self._day(day), limit=limit)

    @does("topics.all")
    def all(self, *, day: date | None, limit: int) -> pl.DataFrame:
        """Topics of the window that ends with the day, largest first; columns as in `sql/topics.sql`."""
        return questions.topics(self.scope.lake, day=self._day(day), limit=limit)

    @does("topics.posts")
    def posts(self, topic_id: str, *, day: date | None) -> pl.DataFrame:
        """The posts of one topic, oldest first; columns as in `sql/topic_posts.sql`."""
        posts = questions.topic_posts(self.scope.lake, topic_id=topic_id, day=self._day(day))
        if posts.is_empty():
            raise _unknown(topic_id)
        return posts

    @does("topics.get")
    def get(self, topic_id: str, *, day: date | None = None) -> TopicPage:
        """All there is to show of one topic: its row, timeline by hour and channel, posts with repeats folded, changes."""
        page = topic_page.topic(self.scope.lake, topic_id=topic_id, day=self._day(day))
        if page is None:
            raise _unknown(topic_id)
        return page

    @does("topics.title")
    def title(self, topic_id: str, *, day: date) -> str | None:
        """What the topic of that day is called; None where there is none of this id."""
        return title_of(self.scope, topic_id, day)

    @does("topics.changes")
    def changes(self, *, day: date | None = None) -> pl.DataFrame:
        """Which topics split or merged since the day before; columns as in `sql/topic_changes.sql`."""
        return topic_page.topic_changes(self.scope.lake, days=[self._day(day)])

    @does("topics.map")
    def map(self, *, day: date | None = None) -> MapPage:
        """The map of the window that ends with the day, coloured by story, and why it is no map where it is none."""
        return topic_page.topic_map(self.scope.lake, day=self._day(day))

    @does("topics.trends")
    def trends(self, topic_ids: Sequence[str], *, day: date, first: datetime, hours: int) -> dict[str, list[int]]:
        """How many posts each topic had in each of the `hours` from `first` (a full hour, UTC), in the window of `day`."""
        return topic_page.topic_trends(self.scope.lake, topic_ids, day=day, first=first, hours=hours)

    @does("topics.ranking")
    def ranking(self, topic_id: str, *, window: Window, day: date) -> dict[str, Any] | None:
        """Why a topic ranks where it does: its row of RANKINGS, None where it is not ranked in that window."""
        where = [pl.col("entity_kind") == "topic", pl.col("entity_id") == topic_id, pl.col("window") == window]
        rows = self.scope.lake.read(RANKINGS, days=[day], where=where)
        return None if rows.is_empty() else rows.row(0, named=True)

    def _day(self, day: date | None) -> date:
        return day or newest_day(self.scope)


def newest_day(scope: Scope) -> date:
    """The newest day that has rankings; one still to come counts where something is ranked on it.

    Raises NotFoundError where there is none.
    """
    days = read_cache.versions(scope.lake, RANKINGS)
    if not days:
        raise NotFoundError(
            f"tenant {scope.tenant.slug}: nothing is materialized yet. Import something, then run "
            f"`tgstudio materialize --tenant {scope.tenant.slug}`."
        )
    today = utc_now().date()
    for day in sorted(days, reverse=True):
        if day <= today or scope.lake.count(RANKINGS, days=[day]):
            return day
    return max(days)


def title_of(scope: Scope, topic_id: str, day: date) -> str | None:
    """What the topic of that day is called; None where there is none of this id."""
    rows = scope.lake.read(TOPICS, days=[day], columns=["topic_id", "title"], where=[pl.col("topic_id") == topic_id])
    return None if rows.is_empty() else str(rows["title"][0])


def _unknown(topic_id: str) -> NotFoundError:
    return NotFoundError(f"topic {topic_id}: not among the topics of that day. `tgstudio topics` lists them.")
