"""The map: a place in the plane for each post of a window, near posts near each other. Reads features, writes places.

UMAP on an SVD of the TF-IDF vectors. Measured on 1,500 posts, one core: import 1 s (10 s from a cold disk) and
compilation 3.5 s once in a process, then .6 s a map. Neighbours are exact and handed in, so UMAP's own search, which
takes longer to compile, is never started.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.lake.tables import TOPIC_MAP

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FEWEST = 15  # distinct posts; UMAP's neighbourhoods mean nothing below
NEIGHBOURS = 12
EPOCHS = 150
DIMENSIONS = 32  # of the SVD; features that only one post has are left out, they bring nobody nearer
SEED = 20240
DIGITS = 4
_CHUNK = 2000  # rows of the similarity matrix at a time

Places = NDArray[np.float64]
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


def _places(rows: pl.DataFrame, previous: pl.DataFrame | None) -> tuple[Places, str]:
    places = np.zeros((rows.height, 2))
    if rows.is_empty():
        return places, "pca: no post"
    from threadpoolctl import threadpool_limits

    from tgstudio_dagster.topics.neighbours import equal_rows
    from tgstudio_dagster.topics.vectors import raw_weights, weigh

    raw = raw_weights(rows)
    said = np.flatnonzero(np.diff(raw.indptr))
    unit, first = equal_rows(raw[said], np.zeros(len(said)))
    if not len(first):
        return places, "pca: no post with features"
    matrix = weigh(raw[said][first]).matrix
    shared = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]) >= 2)
    with threadpool_limits(1):  # sums in another order give other last bits, and UMAP another map
        if len(first) < FEWEST:
            laid, method = _principal(matrix), f"pca: {len(first)} distinct posts, umap needs {FEWEST}"
        elif len(shared) <= DIMENSIONS:
            laid, method = _principal(matrix), f"pca: {len(shared)} features shared, umap needs {DIMENSIONS + 1}"
        else:
            laid, method = _umap(_reduced(matrix[:, shared]), _known_places(rows[said][first], previous)), "umap"
    places[:] = laid.mean(axis=0)
    places[said] = laid[unit]
    return places, method


def _known_places(rows: pl.DataFrame, previous: pl.DataFrame | None) -> Places:
    """Where each post stood the day before; NaN where it is new."""
    unknown = np.full((rows.height, 2), np.nan)
    if previous is None or previous.is_empty():
        return unknown
    earlier = previous.filter(pl.col("method") == "umap").select(*_POST, "x", "y")
    joined = rows.select(_POST).join(earlier, on=_POST, how="left", maintain_order="left")
    known: Places = joined.select("x", "y").fill_null(float("nan")).to_numpy()
    return known


def _umap(reduced: Places, known: Places) -> Places:
    indices, distances = _nearest(reduced)
    start = _start(reduced, known, indices)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that new points can't be added later; none will be
        from umap import UMAP

        laid: Places = (
            UMAP(
                n_neighbors=indices.shape[1],
                n_epochs=EPOCHS,
                init=start.astype(np.float32),
                precomputed_knn=(indices, distances),
                random_state=SEED,
                n_jobs=1,
            )
            .fit_transform(reduced.astype(np.float32))
            .astype(np.float64)
        )
    return _turned(laid - laid.mean(axis=0), known)


def _start(reduced: Places, known: Places, indices: NDArray[np.int32]) -> Places:
    """Known places; new posts in the middle of their known neighbours, else by the two strongest dimensions."""
    shared = ~np.isnan(known[:, 0])
    plain: Places = reduced[:, :2] - reduced[:, :2].mean(axis=0)
    if shared.sum() < FEWEST:
        return plain
    spread = np.abs(known[shared]).max() / max(float(np.abs(plain).max()), 1e-9)
    start = np.where(shared[:, None], known, plain * spread)
    near = known[indices]
    counted = (~np.isnan(near[:, :, :1])).sum(axis=1)
    middle = np.nansum(near, axis=1) / np.maximum(counted, 1)
    chosen: Places = np.where(~shared[:, None] & (counted > 0), middle, start)
    return chosen


def _turned(laid: Places, known: Places) -> Places:
    """The layout turned (or mirrored) and moved onto the known places: orthogonal Procrustes."""
    shared = ~np.isnan(known[:, 0])
    if shared.sum() < FEWEST:
        return laid
    ours, theirs = laid[shared].mean(axis=0), known[shared].mean(axis=0)
    left, _, right = np.linalg.svd((laid[shared] - ours).T @ (known[shared] - theirs))
    turned: Places = (laid - ours) @ (left @ right) + theirs
    return turned


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


def _nearest(reduced: Places) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Exact neighbours by distance between unit rows, each row its own first: indices and distances."""
    size = min(NEIGHBOURS, len(reduced) - 1)
    rows = reduced.astype(np.float32)
    found, distances = [], []
    for begin in range(0, len(rows), _CHUNK):
        cosine = rows[begin : begin + _CHUNK] @ rows.T
        cosine[np.arange(len(cosine)), begin + np.arange(len(cosine))] = np.inf
        best = np.argpartition(-cosine, size - 1, axis=1)[:, :size]
        value = np.take_along_axis(cosine, best, axis=1)
        order = np.lexsort((best, -value), axis=1)
        best, value = np.take_along_axis(best, order, axis=1), np.take_along_axis(value, order, axis=1)
        found.append(best)
        distances.append(np.sqrt(np.maximum(0.0, 2 - 2 * np.minimum(value, 1.0))))
    return np.concatenate(found).astype(np.int32), np.concatenate(distances).astype(np.float32)
