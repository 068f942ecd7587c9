"""One topic with its timeline, what split or merged, and the map."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS
from tgstudio_dagster.topics import topic_page
from tgstudio_dagster.topics.topic_page import MapPage, TopicPage
from tgstudio_dagster.topics.window import window_days

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio


def topic(studio: Studio, topic_id: str, *, day: date | None = None) -> TopicPage:
    """All there is to show of one topic: its row, timeline by hour and channel, posts with repeats folded, changes."""
    found = topic_page.topic(studio.lake, topic_id=topic_id, day=day or studio.newest_day())
    if found is None:
        raise NotFoundError(f"topic {topic_id}: not among the topics of that day. `tgstudio topics` lists them.")
    return found


def topic_changes(studio: Studio, *, day: date | None = None) -> pl.DataFrame:
    """Which topics split or merged since the day before; columns as in `sql/topic_changes.sql`."""
    return topic_page.topic_changes(studio.lake, days=[day or studio.newest_day()])


def topic_map(studio: Studio, *, day: date | None = None) -> MapPage:
    """The map of the window that ends with the day, coloured by story, and why it is no map where it is none."""
    return topic_page.topic_map(studio.lake, day=day or studio.newest_day())


def topic_trends(
    studio: Studio, topic_ids: Sequence[str], *, day: date, first: datetime, hours: int
) -> dict[str, list[int]]:
    """How many posts each topic had in each of the `hours` from `first` (a full hour, UTC) on, of the window of `day`."""
    return topic_page.topic_trends(studio.lake, topic_ids, day=day, first=first, hours=hours)


def ranking(studio: Studio, topic_id: str, *, window: Literal["24h", "7d"], day: date) -> dict[str, Any] | None:
    """Why a topic ranks where it does: its row of RANKINGS, None where it is not ranked in that window."""
    own = [pl.col("entity_kind") == "topic", pl.col("entity_id") == topic_id, pl.col("window") == window]
    found = studio.lake.read(RANKINGS, days=[day], where=own)
    return None if found.is_empty() else found.row(0, named=True)


def posts(studio: Studio, keys: Sequence[tuple[int, int]], *, day: date) -> pl.DataFrame:
    """Posts of the window that ends with the day, by channel_id and msg_id, newest first; columns as in MESSAGES."""
    wanted = pl.DataFrame(keys, schema={"channel_id": pl.Int64, "msg_id": pl.Int64}, orient="row")
    own = [pl.col("msg_id").is_in(wanted["msg_id"].unique().to_list())]
    found = studio.lake.read(MESSAGES, days=window_days(day), where=own)
    return found.join(wanted, on=["channel_id", "msg_id"], how="semi").sort(
        "date", "channel_id", "msg_id", descending=True
    )
