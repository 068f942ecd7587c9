"""One day's messages to its SEARCH_INDEX: stems of each post and, where a dense model has run, its small vector."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.posts.counting import FINDABLE, NO_COMMENT, STANDING
from tgstudio_dagster.search.words import terms

_KEY = ["channel_id", "msg_id", "text_hash"]


def index_day(messages: pl.DataFrame, embeddings: pl.DataFrame | None = None) -> pl.DataFrame:
    """The SEARCH_INDEX of a day's MESSAGES: service messages and posts without a word are not in it.

    Of `embeddings` (the day's) only a sentence model's vectors of the texts as they now stand are taken: lexical
    features add nothing to the words themselves. The same frames give the same rows.
    """
    posts = messages.filter(FINDABLE)
    words = pl.Series("words", [" ".join(terms(text)) for text in posts["text"]], dtype=pl.String)
    rows = posts.with_columns(words, comment=~NO_COMMENT, deleted=~STANDING).filter(pl.col("words") != "")
    joined = rows.join(_small_vectors(embeddings), on=_KEY, how="left", maintain_order="left")
    return SEARCH_INDEX.conform(joined.select(list(SEARCH_INDEX.columns)))


def small(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Rows as whole numbers of -127 to 127, each by its own largest value; a row of zeros stays one."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return np.rint(vectors * (127 / np.where(largest > 0, largest, 1))).astype(np.int8)


def _small_vectors(embeddings: pl.DataFrame | None) -> pl.DataFrame:
    """Columns channel_id, msg_id, text_hash, model, vector of the dense rows."""
    empty = pl.DataFrame(
        schema={
            "channel_id": pl.Int64,
            "msg_id": pl.Int64,
            "text_hash": pl.String,
            "model": pl.String,
            "vector": pl.List(pl.Int8),
        }
    )
    if embeddings is None:
        return empty
    parts = []
    for part in embeddings.filter(pl.col("dense").is_not_null()).partition_by("dense_model", maintain_order=True):
        values = part["dense"].explode().to_numpy().reshape(part.height, -1)
        vector = pl.Series("vector", small(values)).arr.to_list()
        parts.append(part.select(*_KEY, model="dense_model").with_columns(vector))
    return pl.concat([empty, *parts])
