"""The tables of this room for one day, each from the lake of one tenant: what is read of which window. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from tgstudio_dagster.catalog.people.ranking_weights import RankingWeights
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.topics import EMBEDDINGS, TOPIC_MAP, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.lake.vector_cache import VectorCache
from tgstudio_dagster.topics.as_of import ObservedWindow
from tgstudio_dagster.topics.blend import Dense
from tgstudio_dagster.topics.cached_encoder import CachedEncoder
from tgstudio_dagster.topics.cluster import Topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.frequencies import count_features
from tgstudio_dagster.topics.hourly import standing_topics
from tgstudio_dagster.topics.learnt import learnt_lines, learnt_words, topics_before
from tgstudio_dagster.topics.map import lay_out, moved
from tgstudio_dagster.topics.rank import rank
from tgstudio_dagster.topics.sentence import Encoder
from tgstudio_dagster.topics.window import as_of, window_days

Say = Callable[[str], None]


def embeddings_of(lake: TenantLake, day: date, encoder: Encoder | None, vectors: VectorCache, say: Say) -> pl.DataFrame:
    """EMBEDDINGS of the day's posts; where there is a sentence model, `say` is told how far it is."""

    def tell(done: int, total: int) -> None:
        say(f"{day}: {done} of {total} new texts have vectors")

    cached = None if encoder is None else CachedEncoder(encoder, vectors, day, tell)
    return embed(_day(lake, MESSAGES, day), repeated=learnt_lines(lake, day), encoder=cached)


def feature_counts_of(lake: TenantLake, day: date) -> pl.DataFrame:
    """FEATURE_COUNTS of the day's posts."""
    return count_features(_day(lake, MESSAGES, day), _day(lake, EMBEDDINGS, day)).drop("day")


def topics_of(lake: TenantLake, day: date, say: Say, warn: Say) -> Topics:
    """Topics of the window that ends with the day. `say` is told when it was clustered, `warn` which posts lack a vector.

    Ids are kept from the topics of the day before, never from the day's own earlier ones: a re-run gives the same bytes.
    """
    known = ObservedWindow(*(_window(lake, table, day) for table in (MESSAGES, MESSAGE_VERSIONS, MESSAGE_STATS)))
    dense = Dense.read([_day(lake, EMBEDDINGS, one) for one in window_days(day)], known.messages)
    if dense is not None and dense.lacking:
        warn(
            f"{day}: {dense.lacking} posts of the window have no vector of {dense.model} and are compared by words alone; "
            "materialize embeddings of their days again"
        )
    standing = standing_topics(
        day,
        known,
        _window(lake, EMBEDDINGS, day),
        as_of(day, known.messages, known.stats),
        repeated=learnt_lines(lake, day),
        background=learnt_words(lake, day),
        previous=topics_before(lake, day),
        dense=dense,
        kept=lake.kept,
    )
    say(f"{day}: clustered as of {standing.clustered_at:%Y-%m-%d %H:%M}, {standing.attached} posts attached")
    return standing.topics


def map_of(lake: TenantLake, day: date, say: Say) -> pl.DataFrame:
    """TOPIC_MAP of the window, anchored on the layout of the day before; `say` is told how far posts moved since."""
    previous = _day(lake, TOPIC_MAP, day - timedelta(days=1))
    anchor = None if previous.is_empty() else previous
    laid_out = lay_out(_window(lake, EMBEDDINGS, day), _day(lake, TOPIC_MESSAGES, day), _day(lake, TOPICS, day), anchor)
    way = None if anchor is None else moved(laid_out, anchor)
    if way is not None:
        say(f"{day}: shared posts moved by {way:.3f} of the map's radius")
    return laid_out


def rankings_of(lake: TenantLake, day: date, weights: RankingWeights) -> pl.DataFrame:
    """RANKINGS of the day. Now is the newest observation in the window."""
    window, stats = _window(lake, MESSAGES, day), _window(lake, MESSAGE_STATS, day)
    now = as_of(day, window, stats)
    return rank(window, stats, _day(lake, TOPICS, day), _day(lake, TOPIC_MESSAGES, day), now, weights)


def _day(lake: TenantLake, table: Table, day: date) -> pl.DataFrame:
    return lake.read(table, days=[day])


def _window(lake: TenantLake, table: Table, day: date) -> pl.DataFrame:
    return lake.read(table, days=window_days(day))
