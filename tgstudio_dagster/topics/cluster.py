"""Posts to topics and stories: which posts make one topic, which topics make one story.

Two levels, because an event ("parliament votes") stands inside a story ("martial law"): a topic is an event told by two
posts or more, a story is topics near each other. Titles and keywords are made in label.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tgstudio_dagster.lake.tables import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.clean import clean_texts, repeated_lines
from tgstudio_dagster.topics.embed import topical
from tgstudio_dagster.topics.label import label

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from tgstudio_dagster.topics.neighbours import Numbers

TOPIC_CUT = 0.16  # mean cosine at which merging stops; F1 .914 on a day of Russian news, same story ignored
STORY_CUT = 0.20
DUPLICATE_CUT = 0.80  # a post this near an earlier one repeats it
FORWARD_CUT = 0.50  # a forward may be cut, or its origin edited since
DIGITS = 6  # of a similarity: more would be noise


@dataclass(frozen=True)
class Topics:
    """The TOPICS and TOPIC_MESSAGES frames of one window."""

    topics: pl.DataFrame
    topic_messages: pl.DataFrame


def find_topics(messages: pl.DataFrame, embeddings: pl.DataFrame, as_of: datetime) -> Topics:
    """The topics of a window: clusters of two posts and more, of posts made until `as_of`.

    `messages` and `embeddings` are the window's MESSAGES and EMBEDDINGS. Service messages, deleted posts and posts
    without features take no part. A topic's id comes from its earliest post, so it stays while that post is in the
    window. The order of the rows handed in changes nothing.
    """
    candidates = topical(messages).filter(pl.col("date") <= as_of)
    posts = (
        candidates.join(embeddings.drop("text_hash"), on=["channel_id", "msg_id"], how="inner")
        .filter(pl.col("vector").list.len() > 0)
        .sort("date", "channel_id", "msg_id")
        .with_columns(key=pl.format("{}/{}", "channel_id", "msg_id"))
    )
    if posts.height < 2:
        return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty())

    from tgstudio_dagster.topics.linkage import average_linkage
    from tgstudio_dagster.topics.neighbours import equal_rows, faded, mean_similarity, nearest
    from tgstudio_dagster.topics.vectors import raw_weights, weigh

    raw = raw_weights(posts)
    hours = posts["date"].dt.epoch("us").to_numpy() / 3.6e9
    unit, first = equal_rows(raw, hours)
    vectors = weigh(raw[first])
    graph = nearest(vectors.matrix)
    of_unit = average_linkage(faded(graph, hours[first], hours[first]), np.bincount(unit), TOPIC_CUT)
    cluster = of_unit[unit]
    rows = np.flatnonzero(np.bincount(cluster)[cluster] >= 2)
    if not len(rows):
        return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty())

    topic = np.unique(cluster[rows], return_inverse=True)[1]
    matrix = vectors.matrix[unit[rows]]
    origin = _origins(posts, graph, of_unit, unit, first)[rows]
    members = posts[rows].with_columns(
        topic=pl.Series(topic),
        similarity=pl.Series(mean_similarity(matrix, topic)).round(DIGITS),
        duplicate_of=pl.when(pl.Series(origin != rows)).then(posts["key"].gather(origin)),
        clean=clean_texts(posts[rows], repeated_lines(candidates)),
    )
    summary = _summaries(members).with_columns(story=pl.Series(_stories(matrix, topic, hours[rows])))
    summary = summary.with_columns(
        story_id=pl.col("first_key").first().over("story", order_by=["first_seen", "first_key"])
    ).with_columns(_named("t-", "first_key", "topic_id"), _named("s-", "story_id", "story_id"))
    return Topics(
        TOPICS.conform(summary.join(label(members, vectors.idf), on="topic").select(TOPICS.schema.names())),
        TOPIC_MESSAGES.conform(
            members.join(summary.select("topic", "topic_id"), on="topic").select(TOPIC_MESSAGES.schema.names())
        ),
    )


def _origins(posts: pl.DataFrame, graph: csr_matrix, of_unit: Numbers, unit: Numbers, first: Numbers) -> Numbers:
    """For each post the row of the earliest post of its cluster that it repeats; its own row where it repeats none."""
    forwarded = posts["forwarded_from"].is_not_null().to_numpy()[first]
    edges = graph.tocoo()
    cut = np.where(forwarded[edges.row], FORWARD_CUT, DUPLICATE_CUT)
    near = (edges.col < edges.row) & (edges.data >= cut) & (of_unit[edges.row] == of_unit[edges.col])
    origin = np.arange(len(first))
    np.minimum.at(origin, edges.row[near], edges.col[near])
    for number, earlier in enumerate(origin):  # units stand in order of time, so an earlier one is settled already
        origin[number] = origin[earlier]
    # Equal posts repeat the first of their unit; a unit's own first post stands where its origin is itself.
    rows: Numbers = first[origin[unit]]
    return rows


def _stories(matrix: csr_matrix, topic: Numbers, hours: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Numbers:
    """The story number of each topic: topics whose centroids are near, with the time between them counted."""
    from tgstudio_dagster.topics.linkage import average_linkage
    from tgstudio_dagster.topics.neighbours import faded, nearest, sums, unit_rows

    count = int(topic.max()) + 1
    starts, ends = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(starts, topic, hours)
    np.maximum.at(ends, topic, hours)
    graph = faded(nearest(unit_rows(sums(matrix, topic))), starts, ends)
    return average_linkage(graph, np.ones(count, dtype=np.int64), STORY_CUT)


def _summaries(members: pl.DataFrame) -> pl.DataFrame:
    """One row per topic, by its number: the key of its earliest post, its span and its counts."""
    return (
        members.group_by("topic", maintain_order=True)
        .agg(
            first_key=pl.col("key").first(),
            first_seen=pl.col("date").min(),
            last_seen=pl.col("date").max(),
            messages=pl.len().cast(pl.Int32),
            channels=pl.col("channel_id").n_unique().cast(pl.Int32),
        )
        .sort("topic")
    )


def _named(prefix: str, key: str, name: str) -> pl.Expr:
    """An id from a post's key: the prefix and 12 hex digits of the key's SHA-256."""
    return (
        pl.col(key)
        .map_elements(lambda value: prefix + hashlib.sha256(value.encode()).hexdigest()[:12], return_dtype=pl.String)
        .alias(name)
    )
