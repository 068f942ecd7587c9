"""Who is near whom: equal rows, nearest neighbours by cosine, and how nearness fades with time. Sparse, no frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBOURS = 30
LEAST_SIMILARITY = 0.03
FREE_HOURS = 24.0
FADE_HOURS = 48.0

Numbers = NDArray[np.int64]
Hours = NDArray[np.float64]


def equal_rows(raw: csr_matrix, hours: Hours) -> tuple[Numbers, Numbers]:
    """Rows with the same features as one unit: the unit of each row, and the first row of each unit.

    Rows come in order of time. The same text again after more than 24 hours of silence starts a new unit: it may be
    another day's notice. Without this, thousands of equal posts would be each other's only neighbours.
    """
    seen: dict[bytes, tuple[int, float]] = {}
    units: list[int] = []
    first: list[int] = []
    for row, hour in enumerate(hours.tolist()):
        span = slice(raw.indptr[row], raw.indptr[row + 1])
        content = raw.indices[span].tobytes() + raw.data[span].tobytes()
        unit, last = seen.get(content, (-1, 0.0))
        if unit < 0 or hour - last > FREE_HOURS:
            unit = len(first)
            first.append(row)
        seen[content] = (unit, hour)
        units.append(unit)
    return np.array(units, dtype=np.int64), np.array(first, dtype=np.int64)


def nearest(matrix: csr_matrix) -> csr_matrix:
    """Cosines of unit rows, symmetric: each row's 30 nearest of at least .03, exact. The diagonal is left out."""
    from scipy.sparse import csr_matrix
    from sparse_dot_topn import sp_matmul_topn

    own = 1  # a row is its own nearest
    found = sp_matmul_topn(
        matrix, matrix.T.tocsr(), top_n=NEIGHBOURS + own, threshold=LEAST_SIMILARITY, sort=True, n_threads=1
    ).tocoo()
    others = found.row != found.col
    edges = csr_matrix((found.data[others], (found.row[others], found.col[others])), shape=found.shape)
    return edges.maximum(edges.T).tocsr()


def faded(graph: csr_matrix, starts: Hours, ends: Hours) -> csr_matrix:
    """The graph with each similarity times exp(-max(0, gap - 24 h) / 48 h), gap being the hours between two spans.

    Without it, unrelated stories of one subject chain together over a week.
    """
    edges = graph.tocoo()
    later = np.maximum(starts[edges.row], starts[edges.col])
    earlier = np.minimum(ends[edges.row], ends[edges.col])
    gap = np.maximum(0.0, later - earlier)
    edges.data = edges.data * np.exp(-np.maximum(0.0, gap - FREE_HOURS) / FADE_HOURS)
    return edges.tocsr()


def sums(matrix: csr_matrix, group: Numbers) -> csr_matrix:
    """The sum of the rows of each group."""
    from scipy.sparse import csr_matrix

    rows = np.arange(len(group))
    chosen = csr_matrix((np.ones(len(group), np.float32), (group, rows)), shape=(int(group.max()) + 1, len(group)))
    return (chosen @ matrix).tocsr()


def unit_rows(matrix: csr_matrix) -> csr_matrix:
    """The rows scaled to length 1."""
    from scipy.sparse import diags

    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (diags(1 / np.where(lengths > 0, lengths, 1)) @ matrix).astype(np.float32).tocsr()


def mean_similarity(matrix: csr_matrix, group: Numbers) -> NDArray[Any]:
    """Mean cosine of each unit row to the other rows of its group (1 where it stands alone), between 0 and 1."""
    total = np.asarray(matrix.multiply(sums(matrix, group)[group]).sum(axis=1)).ravel().astype(np.float64)
    own = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    others = np.bincount(group)[group] - 1
    return np.clip(np.where(others > 0, (total - own) / np.maximum(others, 1), 1.0), 0.0, 1.0)
