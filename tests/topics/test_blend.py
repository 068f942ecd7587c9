"""Vectors of a sentence model, blended in."""

from __future__ import annotations

import numpy as np
import polars as pl

from tests.topics import posts
from tgstudio_dagster.topics.blend import Dense
from tgstudio_dagster.topics.cluster import find_topics
from tgstudio_dagster.topics.embed import embed


def _topics(vectors: dict[str, list[float]]) -> list[int]:
    frame = posts.news()
    keyed = pl.DataFrame(
        {"key": list(vectors), "vector": list(vectors.values())}, {"key": pl.String, "vector": pl.List(pl.Float32)}
    )
    made = find_topics(frame, embed(frame, frame), posts.AS_OF, dense=Dense(keyed, floor=0.0, share=0.5))
    return sorted(made.topics["messages"].to_list())


def test_posts_without_shared_words_meet_by_meaning() -> None:
    frame = posts.news().select(pl.format("{}/{}", "channel_id", "msg_id").alias("key"), "channel_id")
    directions = {1: 0, 2: 0, 3: 0, 11: 0, 12: 0, 13: 0, 21: 1, 22: 2}
    vectors = {key: np.eye(3)[directions[channel]].tolist() for key, channel in frame.iter_rows()}
    assert _topics(vectors) == [6]


def test_posts_without_a_vector_keep_their_lexical_similarity() -> None:
    assert _topics({}) == [3, 3]
