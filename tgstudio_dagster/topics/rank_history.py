"""Topics and rankings as they were known at a given moment, made anew from what had been observed by then. Writes nothing.

What a run at that moment would have made: the same functions, on the posts, texts and counters of then (as_of.py). The
same moment, lake and code give the same bytes, and what is observed later changes nothing. Only names come from now: a
topic that was known the day before has the id it has today. A sentence model's vectors are those of the lake, for texts
that stand there; what earlier days teach (repeated lines, words) is read of the days before the window as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.catalog.people.ranking_weights import SHIPPED, RankingWeights
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.topics import EMBEDDINGS
from tgstudio_dagster.topics.as_of import as_known_at
from tgstudio_dagster.topics.blend import Dense
from tgstudio_dagster.topics.cluster import Topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.footers import count_lines
from tgstudio_dagster.topics.hourly import standing_topics
from tgstudio_dagster.topics.learnt import learnt_lines, learnt_words, topics_before
from tgstudio_dagster.topics.rank import rank
from tgstudio_dagster.topics.window import as_of, window_days

if TYPE_CHECKING:
    from tgstudio_dagster.lake.store import TenantLake

_POST = ["channel_id", "msg_id"]


@dataclass(frozen=True)
class PastRankings:
    """What was known at a moment of the window that ends with its day.

    `as_of`: the newest observation by then; `messages`: MESSAGES of then; `found`: TOPICS, TOPIC_MESSAGES and what had
    split or merged; `rankings`: RANKINGS.
    """

    day: date
    as_of: datetime
    messages: pl.DataFrame
    found: Topics
    rankings: pl.DataFrame


def known_at(lake: TenantLake, moment: datetime, weights: RankingWeights = SHIPPED) -> PastRankings:
    """Topics and rankings as they were known at `moment`, ranked with `weights`.

    Raises NotFoundError where nothing of that window had been observed by then.
    """
    moment = moment.astimezone(UTC)
    day, days = moment.date(), window_days(moment.date())
    messages = lake.read(MESSAGES, days=days)
    versions, stats = lake.read(MESSAGE_VERSIONS, days=days), lake.read(MESSAGE_STATS, days=days)
    observed = as_known_at(messages, versions, stats, moment)
    if observed.messages.is_empty():
        raise NotFoundError(_nothing(lake.tenant, moment, messages, versions))
    now = as_of(day, observed.messages, observed.stats)
    of_day = {each: observed.messages.filter(pl.col("date").dt.date() == each) for each in days}
    lines = {each: count_lines(posts) for each, posts in of_day.items()}
    embeddings = [_embedded(lake, each, posts, learnt_lines(lake, each, lines)) for each, posts in of_day.items()]
    standing = standing_topics(
        day,
        observed,
        pl.concat(embeddings),
        now,
        repeated=learnt_lines(lake, day, lines),
        background=learnt_words(lake, day),
        previous=topics_before(lake, day),
        dense=Dense.read(embeddings, observed.messages),
    ).topics
    rankings = rank(observed.messages, observed.stats, standing.topics, standing.topic_messages, now, weights)
    return PastRankings(day, now, observed.messages, standing, rankings)


def _embedded(lake: TenantLake, day: date, posts: pl.DataFrame, repeated: pl.DataFrame) -> pl.DataFrame:
    """EMBEDDINGS of a day's posts as they were: words as learnt by then, a model's vectors where the text still stands."""
    columns = [*_POST, "text_hash", "dense_model", "dense"]
    stored = lake.read(EMBEDDINGS, days=[day], columns=columns)
    lexical = embed(posts, repeated=repeated).drop("dense_model", "dense")
    return EMBEDDINGS.conform(lexical.join(stored, on=[*_POST, "text_hash"], how="left", maintain_order="left"))


def _nothing(tenant: str, moment: datetime, messages: pl.DataFrame, versions: pl.DataFrame) -> str:
    message = f"tenant {tenant}: nothing of the 7 days until {moment:%Y-%m-%d %H:%M} UTC had been observed by then"
    first_times = [at for at in (messages["observed_at"].min(), versions["seen_at"].min()) if isinstance(at, datetime)]
    if not first_times:
        return f"{message}: there are no posts of these days."
    return f"{message}; its posts were first read at {min(first_times):%Y-%m-%d %H:%M} UTC. Name a later moment."
