"""Reads what is learnt from a tenant's earlier days: repeated lines, word frequencies, topics with ids. Writes nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES
from tgstudio_dagster.lake.tables.topics import FEATURE_COUNTS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.cluster import Topics
from tgstudio_dagster.topics.footers import LEARNT_DAYS, add_counts, repeated
from tgstudio_dagster.topics.frequencies import FREQUENCIES, background
from tgstudio_dagster.topics.window import window_days

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tgstudio_dagster.lake.store import TenantLake
    from tgstudio_dagster.topics.vectors import Background


def learnt_lines(lake: TenantLake, day: date, instead: Mapping[date, pl.DataFrame] | None = None) -> pl.DataFrame:
    """The lines that the channels repeat (`footers.repeated`), learnt from the LEARNT_DAYS that end with the day.

    `instead`: CHANNEL_LINES of some days that stand in for those of the lake.
    """
    counts = instead or {}
    days = [day - timedelta(days=n) for n in range(LEARNT_DAYS)]
    stored = lake.read(CHANNEL_LINES, days=[each for each in days if each not in counts])
    return repeated(add_counts([stored, *(counts[each] for each in days if each in counts)]))


def learnt_words(lake: TenantLake, day: date) -> dict[str, Background]:
    """What earlier posts say of words (`frequencies.background`): the newest days before the day's window."""
    first = window_days(day)[0]
    earlier = [each for each in lake.days(FEATURE_COUNTS) if first - timedelta(days=LEARNT_DAYS) <= each < first]
    return background(lake.read(FEATURE_COUNTS, days=earlier, with_partition=True).select(FREQUENCIES.names()), first)


def topics_before(lake: TenantLake, day: date) -> Topics | None:
    """Whose ids stay: the topics of the day before; None where it has none."""
    before = [day - timedelta(days=1)]
    topics = lake.read(TOPICS, days=before)
    return None if topics.is_empty() else Topics(topics, lake.read(TOPIC_MESSAGES, days=before))
