"""EMBEDDINGS to unit vectors: IDF, too common features dropped, both kinds of feature half and half."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.core.errors import ContractError
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

Rows = NDArray[np.int64]


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


def inverse_frequency(
    raw: csr_matrix, background: Background | None = None, rows: Rows | None = None
) -> NDArray[np.float32]:
    """Smoothed IDF (as in scikit-learn) of each feature over these posts and the background; 0 for too common ones.

    What is too common is judged by these posts alone: dropping is for speed, and a story of the day must not vanish.
    `rows`: the posts of `raw` that count, all of them where not given.
    """
    posts = raw.shape[0] if rows is None else len(rows)
    frequency = np.zeros(DIMENSIONS, dtype=np.int64)
    for part in _parts(raw, rows):
        frequency += np.bincount(part.indices, minlength=DIMENSIONS)
    common = frequency > max(COMMON_SHARE * posts, COMMON_POSTS)
    if background is not None:
        posts, frequency = posts + background.posts, frequency + background.frequency
    idf: NDArray[np.float32] = (np.log((1 + posts) / (1 + frequency)) + 1).astype(np.float32)
    idf[common] = 0
    return idf


def weigh(raw: csr_matrix, idf: NDArray[np.float32] | None = None, rows: Rows | None = None) -> Vectors:
    """Unit vectors of raw weights. Stems and character n-grams are each scaled to length sqrt(1/2).

    Without `idf` it comes from these rows. A post may lack one kind of feature: then the other takes the whole length.
    `rows`: those of `raw` that are wanted, in their order; a copy of them all would be 200 MB for 50,000 posts.
    """
    from scipy.sparse import csr_matrix

    idf = inverse_frequency(raw, rows=rows) if idf is None else idf
    most = raw.nnz if rows is None else int(np.diff(raw.indptr)[rows].sum())
    indices, data = (
        np.empty(most, dtype=np.int32),
        np.empty(most, dtype=np.float32),
    )  # what isn't written takes no memory
    bounds = [np.zeros(1, dtype=np.int64)]
    for part in _parts(raw, rows):
        columns, values, sizes = _weighed(part, idf)
        start = int(bounds[-1][-1])
        indices[start : start + len(columns)], data[start : start + len(columns)] = columns, values
        bounds.append(start + np.cumsum(sizes))
    ends = np.concatenate(bounds)
    shape = (len(ends) - 1, raw.shape[1])
    return Vectors(csr_matrix((data[: ends[-1]], indices[: ends[-1]], ends.astype(np.int32)), shape=shape), idf)


def _parts(raw: csr_matrix, rows: Rows | None) -> Iterator[csr_matrix]:
    """The rows, 5,000 at a time: a part at a time bounds memory."""
    for start in range(0, raw.shape[0] if rows is None else len(rows), _CHUNK):
        yield raw[start : start + _CHUNK] if rows is None else raw[rows[start : start + _CHUNK]]


def _weighed(raw: csr_matrix, idf: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Features and weights of these rows, and how many features each row has."""
    posts = raw.shape[0]
    weights = idf[raw.indices]
    telling = np.flatnonzero(weights)
    rows = row_numbers(raw)[telling]
    indices = raw.indices[telling]
    data = raw.data[telling] * weights[telling]
    kind = rows * 2
    kind += indices >= STEMS  # rises from value to value, as indices do within a row
    ends = np.cumsum(np.bincount(kind, minlength=2 * posts))
    running = np.concatenate([[0.0], np.cumsum(data.astype(np.float64) ** 2)])
    squares = np.diff(running[np.concatenate([[0], ends])])
    kinds = np.maximum((np.diff(ends, prepend=0).reshape(-1, 2) > 0).sum(axis=1), 1)
    scale = (1 / (np.sqrt(np.where(squares > 0, squares, 1)) * np.repeat(np.sqrt(kinds), 2))).astype(np.float32)
    data *= scale[kind]
    return indices, data, np.bincount(rows, minlength=posts)


def learnt_weights(
    raw: csr_matrix, languages: pl.Series, background: Mapping[str, Background], rows: Rows | None = None
) -> dict[str, NDArray[np.float32]]:
    """The weights of languages of few rows that have a background: they learn from it too."""
    weights = {}
    for lang in sorted(set(languages.unique().to_list()) & set(background)):
        own = _of_language(languages, lang, rows)
        if len(own) < FEW_POSTS:
            weights[lang] = inverse_frequency(raw, background[lang], own)
    return weights


def weigh_by_language(
    raw: csr_matrix,
    languages: pl.Series,
    idf: NDArray[np.float32],
    learnt: Mapping[str, NDArray[np.float32]],
    rows: Rows | None = None,
) -> csr_matrix:
    """Unit vectors as `weigh` makes them, with what was learnt of each language; `idf` serves the others."""
    if not learnt:
        return weigh(raw, idf, rows).matrix
    from scipy.sparse import vstack

    parts, order = [], []
    for lang in sorted(languages.unique().to_list()):
        parts.append(weigh(raw, learnt.get(lang, idf), _of_language(languages, lang, rows)).matrix)
        order.append(np.flatnonzero((languages == lang).to_numpy()))
    return vstack(parts, format="csr")[np.argsort(np.concatenate(order))]


def _of_language(languages: pl.Series, lang: str, rows: Rows | None) -> Rows:
    own = np.flatnonzero((languages == lang).to_numpy())
    return own if rows is None else rows[own]


def raw_stems(raw: csr_matrix, rows: Rows) -> csr_matrix:
    """The raw weights of the words of these rows."""
    from scipy.sparse import vstack

    return vstack([part[:, :STEMS] for part in _parts(raw, rows)], format="csr")


def row_numbers(matrix: csr_matrix) -> NDArray[Any]:
    """The row of each stored value of a CSR matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
