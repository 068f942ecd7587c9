"""Posts to topics and stories: which posts make one topic, which topics make one story.

Two levels, because an event ("parliament votes") stands inside a story ("martial law"): a topic is an event told by two
posts or more, a story is topics near each other. Titles and keywords are made in label.py, ids in identity.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tgstudio_dagster.lake.tables import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.clean import clean_texts, repeated_lines
from tgstudio_dagster.topics.embed import topical
from tgstudio_dagster.topics.identity import CHANGES, assign_ids
from tgstudio_dagster.topics.label import label

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from tgstudio_dagster.topics.blend import Dense
    from tgstudio_dagster.topics.neighbours import Hours, Numbers
    from tgstudio_dagster.topics.vectors import Background

# Where merging stops, as measured on two days of Russian news: .20 to .23 are alike. See docs/topics.md.
TOPIC_CUT = 0.22
TOPIC_CUT_BLENDED = 0.32  # with a dense model
COHESION = 0.5
STORY_CUT = 0.24
DUPLICATE_CUT = 0.80  # a post this near an earlier one repeats it
FORWARD_CUT = 0.50  # a forward may be cut, or its origin edited since
REPEATS_READ = 20  # posts of one text that the labels read; the others say the same
DIGITS = 6  # of a similarity: more would be noise


@dataclass(frozen=True)
class Topics:
    """The TOPICS and TOPIC_MESSAGES frames of one window; `changes`: which topics split or merged (identity.CHANGES)."""

    topics: pl.DataFrame
    topic_messages: pl.DataFrame
    changes: pl.DataFrame = field(default_factory=CHANGES.to_frame)


@dataclass(frozen=True)
class Window:
    """A window's posts in order of time, and their vectors.

    `posts`: with key; `unit`: which row of `matrix` each post has (equal posts share one); `first`: each row's earliest
    post; `idf`: weight of each feature; `hours`, `channel`: of the earliest post of each row.
    """

    posts: pl.DataFrame
    unit: Numbers
    first: Numbers
    matrix: csr_matrix
    idf: NDArray[np.float32]
    hours: Hours
    channel: Numbers


def find_topics(
    messages: pl.DataFrame,
    embeddings: pl.DataFrame,
    as_of: datetime,
    *,
    repeated: pl.DataFrame | None = None,
    background: Mapping[str, Background] | None = None,
    previous: Topics | None = None,
    dense: Dense | None = None,
    topic_cut: float | None = None,
) -> Topics:
    """The topics of a window: clusters of two posts and more, of posts made until `as_of`.

    `messages` and `embeddings` are the window's MESSAGES and EMBEDDINGS. Service messages, deleted posts and posts
    without features take no part. `repeated`: the lines that channels repeat (`footers.repeated`), learnt from the
    window where not given. `background`: earlier posts' feature counts by language (`frequencies.background`).
    `previous`: an earlier result, whose ids stay (see `identity.assign_ids`); else an id comes from the earliest post.
    `dense`: vectors of a model, blended in.
    `topic_cut`: where merging stops, to try others. The order of the rows handed in changes nothing.
    """
    candidates = topical(messages).filter(pl.col("date") <= as_of)
    window = read_window(candidates, embeddings, background)
    if window is None:
        return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty())
    from tgstudio_dagster.topics.neighbours import mean_similarity

    graph, cluster_of_unit = _events(window, dense, topic_cut)
    cluster = cluster_of_unit[window.unit]
    rows = np.flatnonzero(np.bincount(cluster)[cluster] >= 2)
    if not len(rows):
        return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty())

    topic = np.unique(cluster[rows], return_inverse=True)[1].astype(np.int64)
    origin = _origins(window, graph, cluster_of_unit)[rows]
    members = window.posts[rows].with_columns(
        topic=pl.Series(topic),
        similarity=pl.Series(mean_similarity(graph, window.unit[rows], topic)).round(DIGITS),
        duplicate_of=pl.when(pl.Series(origin != rows)).then(window.posts["key"].gather(origin)),
    )
    cut = repeated_lines(candidates) if repeated is None else repeated
    spans = _summaries(members).with_columns(story=pl.Series(_stories(window, rows, topic, cut)))
    summary, changes = _named(members, spans, previous)
    return Topics(
        TOPICS.conform(summary.join(_labels(members, cut, window.idf), on="topic").select(TOPICS.schema.names())),
        TOPIC_MESSAGES.conform(
            members.join(summary.select("topic", "topic_id"), on="topic").select(TOPIC_MESSAGES.schema.names())
        ),
        changes,
    )


def read_window(
    candidates: pl.DataFrame, embeddings: pl.DataFrame, background: Mapping[str, Background] | None = None
) -> Window | None:
    """The posts that may stand in topics with their unit vectors; None where fewer than two posts say anything.

    A post without a row in `embeddings` has the features of the post with the same text that has one.
    """
    stored = (
        embeddings.select("channel_id", "msg_id", "text_hash", size=pl.col("vector").list.len())
        .with_row_index("row")
        .sort("channel_id", "msg_id")
    )
    own = stored.select("channel_id", "msg_id", "row")
    by_text = stored.unique("text_hash", keep="first", maintain_order=True).select("text_hash", alike="row")
    posts = (
        candidates.join(own, on=["channel_id", "msg_id"], how="left")
        .join(by_text, on="text_hash", how="left")
        .with_columns(row=pl.coalesce("row", "alike"))
        .drop("alike")
        .join(stored.filter(pl.col("size") > 0).select("row"), on="row", how="semi")
        .sort("date", "channel_id", "msg_id")
        .with_columns(key=pl.format("{}/{}", "channel_id", "msg_id"))
    )
    if posts.height < 2:
        return None
    from tgstudio_dagster.topics.neighbours import equal_features, equal_posts
    from tgstudio_dagster.topics.vectors import inverse_frequency, raw_weights, weigh, weigh_by_language

    raw, row = raw_weights(embeddings), posts["row"].to_numpy().astype(np.int64)  # not copied
    hours = posts["date"].dt.epoch("us").to_numpy() / 3.6e9
    unit, first = equal_posts(equal_features(raw)[row], hours)
    rows = raw[row[first]]
    idf = inverse_frequency(rows)
    matrix = (
        weigh_by_language(rows, posts["lang"].gather(first), idf, background) if background else weigh(rows, idf).matrix
    )
    return Window(posts.drop("row"), unit, first, matrix, idf, hours[first], posts["channel_id"].to_numpy()[first])


def _events(window: Window, dense: Dense | None, topic_cut: float | None = None) -> tuple[csr_matrix, Numbers]:
    """The graph of cosines, and the cluster of each row."""
    from tgstudio_dagster.topics.linkage import average_linkage
    from tgstudio_dagster.topics.neighbours import faded, nearest

    graph, cut = nearest(window.matrix, window.hours), TOPIC_CUT
    if dense is not None:
        from tgstudio_dagster.topics.blend import blended

        keys = window.posts["key"].gather(window.first)
        graph, cut = blended(window.matrix, graph, dense.rows(keys), window.hours), TOPIC_CUT_BLENDED
    near = faded(graph, window.hours, window.channel)
    return graph, average_linkage(near, np.bincount(window.unit), topic_cut or cut, COHESION)


def _origins(window: Window, graph: csr_matrix, cluster: Numbers) -> Numbers:
    """For each post the row of the earliest post of its cluster that it repeats; its own row where it repeats none."""
    first = window.first
    forwarded = window.posts["forwarded_from"].is_not_null().to_numpy()[first]
    edges = graph.tocoo()
    cut = np.where(forwarded[edges.row], FORWARD_CUT, DUPLICATE_CUT)
    near = (edges.col < edges.row) & (edges.data >= cut) & (cluster[edges.row] == cluster[edges.col])
    origin = np.arange(len(first))
    np.minimum.at(origin, edges.row[near], edges.col[near])
    for number, earlier in enumerate(origin):  # units stand in order of time, so an earlier one is settled already
        origin[number] = origin[earlier]
    # Equal posts repeat the first of their unit; a unit's own first post stands where its origin is itself.
    rows: Numbers = first[origin[window.unit]]
    return rows


def _stories(window: Window, rows: Numbers, topic: Numbers, cut: pl.DataFrame) -> Numbers:
    """The story number of each topic: topics whose centroids share words, with the time between them counted.

    Only words: character n-grams tell events of one story apart, which is not wanted here (F1 of stories .80, .83
    without them).
    """
    from tgstudio_dagster.topics.linkage import average_linkage
    from tgstudio_dagster.topics.neighbours import faded_stories, nearest, unit_rows
    from tgstudio_dagster.topics.vectors import stems_only
    from tgstudio_dagster.topics.words import stem, tokens

    count = int(topic.max()) + 1
    hours = window.posts["date"].dt.epoch("us").to_numpy()[rows] / 3.6e9
    starts, ends = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(starts, topic, hours)
    np.maximum.at(ends, topic, hours)
    centroids = unit_rows(group_sums(stems_only(window.matrix), window.unit[rows], topic))
    earliest = rows[np.unique(topic, return_index=True)[1]]  # rows stand in order of time
    words = [
        frozenset(stem(word) for word in tokens(text) if not word[0].isdigit())
        for text in clean_texts(window.posts[earliest], cut).to_list()
    ]
    graph = faded_stories(nearest(centroids), starts, ends, words)
    return average_linkage(graph, np.ones(count, dtype=np.int64), STORY_CUT, COHESION)


def group_sums(matrix: csr_matrix, unit: Numbers, group: Numbers) -> csr_matrix:
    """The sum of the rows of each group; `unit` and `group` of each post."""
    from scipy.sparse import csr_matrix

    shape = (int(group.max()) + 1, matrix.shape[0])
    return (csr_matrix((np.ones(len(group), np.float32), (group, unit)), shape=shape) @ matrix).tocsr()


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


def _named(members: pl.DataFrame, spans: pl.DataFrame, previous: Topics | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`spans` with topic_id and story_id, and what changed among topics."""
    known = pl.DataFrame(schema={"id": pl.String(), "key": pl.String(), "story_id": pl.String()})
    if previous is not None:
        known = previous.topic_messages.join(previous.topics.select("topic_id", "story_id"), on="topic_id").select(
            pl.col("topic_id").alias("id"), pl.format("{}/{}", "channel_id", "msg_id").alias("key"), "story_id"
        )
    of_topic = members.select("key", cluster="topic")
    topics, changes = assign_ids(of_topic, known.select("id", "key"), "t-")
    of_story = members.join(spans.select("topic", "story"), on="topic", maintain_order="left").select(
        "key", cluster="story"
    )
    stories, _ = assign_ids(of_story, known.select("key", id="story_id"), "s-")
    named = spans.join(topics.rename({"cluster": "topic", "id": "topic_id"}), on="topic").join(
        stories.rename({"cluster": "story", "id": "story_id"}), on="story"
    )
    return named, changes


def _labels(members: pl.DataFrame, cut: pl.DataFrame, idf: NDArray[np.float32]) -> pl.DataFrame:
    """Titles and keywords, from at most 20 repeats of one post; `cut`: the lines that channels repeat."""
    read = members.filter(
        pl.col("duplicate_of").is_null() | (pl.int_range(pl.len()).over("topic", "duplicate_of") < REPEATS_READ)
    )
    return label(read.with_columns(clean=clean_texts(read, cut)), idf)
