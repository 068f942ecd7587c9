"""Dense vectors of a sentence model blended into the lexical similarity. The model itself is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.topics.neighbours import LEAST_SIMILARITY, NEIGHBOURS, REACH_HOURS, Hours, pair_cosines

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SHARE = 0.35  # of the dense similarity, measured with multilingual-e5-small
# The cosines of e5 models lie between .7 and 1: .75 means nothing in common.
E5_FLOOR = 0.75
_CHUNK = 1000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Dense:
    """Vectors of posts: a frame with key (`<channel_id>/<msg_id>`) and vector (List or Array of Float32).

    `floor`: the cosine at which two texts have nothing in common with this model; what is above is stretched to 0..1.
    """

    vectors: pl.DataFrame
    floor: float = E5_FLOOR
    share: float = SHARE

    def rows(self, keys: pl.Series) -> DenseRows:
        """The vectors of these posts, scaled to length 1; a post without one has zeros."""
        found = keys.to_frame("key").join(self.vectors.unique("key"), on="key", how="left", maintain_order="left")
        known = np.flatnonzero(found["vector"].is_not_null().to_numpy())
        values = found["vector"].drop_nulls()
        width = len(values[0]) if len(values) else 1
        matrix = np.zeros((len(keys), width), dtype=np.float32)
        if len(values):
            matrix[known] = values.explode().to_numpy().astype(np.float32).reshape(len(known), width)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        return DenseRows((matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32), self.floor, self.share)


@dataclass(frozen=True)
class DenseRows:
    """Unit rows and how to read their cosines."""

    matrix: Floats
    floor: float
    share: float

    def rescaled(self, cosines: Floats) -> Floats:
        """Cosines stretched so that the floor is 0 and 1 stays 1."""
        stretched: Floats = np.clip((cosines - self.floor) / (1 - self.floor), 0.0, 1.0).astype(np.float32)
        return stretched


def blended(matrix: csr_matrix, graph: csr_matrix, dense: DenseRows, hours: Hours) -> csr_matrix:
    """The graph of (1 - share) lexical + share dense similarity over the neighbours of either kind, symmetric.

    `matrix`: lexical unit rows; `graph`: their nearest neighbours; rows in order of `hours`. A pair that stands among
    the neighbours of one kind only has its other similarity computed, so nothing counts as 0 for want of a look.
    Where either post has no dense vector the lexical similarity stands alone.
    """
    from scipy.sparse import coo_matrix

    edges = graph.tocoo()
    upper = edges.row < edges.col
    near = _dense_pairs(dense, hours)
    count = matrix.shape[0]
    codes = np.unique(np.concatenate([edges.row[upper].astype(np.int64) * count + edges.col[upper], near]))
    rows, columns = codes // count, codes % count
    lexical = pair_cosines(matrix, rows, columns)
    cosines = np.concatenate(
        [
            np.zeros(0, np.float32),
            *(
                np.einsum(
                    "ij,ij->i",
                    dense.matrix[rows[start : start + 20_000]],
                    dense.matrix[columns[start : start + 20_000]],
                )
                for start in range(0, len(rows), 20_000)
            ),
        ]
    )
    has = np.abs(dense.matrix).sum(axis=1) > 0
    mixed = (1 - dense.share) * lexical + dense.share * dense.rescaled(cosines)
    values = np.where(has[rows] & has[columns], mixed, lexical)
    kept = values >= LEAST_SIMILARITY
    half = coo_matrix((values[kept], (rows[kept], columns[kept])), shape=(count, count)).tocsr()
    return (half + half.T).tocsr()


def _dense_pairs(dense: DenseRows, hours: Hours) -> NDArray[np.int64]:
    """Codes (earlier row * rows + later row) of each row's 30 nearest of the rows before it within reach."""
    count = len(hours)
    found = [np.zeros(0, np.int64)]
    for begin in range(0, count, _CHUNK):
        end = min(begin + _CHUNK, count)
        low = int(np.searchsorted(hours, hours[begin] - REACH_HOURS))
        near = dense.rescaled(dense.matrix[begin:end] @ dense.matrix[low:end].T)
        near[np.arange(low, end)[None, :] >= np.arange(begin, end)[:, None]] = 0
        size = min(NEIGHBOURS, near.shape[1])
        best = np.argpartition(-near, size - 1, axis=1)[:, :size]
        at, place = np.nonzero(np.take_along_axis(near, best, axis=1) * dense.share >= LEAST_SIMILARITY)
        found.append((best[at, place] + low).astype(np.int64) * count + at + begin)
    return np.concatenate(found)
