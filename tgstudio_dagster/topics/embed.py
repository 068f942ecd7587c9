"""Messages to features: the EMBEDDINGS table of one day. What the features are is in lexical.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.lake.tables import EMBEDDINGS
from tgstudio_dagster.topics.clean import clean_texts, repeated_lines

MODEL = "lexical-stems-char/2"
MOST_REPEATS = 100  # rows of one text a day: a flood of equal posts must not fill the lake


def embed(
    day_messages: pl.DataFrame, window_messages: pl.DataFrame, repeated: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The EMBEDDINGS of a day: one row for each of its posts that may stand in a topic (see `topical`).

    `day_messages` and `window_messages` are MESSAGES frames; the window (the day included) is where the lines that each
    channel repeats are learnt, unless `repeated` (`footers.repeated`) brings them. `vector` holds raw weights (see
    lexical.py) at `indices`; both are empty where a post says nothing but emoji, links or repeated lines. Of posts with
    equal texts the earliest 100 have rows; find_topics gives the others the same features.
    """
    from tgstudio_dagster.topics.lexical import features

    every = topical(day_messages)
    nth = pl.int_range(pl.len()).over("text_hash", order_by=["date", "channel_id", "msg_id"])
    posts = every.filter(nth < MOST_REPEATS)
    cut = repeated_lines(topical(window_messages)) if repeated is None else repeated
    texts = clean_texts(posts, cut)
    distinct = texts.unique(maintain_order=True)
    found = features(distinct.to_list())
    place = (
        texts.replace_strict(distinct, pl.int_range(len(distinct), eager=True)) if len(texts) else texts.cast(pl.Int64)
    )
    rows = posts.select("channel_id", "msg_id", pl.lit(MODEL).alias("model"), "text_hash").with_columns(
        _listed("indices", found.bounds, found.indices, place), _listed("vector", found.bounds, found.values, place)
    )
    return EMBEDDINGS.conform(rows)


def _listed(name: str, bounds: NDArray[np.int64], values: NDArray[Any], place: pl.Series) -> pl.Series:
    """A list for each place: the values from its bound to the next."""
    import pyarrow as pa

    lists = pl.Series(name, pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(bounds), pa.array(values))))
    return lists if place.equals(pl.int_range(len(lists), eager=True)) else lists.gather(place)


def topical(messages: pl.DataFrame) -> pl.DataFrame:
    """The posts that may stand in a topic: with a text, still up, no service message, no comment. Sorted by key."""
    return messages.filter(
        (pl.col("type") != "service")
        & pl.col("comment_on").is_null()
        & pl.col("deleted_at").is_null()
        & (pl.col("text").str.strip_chars() != "")
    ).sort("channel_id", "msg_id")
