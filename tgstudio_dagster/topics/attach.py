"""Attaches new posts to the existing topics between two clusterings of the whole window.

An index of the window is prepared once (after a clustering) and serves until the next one; attaching to it takes a
fraction of a second. Where attaching and clustering differ, the next clustering is right: ids stay by overlap. When
to attach and when to cluster is decided in hourly.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.clean import clean_texts
from tgstudio_dagster.topics.cluster import (
    COHESION,
    DIGITS,
    DUPLICATE_CUT,
    FORWARD_CUT,
    TOPIC_CUT,
    TOPIC_CUT_BLENDED,
    Topics,
    read_window,
    with_rows,
)
from tgstudio_dagster.topics.embed import topical
from tgstudio_dagster.topics.footers import repeated_lines
from tgstudio_dagster.topics.identity import assign_ids
from tgstudio_dagster.topics.label import label

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from tgstudio_dagster.topics.blend import Dense, DenseRows
    from tgstudio_dagster.topics.cluster import Window
    from tgstudio_dagster.topics.neighbours import Hours, Numbers
    from tgstudio_dagster.topics.vectors import Background

# (mean + max) / 2 of a post's nearness to a topic's posts, from which it joins. Chosen where attaching agrees best with
# clustering on nine days without labels: .24 to .28 are alike.
ATTACH_CUT = 0.26
ATTACH_CUT_BLENDED = 0.27  # with a dense model: .25 to .29 are alike on two days of Russian news
LOOKED_AT = 100  # nearest posts of the window; more than for clustering, as a large topic's mean is taken over them
_POST = ["channel_id", "msg_id"]


@dataclass(frozen=True)
class Index:
    """A clustered window ready to be attached to: its posts, vectors (transposed), and the topic of each post (-1: none).

    `dense`: a model's vectors of the window's rows, where there is one.
    """

    window: Window
    transposed: csr_matrix
    topics: Topics
    topic: Numbers
    repeated: pl.DataFrame
    dense: DenseRows | None = None


def prepare(
    messages: pl.DataFrame,
    embeddings: pl.DataFrame,
    topics: Topics,
    as_of: datetime,
    *,
    repeated: pl.DataFrame | None = None,
    background: Mapping[str, Background] | None = None,
    dense: Dense | None = None,
) -> Index | None:
    """The index of a window whose topics are `topics`; None where the window says too little to be indexed.

    Arguments as `find_topics` takes them.
    """
    candidates = topical(messages).filter(pl.col("date") <= as_of)
    window = read_window(candidates, embeddings, background)
    if window is None:
        return None
    numbers = topics.topics.select("topic_id").with_row_index("topic")
    of_post = topics.topic_messages.select(*_POST, "topic_id").join(numbers, on="topic_id").drop("topic_id")
    topic = window.posts.select(_POST).join(of_post, on=_POST, how="left", maintain_order="left")["topic"]
    return Index(
        window,
        window.matrix.T.tocsr(),
        topics,
        topic.cast(pl.Int64).fill_null(-1).to_numpy(),
        repeated_lines(candidates) if repeated is None else repeated,
        None if dense is None else dense.rows(window.posts["key"].gather(window.first)),
    )


def attach(index: Index, messages: pl.DataFrame, embeddings: pl.DataFrame, dense: Dense | None = None) -> Topics:
    """The known topics with new posts in them, and new topics of new posts and of lone posts of the window.

    `messages`, `embeddings`, `dense`: of the new posts; those the index knows are passed over. A new post joins the
    topic it is nearest to from `ATTACH_CUT` on; what is left is clustered as `find_topics` does, each such topic a story
    of its own. The order of rows changes nothing; nor do known topics lose posts, titles or ids.
    """
    new = with_rows(topical(messages).join(index.window.posts.select(_POST), on=_POST, how="anti"), embeddings)
    if new.is_empty():
        return index.topics
    from tgstudio_dagster.topics.blend import blended_between, lifted
    from tgstudio_dagster.topics.vectors import raw_weights, weigh_by_language

    raw = raw_weights(embeddings[new["row"]])
    vectors = weigh_by_language(raw, new["lang"], index.window.idf, index.window.learnt)
    hours = new["date"].dt.epoch("us").to_numpy() / 3.6e9
    channel = new["channel_id"].to_numpy()
    cosines = _cosines(vectors, index.transposed, LOOKED_AT)
    among = _cosines(vectors, vectors.T.tocsr(), LOOKED_AT)
    own = None if index.dense is None or dense is None else dense.rows(new["key"])
    if own is not None and index.dense is not None:
        cosines = blended_between(cosines, vectors, index.window.matrix, own, index.dense, LOOKED_AT)
        among = blended_between(among, vectors, vectors, own, own, LOOKED_AT)
    near = _faded(cosines, hours, index.window.hours, channel, index.window.channel)
    near_among = _faded(among, hours, hours, channel, channel)
    if own is not None and index.dense is not None:
        near = lifted(near, own, index.dense, TOPIC_CUT_BLENDED / TOPIC_CUT)
        near_among = lifted(near_among, own, own, TOPIC_CUT_BLENDED / TOPIC_CUT)
    joined, strength = _joined(near, index)
    formed = _made(index, new, near, near_among, joined)
    rows = new.with_columns(
        topic=pl.Series(joined),
        similarity=pl.Series(strength).round(DIGITS),
        duplicate_of=_origins(index, new, cosines, joined),
    ).filter(pl.col("topic") >= 0)
    topic_ids = index.topics.topics.with_row_index("topic").select(pl.col("topic").cast(pl.Int64), "topic_id")
    added = rows.join(topic_ids, on="topic").select(TOPIC_MESSAGES.schema.names())
    members = pl.concat([index.topics.topic_messages, added])
    return Topics(
        TOPICS.conform(pl.concat([_counted(index.topics.topics, members), formed.topics])),
        TOPIC_MESSAGES.conform(pl.concat([members, formed.topic_messages])),
        index.topics.changes,
    )


def _cosines(rows: csr_matrix, columns: csr_matrix, top: int) -> Any:
    from sparse_dot_topn import sp_matmul_topn

    from tgstudio_dagster.topics.neighbours import LEAST_SIMILARITY

    return sp_matmul_topn(rows, columns, top_n=top, threshold=LEAST_SIMILARITY, sort=True, n_threads=1).tocoo()


def _faded(cosines: Any, hours: Hours, to_hours: Hours, channel: Numbers, to_channel: Numbers) -> Any:
    """The cosines as `neighbours.faded` fades them: rows have `hours`, columns `to_hours`."""
    from tgstudio_dagster.topics.neighbours import LEAST_SIMILARITY, nearness

    factor = nearness(
        np.abs(hours[cosines.row] - to_hours[cosines.col]), channel[cosines.row] == to_channel[cosines.col]
    )
    faded = cosines.copy()
    faded.data = cosines.data * factor
    strong = faded.data >= LEAST_SIMILARITY
    faded.row, faded.col, faded.data = faded.row[strong], faded.col[strong], faded.data[strong]
    return faded


def _joined(near: Any, index: Index) -> tuple[Numbers, NDArray[np.float64]]:
    """The topic that each new post joins (-1: none), and its mean nearness to that topic's posts."""
    count = near.shape[0]
    joined, strength = np.full(count, -1, dtype=np.int64), np.zeros(count)
    unit_topic = index.topic[index.window.first]
    posts = np.bincount(index.window.unit)
    inside = unit_topic[near.col] >= 0
    rows, columns, values = near.row[inside], near.col[inside], near.data[inside].astype(np.float64)
    if not len(rows):
        return joined, strength
    topics = int(index.topics.topics.height)
    pair, at = np.unique(rows.astype(np.int64) * topics + unit_topic[columns], return_inverse=True)
    size = np.bincount(index.topic[index.topic >= 0], minlength=topics)
    means = np.bincount(at, weights=values * posts[columns]) / size[pair % topics]
    highest = np.zeros(len(pair))
    np.maximum.at(highest, at, values)
    score = np.round((means + highest) / 2, DIGITS)
    cut = ATTACH_CUT if index.dense is None else ATTACH_CUT_BLENDED
    for n in np.lexsort((pair, -score)):  # best first; of equals the first topic
        row, topic = divmod(int(pair[n]), topics)
        if score[n] >= cut and joined[row] < 0:
            joined[row], strength[row] = topic, min(float(means[n]), 1.0)
    return joined, strength


