"""EMBEDDINGS to unit vectors: IDF, too common features dropped, both kinds of feature half and half."""

from __future__ import annotations

from collections.abc import Mapping
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
# story alone can be 5%, so a feature must also stand in 20 posts before it is dropped.
COMMON_SHARE = 0.05
COMMON_POSTS = 20
# Below so many posts of a language the window can't tell what is common, and earlier posts help: same-story-ignored F1
# .89 to .93 and .95 to .97 in windows of 120 posts. In a whole day they don't: .89 to .88 and .94 to .94.
FEW_POSTS = 300
_CHUNK = 5000  # rows at a time


@dataclass(frozen=True)
class Vectors:
    """`matrix`: a unit vector per row (zero where a post has no feature); `idf` of each feature, 0 if dropped."""

    matrix: csr_matrix
    idf: NDArray[np.float32]


@dataclass(frozen=True)
class Background:
    """How many of `posts` earlier posts hold each feature: `frequency` has one entry a feature."""

    posts: int
    frequency: NDArray[np.int64]


def raw_weights(embeddings: pl.DataFrame) -> csr_matrix:
    """The stored sparse weights, a row per row of the frame.

    Raises ContractError where the rows were made by another model: vectors of two models can't be compared.
    """
    from scipy.sparse import csr_matrix

    others = sorted(set(embeddings["model"].unique()) - {MODEL})
    if others or embeddings["indices"].has_nulls():
        raise ContractError(f"embeddings.model: {others} beside {MODEL}; materialize embeddings of the window again.")
    bounds = np.concatenate([[0], np.cumsum(embeddings["indices"].list.len().to_numpy())])
    return csr_matrix(
        (_flat(embeddings["vector"]), _flat(embeddings["indices"]).view(np.int32), bounds),
        shape=(embeddings.height, DIMENSIONS),
    )


def _flat(lists: pl.Series) -> NDArray[Any]:
    """The values of all lists in a row, not copied."""
    values: NDArray[Any] = lists.rechunk().to_arrow().flatten().to_numpy(zero_copy_only=False)
    return values


def inverse_frequency(raw: csr_matrix, background: Background | None = None) -> NDArray[np.float32]:
    """Smoothed IDF (as in scikit-learn) of each feature over these posts and the background; 0 for too common ones.

    What is too common is judged by these posts alone: dropping is for speed, and a story of the day must not vanish.
    """
    posts, frequency = raw.shape[0], np.bincount(raw.indices, minlength=DIMENSIONS)
    common = frequency > max(COMMON_SHARE * posts, COMMON_POSTS)
    if background is not None:
        posts, frequency = posts + background.posts, frequency + background.frequency
    idf: NDArray[np.float32] = (np.log((1 + posts) / (1 + frequency)) + 1).astype(np.float32)
    idf[common] = 0
    return idf


def weigh(raw: csr_matrix, idf: NDArray[np.float32] | None = None) -> Vectors:
    """Unit vectors of raw weights. Stems and character n-grams are each scaled to length sqrt(1/2).

    Without `idf` it comes from these rows. A post may lack one kind of feature: then the other takes the whole length.
    """
    from scipy.sparse import csr_matrix

    idf = inverse_frequency(raw) if idf is None else idf
    kept = np.zeros(len(raw.indices) + 1, dtype=np.int32)
    np.cumsum(idf[raw.indices] != 0, out=kept[1:])
    bounds = kept[raw.indptr]
    del kept
    indices, data = np.empty(bounds[-1], dtype=np.int32), np.empty(bounds[-1], dtype=np.float32)
    for start in range(0, raw.shape[0], _CHUNK):
        end = min(start + _CHUNK, raw.shape[0])
        span = slice(bounds[start], bounds[end])
        indices[span], data[span] = _weighed(raw, idf, start, end)
    return Vectors(csr_matrix((data, indices, bounds), shape=raw.shape), idf)


def _weighed(raw: csr_matrix, idf: NDArray[np.float32], start: int, end: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Features and weights of the rows from start to end: a part at a time bounds memory."""
    posts, span = end - start, slice(raw.indptr[start], raw.indptr[end])
    weights = idf[raw.indices[span]]
    kept = np.flatnonzero(weights)
    rows = np.repeat(np.arange(posts), np.diff(raw.indptr[start : end + 1]))[kept]
    indices = raw.indices[span][kept]
    data = raw.data[span][kept] * weights[kept]
    kind = rows * 2
    kind += indices >= STEMS  # rises from value to value, as indices do within a row
    ends = np.cumsum(np.bincount(kind, minlength=2 * posts))
    running = np.concatenate([[0.0], np.cumsum(data.astype(np.float64) ** 2)])
    squares = np.diff(running[np.concatenate([[0], ends])])
    kinds = np.maximum((np.diff(ends, prepend=0).reshape(-1, 2) > 0).sum(axis=1), 1)
    scale = (1 / (np.sqrt(np.where(squares > 0, squares, 1)) * np.repeat(np.sqrt(kinds), 2))).astype(np.float32)
    data *= scale[kind]
    return indices, data


def weigh_by_language(
    raw: csr_matrix, languages: pl.Series, idf: NDArray[np.float32], background: Mapping[str, Background]
) -> csr_matrix:
    """Unit vectors as `weigh` makes them. A language of few rows that has a background learns from it too; `idf` (of
    these rows alone) serves the others."""
    from scipy.sparse import vstack

    parts, order = [], []
    for lang in sorted(languages.unique().to_list()):
        rows = np.flatnonzero((languages == lang).to_numpy())
        earlier = background.get(lang) if len(rows) < FEW_POSTS else None
        parts.append(weigh(raw[rows], idf if earlier is None else inverse_frequency(raw, earlier)).matrix)
        order.append(rows)
    return vstack(parts, format="csr")[np.argsort(np.concatenate(order))]


def stems_only(matrix: csr_matrix) -> csr_matrix:
    """The part of unit rows that words make, scaled to length 1 again."""
    from tgstudio_dagster.topics.neighbours import unit_rows

    return unit_rows(matrix[:, :STEMS])


def row_numbers(matrix: csr_matrix) -> NDArray[Any]:
    """The row of each stored value of a CSR matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
