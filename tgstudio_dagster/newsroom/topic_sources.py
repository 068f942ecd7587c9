"""The posts an order is written from, read out of the lake; and their present state, to tell when it went stale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from tgstudio_dagster.errors import NotFoundError
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.clean import own_texts, repeated_lines
from tgstudio_dagster.topics.window import as_of, window_days

KEY = ["channel_id", "msg_id"]


@dataclass(frozen=True)
class TopicSource:
    """A topic as of a day: its row, its posts (representative first, then by date), and the moment it speaks of.

    The posts' texts are without the lines their channels repeat: nobody wants a footer quoted.
    """

    topic: dict[str, Any]
    messages: pl.DataFrame
    as_of: datetime


def read_topic(lake: TenantLake, topic_id: str, day: date) -> TopicSource:
    """The topic with its posts. Raises NotFoundError where it is not among the day's topics."""
    found = lake.read(TOPICS, days=[day]).filter(pl.col("topic_id") == topic_id)
    if found.is_empty():
        raise NotFoundError(
            f"topic {topic_id}: not among the topics of {day}. `tgstudio topics --day {day}` lists them."
        )
    topic = found.row(0, named=True)
    members = lake.read(TOPIC_MESSAGES, days=[day]).filter(pl.col("topic_id") == topic_id).select(KEY)
    days = window_days(day)
    window = lake.read(MESSAGES, days=days)
    representative = (pl.col("channel_id") == topic["channel_id"]) & (pl.col("msg_id") == topic["msg_id"])
    messages = (
        window.join(members, on=KEY, how="semi")
        .filter(pl.col("deleted_at").is_null())
        .sort(~representative, "date", *KEY)
    )
    messages = messages.with_columns(text=own_texts(messages, repeated_lines(window)))
    if messages.is_empty():
        raise NotFoundError(f"topic {topic_id}: every post of it has been deleted since. Choose another topic.")
    return TopicSource(topic, messages, as_of(day, window, lake.read(MESSAGE_STATS, days=days)))


def cited_posts(lake: TenantLake, editor_result: Mapping[str, Any], day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cited posts as they are now, and all their versions: MESSAGES and MESSAGE_VERSIONS rows."""
    cited = {(key["channel_id"], key["msg_id"]) for claim in editor_result["claims"] for key in claim["messages"]}
    keys = pl.DataFrame(sorted(cited), schema={"channel_id": pl.Int64, "msg_id": pl.Int64}, orient="row")
    days = window_days(day)
    messages = lake.read(MESSAGES, days=days).join(keys, on=KEY, how="semi")
    return messages, lake.read(MESSAGE_VERSIONS, days=days).join(keys, on=KEY, how="semi")
