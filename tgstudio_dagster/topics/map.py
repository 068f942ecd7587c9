"""The map: a place in the plane for each post of a window, near posts near each other. Reads features, writes places.

UMAP (umap_layout.py) on an SVD of the TF-IDF vectors, held to yesterday's map. Measured by benchmarks/topic_map.py, CPU
seconds of one core: import 2 s, once in a process; compilation 5 s, once on a machine; then the first map of 5,000 posts
2.0 s and each later day's 1.0 s, of 20,000 posts 10 s and 7 s. On six days of Russian news shared posts move .12 to .13 of
the map's radius from one day to the next (UMAP's class, started from yesterday's places: .42 to 1.12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tgstudio_dagster.lake.tables.topics import TOPIC_MAP
from tgstudio_dagster.topics.umap_layout import FEWEST, SEED, Places, lay_out_points

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

DIMENSIONS = 32  # of the SVD; features that only one post has are left out, they bring nobody nearer
DIGITS = 4

_POST = ["channel_id", "msg_id"]


def lay_out(
    embeddings: pl.DataFrame, topic_messages: pl.DataFrame, topics: pl.DataFrame, previous: pl.DataFrame | None
) -> pl.DataFrame:
    """The TOPIC_MAP of a window's EMBEDDINGS; equal posts share a place, posts without features stand in the centre.

    With `previous` (the TOPIC_MAP of the day before) posts of both start where they stood and the result is turned to
    match, so that a person finds them again. `method` is `umap`, or `pca: reason` where there are too few posts.
    """
    rows = embeddings.sort(_POST)
    places, method = _places(rows, previous)
    topic = topic_messages.select(*_POST, "topic_id").join(topics.select("topic_id", "story_id"), on="topic_id")
    return TOPIC_MAP.conform(
        rows.select(_POST)
        .with_columns(x=pl.Series(places[:, 0]).round(DIGITS), y=pl.Series(places[:, 1]).round(DIGITS))
        .join(topic, on=_POST, how="left")
        .with_columns(method=pl.lit(method))
        .select(TOPIC_MAP.schema.names())
    )


def moved(topic_map: pl.DataFrame, previous: pl.DataFrame) -> float | None:
    """How far the posts of both maps moved, on the mean, beside the radius of the previous one (root mean square).

    0 is a map that stands still; None where no post, or no place, is in both.
    """
    both = topic_map.join(previous, on=_POST, suffix="_before")
    if both.is_empty():
        return None
    before = previous.select("x", "y").to_numpy()
    radius = float(np.sqrt(((before - before.mean(axis=0)) ** 2).sum(axis=1).mean()))
    way = both.select("x", "y").to_numpy() - both.select("x_before", "y_before").to_numpy()
    return float(np.hypot(*way.T).mean()) / radius if radius > 0 else None


def _places(rows: pl.DataFrame, previous: pl.DataFrame | None) -> tuple[Places, str]:
    places = np.zeros((rows.height, 2))
    if rows.is_empty():
        return places, "pca: no post"
    from threadpoolctl import threadpool_limits

    from tgstudio_dagster.topics.neighbours import equal_rows
    from tgstudio_dagster.topics.vectors import raw_weights, weigh

    raw = raw_weights(rows)
    telling = np.flatnonzero(np.diff(raw.indptr))
    unit, first = equal_rows(raw[telling], np.zeros(len(telling)))
    if not len(first):
        return places, "pca: no post with features"
    matrix = weigh(raw[telling][first]).matrix
    shared = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]) >= 2)
    if len(first) >= FEWEST and len(shared) > DIMENSIONS:
        # Before the limit, which holds for libraries that are loaded: the first map of a process must not be another.
        import sklearn.decomposition  # noqa: F401
        import umap.umap_  # noqa: F401
    with threadpool_limits(1):  # sums in another order give other last bits, and UMAP another map
        if len(first) < FEWEST:
            laid, method = _principal(matrix), f"pca: {len(first)} distinct posts, umap needs {FEWEST}"
        elif len(shared) <= DIMENSIONS:
            laid, method = _principal(matrix), f"pca: {len(shared)} features shared, umap needs {DIMENSIONS + 1}"
        else:
            laid, method = (
                lay_out_points(_reduced(matrix[:, shared]), _known_places(rows[telling][first], previous)),
                "umap",
            )
    places[:] = laid.mean(axis=0)
    places[telling] = laid[unit]
    return places, method


def _known_places(rows: pl.DataFrame, previous: pl.DataFrame | None) -> Places:
    """Where each post stood the day before; NaN where it is new."""
    unknown = np.full((rows.height, 2), np.nan)
    if previous is None or previous.is_empty():
        return unknown
    earlier = previous.filter(pl.col("method") == "umap").select(*_POST, "x", "y")
    joined = rows.select(_POST).join(earlier, on=_POST, how="left", maintain_order="left")
    places: Places = joined.select("x", "y").fill_null(float("nan")).to_numpy()
    return places


def _reduced(matrix: csr_matrix) -> Places:
    """Unit rows of at most 32 dimensions: a truncated SVD."""
    from sklearn.decomposition import TruncatedSVD

    dimensions = min(DIMENSIONS, matrix.shape[0] - 1)
    reduced = TruncatedSVD(dimensions, n_iter=2, random_state=SEED).fit_transform(matrix)
    scaled: Places = reduced / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-9)
    return scaled.astype(np.float64)


def _principal(matrix: csr_matrix) -> Places:
    """The two principal coordinates of a few rows; zeros where they do not differ."""
    gram = np.asarray((matrix @ matrix.T).todense(), dtype=np.float64)
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    values, vectors = np.linalg.eigh(centred)
    largest = np.argsort(-values, kind="stable")[:2]
    places = np.zeros((len(gram), 2))
    axes = vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0))
    # The sign of an eigenvector is free: the entry farthest from 0 is made positive.
    places[:, : axes.shape[1]] = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
    return places
