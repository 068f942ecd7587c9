"""Which topics a tenant's rule orders now: a pure decision over the newest rankings and what the rule has ordered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from tgstudio_dagster.catalog.work.rules import TopicRule
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPICS


@dataclass(frozen=True)
class RankedTopic:
    """A topic as the newest day's rankings have it, in the window that the rule looks at."""

    topic_id: str
    rank: int
    score: float
    channels: int
    lang: str
    title: str


def decide(rule: TopicRule, topics: Sequence[RankedTopic], *, ordered: Collection[str], today: int) -> list[str]:
    """The topics to order, the best ranked first: those that pass every threshold and that the rule never ordered.

    `ordered` are the topics of all orders the rule has made, `today` the number of those of this day.
    """
    room = max(0, rule.per_day - today)
    passed = [one.topic_id for one in sorted(topics, key=lambda one: one.rank) if passes(rule, one)]
    return [topic for topic in passed if topic not in ordered][:room]


def passes(rule: TopicRule, topic: RankedTopic) -> bool:
    """Whether the topic passes all of the rule's thresholds; those reached exactly are passed."""
    return (
        (rule.min_score is None or topic.score >= rule.min_score)
        and (rule.max_rank is None or topic.rank <= rule.max_rank)
        and topic.channels >= rule.min_channels
        and (rule.topic_language is None or topic.lang == rule.topic_language)
    )


def ranked_topics(lake: TenantLake, rule: TopicRule, day: date) -> list[RankedTopic]:
    """The day's topics in the rule's window, best first."""
    columns = ["entity_id", "rank", "score", "channels"]
    where = [pl.col("entity_kind") == "topic", pl.col("window") == rule.window]
    ranked = lake.read(RANKINGS, days=[day], columns=columns, where=where).rename({"entity_id": "topic_id"})
    langs = lake.read(TOPICS, days=[day], columns=["topic_id", "lang", "title"])
    rows = ranked.join(langs, on="topic_id").sort("rank").iter_rows(named=True)
    return [RankedTopic(**row) for row in rows]
