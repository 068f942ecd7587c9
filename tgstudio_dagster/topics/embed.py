"""Messages to features: the EMBEDDINGS table of one day. What the features are is in lexical.py and sentence.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.lake.tables.topics import EMBEDDINGS
from tgstudio_dagster.posts.counting import TOPICAL
from tgstudio_dagster.topics.clean import clean_texts
from tgstudio_dagster.topics.footers import repeated_lines
from tgstudio_dagster.topics.talks import without_courtesies

if TYPE_CHECKING:
    from tgstudio_dagster.topics.sentence import Encoder

MODEL = "lexical-stems-char/3"
# What a sentence model reads of a post. News says what happened first: with whole posts F1 was the same on one day of
# Russian news and .014 lower on another, and they take 1.6 times as long.
DENSE_CHARS = 400
MOST_REPEATS = 100  # rows of one text a day: a flood of equal posts must not fill the lake


def embed(
    day_messages: pl.DataFrame,
    window_messages: pl.DataFrame | None = None,
    repeated: pl.DataFrame | None = None,
    *,
    encoder: Encoder | None = None,
) -> pl.DataFrame:
    """The EMBEDDINGS of a day: one row for each of its posts that may stand in a topic (see `topical`).

    `repeated` (`footers.repeated`) are the lines that each channel repeats; without it they are learnt from
    `window_messages` (MESSAGES of more days), without these from the day's own. `vector` holds raw weights (see
    lexical.py) at `indices`; both are empty where a post says nothing but emoji, links or repeated lines. With `encoder`
    `dense` holds its vector of the cleaned text's beginning, null for such posts. Of posts with equal texts the earliest 100 have
    rows; find_topics gives the others the same features.
    """
    from tgstudio_dagster.topics.lexical import features

    every = topical(day_messages)
    nth = pl.int_range(pl.len()).over("text_hash", order_by=["date", "channel_id", "msg_id"])
    posts = every.filter(nth < MOST_REPEATS)
    learnt_from = day_messages if window_messages is None else window_messages
    cut = repeated_lines(topical(learnt_from)) if repeated is None else repeated
    texts = clean_texts(posts, cut)
    distinct = texts.unique(maintain_order=True)
    extracted = features(distinct.to_list())
    place = (
        texts.replace_strict(distinct, pl.int_range(len(distinct), eager=True)) if len(texts) else texts.cast(pl.Int64)
    )
    rows = posts.select("channel_id", "msg_id", pl.lit(MODEL).alias("model"), "text_hash").with_columns(
        _listed("indices", extracted.bounds, extracted.indices, place),
        _listed("vector", extracted.bounds, extracted.values, place),
    )
    if encoder is None:
        nothing = [pl.lit(None, EMBEDDINGS.schema[name]).alias(name) for name in ("dense_model", "dense")]
        return EMBEDDINGS.conform(rows.with_columns(nothing))
    return EMBEDDINGS.conform(rows.with_columns(_dense(encoder, distinct, np.diff(extracted.bounds) > 0)[place]))


def _dense(encoder: Encoder, texts: pl.Series, telling: NDArray[np.bool_]) -> pl.DataFrame:
    """Columns dense_model and dense, a row per text; null for texts that tell nothing."""
    vectors = encoder.encode(texts.filter(pl.Series(telling)).str.slice(0, DENSE_CHARS).to_list())
    lists = pl.Series("dense", list(vectors)).cast(EMBEDDINGS.schema["dense"])
    frame = pl.DataFrame({"place": np.flatnonzero(telling)}).with_columns(
        dense=lists, dense_model=pl.lit(encoder.model)
    )
    every = pl.DataFrame({"place": np.arange(len(texts))})
    return every.join(frame, on="place", how="left", maintain_order="left").select("dense_model", "dense")


def _listed(name: str, bounds: NDArray[np.int64], values: NDArray[Any], place: pl.Series) -> pl.Series:
    """A list for each place: the values from its bound to the next."""
    import pyarrow as pa

    lists = pl.Series(name, pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(bounds), pa.array(values))))
    return lists if place.equals(pl.int_range(len(lists), eager=True)) else lists.gather(place)


def topical(messages: pl.DataFrame) -> pl.DataFrame:
    """The posts that may stand in a topic, sorted by key: with a text, still up, no service message, no comment, and no
    courtesy of a person in a chat (talks.py).
    """
    return without_courtesies(messages.filter(TOPICAL)).sort("channel_id", "msg_id")
