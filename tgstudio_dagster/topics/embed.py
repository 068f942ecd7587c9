"""Messages to features: the EMBEDDINGS table of one day. What the features are is in lexical.py."""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.tables import EMBEDDINGS
from tgstudio_dagster.topics.clean import clean_texts, repeated_lines

MODEL = "lexical-stems-char/1"


def embed(day_messages: pl.DataFrame, window_messages: pl.DataFrame) -> pl.DataFrame:
    """The EMBEDDINGS of a day: one row for each of its posts that may stand in a topic (see `topical`).

    `day_messages` and `window_messages` are MESSAGES frames; the window (the day included) is where the lines that each
    channel repeats are learnt. `vector` holds raw weights, 1 + ln(count), at `indices`; both are empty where a post
    says nothing but emoji, links or repeated lines.
    """
    from tgstudio_dagster.topics.lexical import features

    posts = topical(day_messages)
    found = features(clean_texts(posts, repeated_lines(topical(window_messages))).to_list())
    sizes = pl.Series("size", found.bounds).diff().slice(1).cast(pl.UInt32)
    row = pl.int_range(posts.height, dtype=pl.UInt32, eager=True)
    weights = (
        pl.DataFrame({"indices": found.indices, "vector": found.values})
        .with_columns(row=row.repeat_by(sizes).explode().drop_nulls().cast(pl.UInt32))
        .group_by("row", maintain_order=True)
        .agg("indices", "vector")
    )
    rows = posts.select("channel_id", "msg_id", pl.lit(MODEL).alias("model"), "text_hash").with_row_index("row")
    empty_indices, empty_vector = pl.lit([], dtype=pl.List(pl.UInt32)), pl.lit([], dtype=pl.List(pl.Float32))
    joined = rows.join(weights, on="row", how="left", maintain_order="left").with_columns(
        pl.col("indices").fill_null(empty_indices), pl.col("vector").fill_null(empty_vector)
    )
    return EMBEDDINGS.conform(joined.drop("row"))


def topical(messages: pl.DataFrame) -> pl.DataFrame:
    """The posts that may stand in a topic: with a text, still up, no service message, no comment. Sorted by key."""
    return messages.filter(
        (pl.col("type") != "service")
        & pl.col("comment_on").is_null()
        & pl.col("deleted_at").is_null()
        & (pl.col("text").str.strip_chars() != "")
    ).sort("channel_id", "msg_id")
