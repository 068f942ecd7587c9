"""Posts to topics and stories: which posts make one topic, which topics make one story.

Two levels, because an event ("parliament votes") stands inside a story ("martial law"): a topic is an event told by two
posts or more, a story is topics near each other; a post told once that belongs to a story is a topic of one post in it
(stories.py). Titles and keywords are made in label.py, ids in identity.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.clean import clean_texts
from tgstudio_dagster.topics.embed import topical
from tgstudio_dagster.topics.footers import repeated_lines
from tgstudio_dagster.topics.identity import CHANGES, assign_ids
from tgstudio_dagster.topics.label import label
from tgstudio_dagster.topics.talks import apart, chats, dissolved, held_together

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from tgstudio_dagster.topics.blend import Dense
    from tgstudio_dagster.topics.neighbours import Hours, Numbers
    from tgstudio_dagster.topics.vectors import Background

# Where merging stops, as measured on two days of Russian news: .20 to .23 are alike. See docs/topics.md.
TOPIC_CUT = 0.22
TOPIC_CUT_BLENDED = 0.265  # with a dense model: .26 to .27 are alike
COHESION = 0.5
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
class Clustering:
    """Which posts make one topic and which topics one story, before anything has an id.

    `members`: topic (a number), channel_id, msg_id, date, similarity and duplicate_of, in order of time. `topics`: a row
    for each number with its story (a number) and all of TOPICS but the ids.
    """

    members: pl.DataFrame
    topics: pl.DataFrame


@dataclass(frozen=True)
class Window:
    """A window's posts in order of time, and their vectors.

    `posts`: with key; `unit`: which row of `matrix` each post has (equal posts share one); `first`: each row's earliest
    post; `idf`: weight of each feature, `learnt`: that of languages which learn from earlier posts too; `hours`, `channel`:
    of the earliest post of each row; `stems`: raw weights of the words of each row; `chat`: whether it is of a group chat.
    """

    posts: pl.DataFrame
    unit: Numbers
    first: Numbers
    matrix: csr_matrix
    idf: NDArray[np.float32]
    learnt: Mapping[str, NDArray[np.float32]]
    hours: Hours
    channel: Numbers
    stems: csr_matrix
    chat: NDArray[np.bool_]


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
    """The topics of a window, of posts made until `as_of`: clusters of two posts and more, and lone posts of a story.

    `messages` and `embeddings` are the window's MESSAGES and EMBEDDINGS. Service messages, deleted posts and posts
    without features take no part. `repeated`: the lines that channels repeat (`footers.repeated`), learnt from the
    window where not given. `background`: earlier posts' feature counts by language (`frequencies.background`).
    `previous`: an earlier result, whose ids stay (see `identity.assign_ids`); else an id comes from the earliest post.
    `dense`: vectors of a model, blended in.
    `topic_cut`: where merging stops, to try others. The order of the rows handed in changes nothing.
    """
    candidates = topical(messages).filter(pl.col("date") <= as_of)
    cut = repeated_lines(candidates) if repeated is None else repeated
    clustering = cluster_posts(candidates, embeddings, cut, background, dense, topic_cut)
    return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty()) if clustering is None else name_topics(clustering, previous)


def cluster_posts(
    candidates: pl.DataFrame,
    embeddings: pl.DataFrame,
    repeated: pl.DataFrame,
    background: Mapping[str, Background] | None = None,
    dense: Dense | None = None,
    topic_cut: float | None = None,
) -> Clustering | None:
    """What `find_topics` finds, without ids; None where no two posts make a topic. `candidates`: `topical` posts."""
    window = read_window(candidates, embeddings, background)
    if window is None:
        return None
    from tgstudio_dagster.topics.neighbours import mean_similarity

    graph, cluster_of_unit = _events(window, dense, topic_cut)
    cluster_of_post = cluster_of_unit[window.unit]
    story_of_cluster = _stories(window, cluster_of_post, repeated)
    rows = np.flatnonzero(story_of_cluster[cluster_of_post] >= 0)
    if not len(rows):
        return None

    clusters, topic = np.unique(cluster_of_post[rows], return_inverse=True)
    topic = topic.astype(np.int64)
    origin = _origins(window, graph, cluster_of_unit)[rows]
    members = window.posts[rows].with_columns(
        topic=pl.Series(topic),
        similarity=pl.Series(mean_similarity(graph, window.unit[rows], topic)).round(DIGITS),
        duplicate_of=pl.when(pl.Series(origin != rows)).then(window.posts["key"].gather(origin)),
    )
    spans = _spans(members).with_columns(story=pl.Series(story_of_cluster[clusters]))
    return Clustering(
        members.select("topic", *TOPIC_MESSAGES.schema.names()[1:]),
        spans.join(_labels(members, repeated, window.idf), on="topic", maintain_order="left"),
    )


def name_topics(clustering: Clustering, previous: Topics | None) -> Topics:
    """Topics and stories with ids; those of `previous` stay where most of their posts do (`identity.assign_ids`)."""
    earlier = pl.DataFrame(schema={"id": pl.String(), "key": pl.String(), "story_id": pl.String()})
    if previous is not None:
        earlier = previous.topic_messages.join(previous.topics.select("topic_id", "story_id"), on="topic_id").select(
            pl.col("topic_id").alias("id"), pl.format("{}/{}", "channel_id", "msg_id").alias("key"), "story_id"
        )
    keyed = clustering.members.with_columns(key=pl.format("{}/{}", "channel_id", "msg_id")).join(
        clustering.topics.select("topic", "story"), on="topic", maintain_order="left"
    )
    topics, changes = assign_ids(keyed.select("key", cluster="topic"), earlier.select("id", "key"), "t-")
    stories, _ = assign_ids(keyed.select("key", cluster="story"), earlier.select("key", id="story_id"), "s-")
    of_topic = topics.rename({"cluster": "topic", "id": "topic_id"})
    named = clustering.topics.join(of_topic, on="topic").join(
        stories.rename({"cluster": "story", "id": "story_id"}), on="story"
    )
    members = clustering.members.join(of_topic, on="topic")
    return Topics(
        TOPICS.conform(named.select(TOPICS.schema.names())),
        TOPIC_MESSAGES.conform(members.select(TOPIC_MESSAGES.schema.names())),
        changes,
    )


def read_window(
    candidates: pl.DataFrame, embeddings: pl.DataFrame, background: Mapping[str, Background] | None = None
) -> Window | None:
    """The posts that may stand in topics with their unit vectors; None where fewer than two posts say anything."""
    posts = with_rows(candidates, embeddings)
    if posts.height < 2:
        return None
    from tgstudio_dagster.topics.neighbours import equal_features, equal_posts
    from tgstudio_dagster.topics.vectors import (
        inverse_frequency,
        learnt_weights,
        raw_stems,
        raw_weights,
        weigh_by_language,
    )

    raw, row = raw_weights(embeddings), posts["row"].to_numpy().astype(np.int64)  # not copied
    hours = posts["date"].dt.epoch("us").to_numpy() / 3.6e9
    in_chat = posts["channel_id"].is_in(chats(posts)).to_numpy()
    unit, first = equal_posts(apart(equal_features(raw)[row], in_chat), hours)
    rows = row[first]
    idf = inverse_frequency(raw, rows=rows)
    languages = posts["lang"].gather(first)
    learnt = learnt_weights(raw, languages, background or {}, rows)
    matrix = weigh_by_language(raw, languages, idf, learnt, rows)
    channel = posts["channel_id"].to_numpy()[first]
    stems = raw_stems(raw, rows)
    return Window(posts.drop("row"), unit, first, matrix, idf, learnt, hours[first], channel, stems, in_chat[first])


def with_rows(candidates: pl.DataFrame, embeddings: pl.DataFrame) -> pl.DataFrame:
    """The posts that say something, in order of time, with key, and row: whose features in `embeddings` they have.

    A post without a row of its own has the features of the post with the same text that has one.
    """
    stored = (
        embeddings.select("channel_id", "msg_id", "text_hash", size=pl.col("vector").list.len())
        .with_row_index("row")
        .sort("channel_id", "msg_id")
    )
    own = stored.select("channel_id", "msg_id", "row")
    by_text = stored.unique("text_hash", keep="first", maintain_order=True).select("text_hash", alike="row")
    return (
        candidates.join(own, on=["channel_id", "msg_id"], how="left")
        .join(by_text, on="text_hash", how="left")
        .with_columns(row=pl.coalesce("row", "alike"))
        .drop("alike")
        .join(stored.filter(pl.col("size") > 0).select("row"), on="row", how="semi")
        .sort("date", "channel_id", "msg_id")
        .with_columns(key=pl.format("{}/{}", "channel_id", "msg_id"))
    )


def _events(window: Window, dense: Dense | None, topic_cut: float | None = None) -> tuple[csr_matrix, Numbers]:
    """The graph of cosines, and the cluster of each row."""
    from tgstudio_dagster.topics.linkage import average_linkage
    from tgstudio_dagster.topics.neighbours import faded, nearest

    graph, cut = nearest(window.matrix, window.hours), TOPIC_CUT
    if dense is not None:
        from tgstudio_dagster.topics.blend import blended, lifted

        rows = dense.rows(window.posts["key"].gather(window.first))
        graph, cut = blended(window.matrix, graph, rows, window.hours), TOPIC_CUT_BLENDED
        near = faded(graph, window.hours, window.channel)
        near = lifted(near, rows, rows, TOPIC_CUT_BLENDED / TOPIC_CUT).tocsr()
    else:
        near = faded(graph, window.hours, window.channel)
    of_post = window.posts["date"].dt.epoch("us").to_numpy() / 3.6e9
    near = held_together(near, window.posts, window.unit, of_post)
    cluster = average_linkage(near, np.bincount(window.unit), topic_cut or cut, COHESION)
    return graph, dissolved(cluster, window.stems, window.chat)


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


def _stories(window: Window, cluster: Numbers, cut: pl.DataFrame) -> Numbers:
    """The story of each cluster of posts (`stories.find_stories`); `cluster`: of each post."""
    from tgstudio_dagster.topics.stories import find_stories
    from tgstudio_dagster.topics.words import stem, tokens

    def words(rows: Numbers) -> list[frozenset[str]]:
        texts = clean_texts(window.posts[rows], cut).to_list()
        return [frozenset(stem(word) for word in tokens(text) if not word[0].isdigit()) for text in texts]

    hours = window.posts["date"].dt.epoch("us").to_numpy() / 3.6e9
    return find_stories(window.stems, window.unit, cluster, hours, words)


def _spans(members: pl.DataFrame) -> pl.DataFrame:
    """One row per topic, by its number: when it was told, by how many posts and channels."""
    return (
        members.group_by("topic", maintain_order=True)
        .agg(
            first_seen=pl.col("date").min(),
            last_seen=pl.col("date").max(),
            messages=pl.len().cast(pl.Int32),
            channels=pl.col("channel_id").n_unique().cast(pl.Int32),
        )
        .sort("topic")
    )


def _labels(members: pl.DataFrame, cut: pl.DataFrame, idf: NDArray[np.float32]) -> pl.DataFrame:
    """Titles and keywords, from at most 20 repeats of one post; `cut`: the lines that channels repeat."""
    read = members.filter(
        pl.col("duplicate_of").is_null() | (pl.int_range(pl.len()).over("topic", "duplicate_of") < REPEATS_READ)
    )
    return label(read.with_columns(clean=clean_texts(read, cut)), idf)
