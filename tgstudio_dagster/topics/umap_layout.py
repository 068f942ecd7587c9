"""Points of many dimensions laid out in the plane by UMAP, held to where they stood before. Arrays only; no frames.

UMAP's own steps are called one by one (its graph of neighbours, its optimiser) and not its class: the class stretches every
start to a square, each axis by itself, so a layout handed in as the start is lost before the first step. Neighbours are
exact and handed in, so UMAP's own search, which takes longer to compile, is never started. What UMAP compiles is kept on the
disk, as its own library of neighbours keeps it: a process compiles for five seconds otherwise, and each run is a process.

A layout that continues another moves little: 50 epochs at a low rate from the known places. Measured on six days of Russian
news (3,800 posts in a window, a seventh of them new each day): the mean distance that shared posts move beside the layout's
radius (root mean square), and the share of a post's 10 nearest that are among its 10 nearest in the plane:

    150 epochs at rate 1 from the known places, by UMAP's class     .31 to .42     .44
    150 epochs at rate 1                                            .33 to .39     .44
    50 epochs at rate .1                                            .16 to .19     .44
    50 epochs at rate .05                                           .12 to .15     .44
    50 epochs at rate .02                                           .09 to .10     .42
    pulled to the known places by .3 after every 11 epochs          .11 to .13     .38
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 15  # points; neighbourhoods mean nothing below
NEIGHBOURS = 12
EPOCHS, RATE = 150, 1.0  # of a first layout
EPOCHS_ON, RATE_ON = 50, 0.05  # of one that continues another
RADIUS = 10.0  # of the start of a first layout, as UMAP's own
SEED = 20240
_CHUNK = 1000  # rows of the similarity matrix at a time

Places = NDArray[np.float64]


def lay_out_points(points: Places, before: Places) -> Places:
    """The places of unit rows `points` in the plane; `before`: where each stood before, NaN where it is new.

    With fewer than 15 known places a first layout is made. The same input gives the same places, to the last bit.
    """
    from umap.umap_ import find_ab_params, fuzzy_simplicial_set

    _keep_compiled()
    indices, distances = _nearest(points)
    graph = fuzzy_simplicial_set(
        points.astype(np.float32),
        indices.shape[1],
        np.random.RandomState(SEED),
        "euclidean",
        knn_indices=indices,
        knn_dists=distances,
    )[0]
    curve = find_ab_params(1.0, 0.1)  # UMAP's defaults: spread and least distance
    if (~np.isnan(before[:, 0])).sum() >= FEWEST:
        laid = _optimised(graph, _continued(points, before, indices), EPOCHS_ON, RATE_ON, curve)
        return _turned(laid, before)
    start = points[:, :2] - points[:, :2].mean(axis=0)
    laid = _optimised(graph, start / max(float(np.abs(start).max()), 1e-9) * RADIUS, EPOCHS, RATE, curve)
    centred: Places = laid - laid.mean(axis=0)
    return centred


@functools.cache
def _keep_compiled() -> None:
    """Let numba keep what it compiles of UMAP's steps, and take what it has kept: the same code, so the same places."""
    from umap import layouts, umap_

    for step in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,
    ):
        step.enable_caching()


def _optimised(graph: Any, start: Places, epochs: int, rate: float, curve: tuple[float, float]) -> Places:
    from umap.layouts import optimize_layout_euclidean
    from umap.umap_ import make_epochs_per_sample

    edges = graph.tocoo()
    edges.sum_duplicates()
    # An edge weaker than this would not be drawn once in so many epochs.
    strong = edges.data >= edges.data.max() / epochs
    chance = np.random.RandomState(SEED)
    state = chance.randint(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64)
    places = start.astype(np.float32, order="C")
    # Points in one place never part: nothing tells which goes where.
    places += chance.normal(scale=1e-4, size=places.shape).astype(np.float32)
    laid: Places = optimize_layout_euclidean(
        places,
        places,
        edges.row[strong],
        edges.col[strong],
        epochs,
        len(places),
        make_epochs_per_sample(edges.data[strong], epochs),
        *curve,
        state,
        initial_alpha=rate,
        negative_sample_rate=5.0,
        parallel=False,
        densmap_kwds={},
        move_other=True,
    ).astype(np.float64)
    return laid


def _continued(points: Places, before: Places, indices: NDArray[np.int32]) -> Places:
    """Known places; new points in the middle of their known neighbours, else by the two strongest dimensions."""
    shared = ~np.isnan(before[:, 0])
    plain: Places = points[:, :2] - points[:, :2].mean(axis=0)
    centre = before[shared].mean(axis=0)
    spread = np.abs(before[shared] - centre).max() / max(float(np.abs(plain).max()), 1e-9)
    near = before[indices]
    counted = (~np.isnan(near[:, :, :1])).sum(axis=1)
    middle = np.nansum(near, axis=1) / np.maximum(counted, 1)
    start: Places = np.where(counted > 0, middle, plain * spread + centre)
    start[shared] = before[shared]
    return start


def _turned(laid: Places, before: Places) -> Places:
    """The layout turned (or mirrored) and moved onto the known places: orthogonal Procrustes."""
    shared = ~np.isnan(before[:, 0])
    ours, theirs = laid[shared].mean(axis=0), before[shared].mean(axis=0)
    left, _, right = np.linalg.svd((laid[shared] - ours).T @ (before[shared] - theirs))
    turned: Places = (laid - ours) @ (left @ right) + theirs
    return turned


def _nearest(points: Places) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Exact neighbours by distance between unit rows, each row its own first: indices and distances."""
    size = min(NEIGHBOURS, len(points) - 1)
    rows = points.astype(np.float32)
    indices, distances = [], []
    for begin in range(0, len(rows), _CHUNK):
        cosine = rows[begin : begin + _CHUNK] @ rows.T
        cosine[np.arange(len(cosine)), begin + np.arange(len(cosine))] = np.inf
        best = np.argpartition(-cosine, size - 1, axis=1)[:, :size]
        value = np.take_along_axis(cosine, best, axis=1)
        order = np.lexsort((best, -value), axis=1)
        best, value = np.take_along_axis(best, order, axis=1), np.take_along_axis(value, order, axis=1)
        indices.append(best)
        distances.append(np.sqrt(np.maximum(0.0, 2 - 2 * np.minimum(value, 1.0))))
    return np.concatenate(indices).astype(np.int32), np.concatenate(distances).astype(np.float32)