def _made(index: Index, new: pl.DataFrame, near: Any, among: Any, joined: Numbers) -> Topics:
    """Topics of new posts that joined none, and of lone posts of the window beside them."""
    from scipy.sparse import coo_matrix

    from tgstudio_dagster.topics.linkage import average_linkage
    from tgstudio_dagster.topics.neighbours import mean_similarity

    left = joined < 0
    lone = index.topic[index.window.first] < 0
    to_lone = left[near.row] & lone[near.col]
    lone_units = np.unique(near.col[to_lone])
    fresh = np.flatnonzero(left)
    place = np.full(len(joined), -1, dtype=np.int64)
    place[fresh] = np.arange(len(fresh))
    both = left[among.row] & left[among.col] & (among.row < among.col)
    rows = np.concatenate([place[near.row[to_lone]], place[among.row[both]]])
    columns = np.concatenate([len(fresh) + np.searchsorted(lone_units, near.col[to_lone]), place[among.col[both]]])
    values = np.concatenate([near.data[to_lone], among.data[both]])
    count = len(fresh) + len(lone_units)
    if not len(rows):
        return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty())
    half = coo_matrix((values, (rows, columns)), shape=(count, count)).tocsr()
    graph = (half + half.T).tocsr()
    cut = TOPIC_CUT if index.dense is None else TOPIC_CUT_BLENDED
    cluster = average_linkage(graph, np.ones(count, dtype=np.int64), cut, COHESION)
    chosen = np.flatnonzero(np.bincount(cluster)[cluster] >= 2)
    if not len(chosen):
        return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty())
    topic = np.unique(cluster[chosen], return_inverse=True)[1].astype(np.int64)
    old = index.window.posts[index.window.first[lone_units]]
    posts = pl.concat([new.select(old.columns)[fresh], old])[chosen]
    members = posts.with_columns(
        topic=pl.Series(topic),
        similarity=pl.Series(mean_similarity(graph, chosen, topic)).round(DIGITS),
        duplicate_of=pl.lit(None, dtype=pl.String),
        clean=clean_texts(posts, index.repeated),
    ).sort("date", *_POST)
    return _described(index, members)


