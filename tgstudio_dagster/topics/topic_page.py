"""Queries for one topic, for splits and merges, and for the map. Their columns are listed in their files of `sql/`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from tgstudio_dagster.lake.questions import ask
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_CHANGES, TOPIC_MAP, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.posts.feed import FEED_COLUMNS
from tgstudio_dagster.topics.colours import story_colour
from tgstudio_dagster.topics.window import window_days

EXCERPT = 160  # letters of a post that the map shows
_LAID_OUT = "umap"


@dataclass(frozen=True)
class TopicPage:
    """All there is to show of a topic in a day's window. Each frame's columns stand in `sql/<name>.sql`.

    `topic`: its row (topic.sql); `timeline`: posts by hour and channel (topic_timeline.sql); `posts`: its posts with
    repeats folded (topic_folded.sql); `changes`: its splits and merges in the window's days (topic_changes.sql).
    """

    topic: pl.DataFrame
    timeline: pl.DataFrame
    posts: pl.DataFrame
    changes: pl.DataFrame


@dataclass(frozen=True)
class MapPage:
    """The map of a day's window: `points` with the columns of topic_map.sql but `method`, and colour (#rrggbb by story).

    `reason`: why it is no map of neighbourhoods (too few posts), None where it is one.
    """

    points: pl.DataFrame
    reason: str | None


def topic(lake: TenantLake, *, topic_id: str, day: date) -> TopicPage | None:
    """A topic of the window that ends with the day; None where it has none such."""
    own = [pl.col("topic_id") == topic_id]
    members = lake.read(TOPIC_MESSAGES, days=[day], where=own)
    keys = members.select("channel_id", "msg_id")
    messages = lake.read(
        MESSAGES,
        days=sorted({*members["date"].dt.date()}),
        columns=FEED_COLUMNS,
        where=[pl.col("msg_id").is_in(keys["msg_id"].unique().to_list())],
    ).join(keys, on=["channel_id", "msg_id"], how="semi")
    frames = {"topics": lake.read(TOPICS, days=[day], where=own), "topic_messages": members, "messages": messages}
    topic_row = ask("topic", frames, {"topic_id": topic_id})
    if topic_row.is_empty():
        return None
    return TopicPage(
        topic_row,
        ask("topic_timeline", frames, {"topic_id": topic_id}),
        ask("topic_folded", frames, {"topic_id": topic_id}),
        topic_changes(lake, days=window_days(day), topic_id=topic_id),
    )


def topic_changes(lake: TenantLake, *, days: Iterable[date], topic_id: str | None = None) -> pl.DataFrame:
    """Splits and merges of the days, of one topic or of all; columns as in `sql/topic_changes.sql`."""
    sorted_days = sorted(set(days))
    changes = lake.read(TOPIC_CHANGES, days=sorted_days, with_partition=True)
    concerned = {*changes["topic_id"], *changes["other_id"]}
    # A topic that was merged has its title in the day before only.
    titled = sorted({each for day in sorted_days for each in (day - timedelta(days=1), day)}) if concerned else []
    topics = lake.read(TOPICS, days=titled, where=[pl.col("topic_id").is_in(sorted(concerned))], with_partition=True)
    frames = {"topic_changes": changes, "topics": topics.select("topic_id", "title", "day")}
    return ask("topic_changes", frames, {"topic_id": topic_id})


def topic_map(lake: TenantLake, *, day: date) -> MapPage:
    """The map of the window that ends with the day."""
    frames = {
        "topic_map": lake.read(TOPIC_MAP, days=[day]),
        "topics": lake.read(TOPICS, days=[day]),
        "messages": lake.read(MESSAGES, days=window_days(day), columns=FEED_COLUMNS),
    }
    points = ask("topic_map", frames, {"letters": EXCERPT})
    colours = {story: story_colour(story) for story in points["story_id"].unique()}
    coloured = points.drop("method").with_columns(
        colour=pl.Series([colours[story] for story in points["story_id"]], dtype=pl.String)
    )
    method = str(points["method"][0]) if points.height else "pca: no post with a text"
    return MapPage(coloured, None if method == _LAID_OUT else method.partition(": ")[2])


def topic_trends(
    lake: TenantLake, topic_ids: Sequence[str], *, day: date, first: datetime, hours: int
) -> dict[str, list[int]]:
    """Posts of each topic in each hour from `first` on, oldest first; zeros where it was silent."""
    own = [pl.col("topic_id").is_in(list(topic_ids))]
    members = lake.read(TOPIC_MESSAGES, days=[day], columns=["topic_id", "date"], where=own)
    trends = {topic_id: [0] * hours for topic_id in topic_ids}
    for topic_id, hour, posts in ask("topic_trends", {"topic_messages": members}, {"from": first}).iter_rows():
        place = int((hour - first).total_seconds() // 3600)
        if 0 <= place < hours:
            trends[topic_id][place] = posts
    return trends
