"""The rankings of a range of days read from a tenant's lake: as stored, or made anew with other weights. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.catalog.people.ranking_weights import RankingWeights
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.rank import rank
from tgstudio_dagster.topics.window import as_of, window_days

if TYPE_CHECKING:
    from tgstudio_dagster.lake.store import TenantLake

# What ranking reads of a post: a tenth of the bytes of all its columns.
OF_A_POST = [
    "channel_id",
    "msg_id",
    "date",
    "type",
    "comment_on",
    "deleted_at",
    "forwarded_from",
    "sender_id",
    "reply_to",
    "observed_at",
]


def stored_days(lake: TenantLake, days: Iterable[date]) -> pl.DataFrame:
    """RANKINGS of the days as they stand in the lake, with `day`."""
    return _together((day, lake.read(RANKINGS, days=[day])) for day in days)


def ranked_days(lake: TenantLake, days: Iterable[date], weights: RankingWeights) -> pl.DataFrame:
    """RANKINGS of the days as this code makes them with these weights from the stored topics, with `day`."""
    return _together((day, _ranked(lake, day, weights)) for day in days)


def _ranked(lake: TenantLake, day: date, weights: RankingWeights) -> pl.DataFrame:
    window = window_days(day)
    messages = lake.read(MESSAGES, days=window, columns=OF_A_POST)
    stats = lake.read(MESSAGE_STATS, days=window)
    topics, members = lake.read(TOPICS, days=[day]), lake.read(TOPIC_MESSAGES, days=[day])
    return rank(messages, stats, topics, members, as_of(day, messages, stats), weights)


def _together(parts: Iterable[tuple[date, pl.DataFrame]]) -> pl.DataFrame:
    empty = RANKINGS.empty().with_columns(pl.lit(None, pl.Date).alias("day"))
    return pl.concat([empty, *(part.with_columns(pl.lit(day).alias("day")) for day, part in parts)])
