"""How many of a tenant's earlier posts hold each feature, by day and language: what IDF learns from besides the window.

Counts of a day never change once its embeddings are made, so they are kept and summed. Weighing is in vectors.py.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from tgstudio_dagster.topics.lexical import DIMENSIONS
from tgstudio_dagster.topics.vectors import Background

POSTS = 8000  # earlier posts a language's counts roll over
FEWEST = 1000  # a tenant with fewer earlier posts in a language has no background: its window alone speaks

FREQUENCIES = pl.Schema(
    {
        "day": pl.Date(),
        "lang": pl.String(),
        "posts": pl.Int64(),
        "features": pl.List(pl.UInt32),
        "counts": pl.List(pl.UInt32),
    }
)


def count_features(messages: pl.DataFrame, embeddings: pl.DataFrame) -> pl.DataFrame:
    """FREQUENCIES of these posts: a row for each day (UTC) and language, sorted.

    `features`: numbers of the features, rising; `counts`: in how many different texts each stands; `posts`: how many
    different texts there are. Equal texts count once, or a flood would teach what is common.
    """
    languages = messages.select("channel_id", "msg_id", "lang", day=pl.col("date").dt.date())
    distinct = (
        embeddings.filter(pl.col("indices").list.len() > 0)
        .join(languages, on=["channel_id", "msg_id"], how="inner")
        .sort("channel_id", "msg_id")
        .unique(["day", "lang", "text_hash"], keep="first", maintain_order=True)
    )
    totals = distinct.group_by("day", "lang").agg(posts=pl.len().cast(pl.Int64))
    counted = (
        distinct.select("day", "lang", features="indices")
        .explode("features")
        .group_by("day", "lang", "features")
        .agg(counts=pl.len().cast(pl.UInt32))
        .sort("day", "lang", "features")
        .group_by("day", "lang", maintain_order=True)
        .agg("features", "counts")
    )
    return totals.join(counted, on=["day", "lang"]).select(FREQUENCIES.names()).cast(FREQUENCIES).sort("day", "lang")


def background(frequencies: pl.DataFrame, before: date) -> dict[str, Background]:
    """By language: the newest days before `before` until 8,000 posts are reached; none for a language below 1,000."""
    earlier = frequencies.filter(pl.col("day") < before).sort("lang", "day", descending=[False, True])
    rolling = earlier.filter(pl.col("posts").cum_sum().over("lang") - pl.col("posts") < POSTS)
    backgrounds: dict[str, Background] = {}
    for (lang,), rows in rolling.group_by("lang", maintain_order=True):
        posts = int(rows["posts"].sum())
        if posts < FEWEST:
            continue
        features = rows["features"].explode().to_numpy().astype(np.int64)
        counts = rows["counts"].explode().to_numpy()
        summed = np.bincount(features, weights=counts, minlength=DIMENSIONS).astype(np.int64)
        backgrounds[str(lang)] = Background(posts, summed)
    return backgrounds
