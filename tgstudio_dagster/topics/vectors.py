"""EMBEDDINGS to unit vectors: IDF over the window, too common features dropped, both kinds of feature half and half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.errors import ContractError
from tgstudio_dagster.topics.embed import MODEL
from tgstudio_dagster.topics.lexical import DIMENSIONS, STEMS

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Features in more than 5% of posts cost time and say nothing (measured: no loss, half the time). In a small window a
# story alone can be 5%, so a feature must also stand in 50 posts before it is dropped.
COMMON_SHARE = 0.05
COMMON_POSTS = 50


@dataclass(frozen=True)
class Vectors:
    """`matrix`: a unit vector per row (zero where a post has no feature); `idf` of each feature, 0 if dropped."""

    matrix: csr_matrix
    idf: NDArray[np.float32]


def raw_weights(embeddings: pl.DataFrame) -> csr_matrix:
    """The stored sparse weights, a row per row of the frame.

    Raises ContractError where the rows were made by another model: vectors of two models can't be compared.
    """
    from scipy.sparse import csr_matrix

    others = sorted(set(embeddings["model"].unique()) - {MODEL})
    if others or embeddings["indices"].has_nulls():
        raise ContractError(f"embeddings.model: {others} beside {MODEL}; materialize embeddings of the window again.")
    bounds = np.concatenate([[0], np.cumsum(embeddings["indices"].list.len().to_numpy())])
    indices = embeddings["indices"].explode().drop_nulls().to_numpy().astype(np.int32)
    values = embeddings["vector"].explode().drop_nulls().to_numpy().astype(np.float32)
    return csr_matrix((values, indices, bounds), shape=(embeddings.height, DIMENSIONS))


def weigh(raw: csr_matrix) -> Vectors:
    """Unit vectors of raw weights. Stems and character n-grams are each scaled to length sqrt(1/2)."""
    from scipy.sparse import csr_matrix

    posts = raw.shape[0]
    frequency = np.bincount(raw.indices, minlength=DIMENSIONS)
    idf = (np.log((1 + posts) / (1 + frequency)) + 1).astype(np.float32)  # smoothed, as in scikit-learn
    idf[frequency > max(COMMON_SHARE * posts, COMMON_POSTS)] = 0
    weighted = csr_matrix((raw.data * idf[raw.indices], raw.indices, raw.indptr), shape=raw.shape, copy=True)
    weighted.eliminate_zeros()
    rows = row_numbers(weighted)
    kind = rows * 2 + (weighted.indices >= STEMS)
    squares = np.bincount(kind, weights=weighted.data.astype(np.float64) ** 2, minlength=2 * posts)
    lengths = np.sqrt(squares)
    kinds = np.maximum((squares.reshape(-1, 2) > 0).sum(axis=1), 1)  # a post may lack one kind: the other takes all
    weighted.data = (weighted.data / (lengths[kind] * np.sqrt(kinds[rows]))).astype(np.float32)
    return Vectors(weighted, idf)


def row_numbers(matrix: csr_matrix) -> NDArray[Any]:
    """The row of each stored value of a CSR matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