def _described(index: Index, members: pl.DataFrame) -> Topics:
    taken = pl.concat([index.topics.topics.select(id="topic_id"), index.topics.topics.select(id="story_id")])
    ids, _ = assign_ids(members.select("key", cluster="topic"), taken.with_columns(key=pl.lit("")), "t-")
    counts = members.group_by("topic", maintain_order=True).agg(
        first_seen=pl.col("date").min(),
        last_seen=pl.col("date").max(),
        messages=pl.len().cast(pl.Int32),
        channels=pl.col("channel_id").n_unique().cast(pl.Int32),
    )
    named = (
        counts.join(ids.rename({"cluster": "topic", "id": "topic_id"}), on="topic")
        .with_columns(story_id=pl.lit("s-") + pl.col("topic_id").str.slice(2))
        .join(label(members, index.window.idf), on="topic")
    )
    return Topics(
        named.select(TOPICS.schema.names()),
        members.join(named.select("topic", "topic_id"), on="topic").select(TOPIC_MESSAGES.schema.names()),
    )


def _origins(index: Index, new: pl.DataFrame, cosines: Any, joined: Numbers) -> pl.Series:
    """The key of the earliest post of its topic that each new post repeats; null where it repeats none."""
    forwarded = new["forwarded_from"].is_not_null().to_numpy()
    cut = np.where(forwarded, FORWARD_CUT, DUPLICATE_CUT)
    same = (cosines.data >= cut[cosines.row]) & (joined[cosines.row] >= 0)
    same &= index.topic[index.window.first][cosines.col] == joined[cosines.row]
    origin = np.full(len(joined), len(index.window.first), dtype=np.int64)
    np.minimum.at(origin, cosines.row[same], cosines.col[same])
    keys = index.window.posts["key"].gather(index.window.first).to_list()
    keys_of = index.topics.topic_messages.select(pl.format("{}/{}", *_POST), "duplicate_of")
    earlier = dict(keys_of.iter_rows())
    origins = [None if at == len(keys) else (earlier.get(keys[at]) or keys[at]) for at in origin.tolist()]
    return pl.Series(origins, dtype=pl.String)


def _counted(topics: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The topics with spans and counts of all their posts."""
    counts = members.group_by("topic_id").agg(
        pl.len().cast(pl.Int32).alias("messages"),
        pl.col("channel_id").n_unique().cast(pl.Int32).alias("channels"),
        pl.col("date").min().alias("first_seen"),
        pl.col("date").max().alias("last_seen"),
    )
    return (
        topics.drop("messages", "channels", "first_seen", "last_seen")
        .join(counts, on="topic_id")
        .select(topics.columns)
    )
