"""Dense vectors of a sentence model blended into the lexical similarity. The model itself is in sentence.py.

Between two posts of one script words and vectors count together. Between scripts (Russian and English) words can't
meet, and the vectors count alone, on a scale of their own: cosines across languages are lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.topics.neighbours import LEAST_SIMILARITY, NEIGHBOURS, REACH_HOURS, Hours, Numbers, pair_cosines
from tgstudio_dagster.topics.sentence import is_e5

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Measured with multilingual-e5-small on two days of Russian news: shares of .35 and .40 with floors of .82 to .84 are
# alike, each with its own cut (TOPIC_CUT_BLENDED in cluster.py).
SHARE = 0.35
# The cosines of e5 models lie between .7 and 1: half of all pairs of Russian posts have .80, nine in ten less than .835.
E5_FLOOR = 0.83
# Between Russian and English half have .765 and one in a hundred more than .83; of posts on one event nine in ten have
# more than .84. With .80 two may make a topic from .853 on: 26 of 27 English posts met their Russian event and none
# another (the English ones were written for this); .77 to .80 are alike.
E5_CROSS_FLOOR = 0.80
OTHER_FLOOR = 0.30  # of models that spread texts over the whole sphere; not measured
_CHUNK = 1000
_PAIRS = 20_000

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Dense:
    """Vectors of posts: a frame with key (`<channel_id>/<msg_id>`), vector (List or Array of Float32) and, where it is
    known, script (see `script_of`).

    `floor`: the cosine at which two texts have nothing in common with this model, `cross_floor` the same for texts in
    two scripts; what is above is stretched to 0..1. `share` of the dense similarity within one script. `model`: whose
    vectors they are. `lacking`: how many posts of the window have none and are compared by words alone.
    """

    vectors: pl.DataFrame
    floor: float = E5_FLOOR
    share: float = SHARE
    cross_floor: float = E5_CROSS_FLOOR
    model: str = ""
    lacking: int = 0

    @classmethod
    def read(cls, days: Sequence[pl.DataFrame], messages: pl.DataFrame) -> Dense | None:
        """The vectors of a window: its EMBEDDINGS, a frame a day, oldest first, and its MESSAGES.

        None where words are all there is. The newest day with posts decides which model counts: vectors of two can't be
        compared.
        """
        telling = [day.filter(pl.col("vector").list.len() > 0) for day in days]
        newest = next((day["dense_model"].drop_nulls() for day in reversed(telling) if day.height), None)
        if newest is None or newest.is_empty():
            return None
        model = str(newest[0])
        e5 = is_e5(model.partition("@")[0])
        every = pl.concat(telling)
        embedded = every.filter(pl.col("dense_model") == model).join(
            messages.select("channel_id", "msg_id", script=script_of("text")), on=["channel_id", "msg_id"], how="inner"
        )
        return cls(
            embedded.select("script", key=pl.format("{}/{}", "channel_id", "msg_id"), vector="dense"),
            E5_FLOOR if e5 else OTHER_FLOOR,
            cross_floor=E5_CROSS_FLOOR if e5 else OTHER_FLOOR,
            model=model,
            lacking=every.height - embedded.height,
        )

    def rows(self, keys: pl.Series) -> DenseRows:
        """The vectors of these posts, scaled to length 1; a post without one has zeros."""
        joined = keys.to_frame("key").join(self.vectors.unique("key"), on="key", how="left", maintain_order="left")
        filled = np.flatnonzero(joined["vector"].is_not_null().to_numpy())
        values = joined["vector"].drop_nulls()
        width = len(values[0]) if len(values) else 1
        matrix = np.zeros((len(keys), width), dtype=np.float32)
        if len(values):
            matrix[filled] = values.explode().to_numpy().astype(np.float32).reshape(len(filled), width)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        unit = (matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        script = joined["script"] if "script" in joined.columns else pl.Series([None] * len(keys), dtype=pl.Int8)
        return DenseRows(unit, self.floor, self.share, self.cross_floor, script.fill_null(0).to_numpy())


def script_of(text: str) -> pl.Expr:
    """In which script most of a text column's letters are: 1 Latin, 2 Cyrillic, 0 another or none. Links don't count."""
    words = pl.col(text).str.replace_all(r"https?://\S+|[@#]\w+", "")
    latin, cyrillic = words.str.count_matches(r"\p{Latin}"), words.str.count_matches(r"\p{Cyrillic}")
    letters = words.str.count_matches(r"\p{L}")
    return (
        pl.when(latin * 2 > letters).then(1).when(cyrillic * 2 > letters).then(2).otherwise(0).cast(pl.Int8).alias(text)
    )


@dataclass(frozen=True)
class DenseRows:
    """Unit rows and how to read their cosines; a row of zeros stands for a post without a vector."""

    matrix: Floats
    floor: float
    share: float
    cross_floor: float
    script: NDArray[np.int8]

    @property
    def known(self) -> Flags:
        """Which rows have a vector."""
        return np.asarray(self.matrix.any(axis=1), np.bool_)

    def weight(self, cosines: Floats, apart: Flags) -> Floats:
        """What cosines add to the similarity of two posts: all of it where their scripts are `apart`, else a share."""
        within = self.share * _stretched(cosines, self.floor)
        across = _stretched(cosines, self.cross_floor)
        return np.where(apart, across, within).astype(np.float32)


def blended(matrix: csr_matrix, graph: csr_matrix, dense: DenseRows, hours: Hours) -> csr_matrix:
    """The graph of lexical and dense similarity over the neighbours of either kind, symmetric.

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
    values = _mixed(pair_cosines(matrix, rows, columns), dense, rows, dense, columns)
    strong = values >= LEAST_SIMILARITY
    half = coo_matrix((values[strong], (rows[strong], columns[strong])), shape=(count, count)).tocsr()
    return (half + half.T).tocsr()


def blended_between(
    cosines: Any, rows: csr_matrix, columns: csr_matrix, own: DenseRows, other: DenseRows, top: int
) -> Any:
    """The similarities of some posts (`rows`, `own`) with others, as `blended` has them, as a COO matrix.

    `cosines`: the lexical ones of the nearest; beside them the `top` nearest by vector of either script are looked at.
    """
    from scipy.sparse import coo_matrix

    if own.matrix.shape[1] != other.matrix.shape[1]:  # one side has no vector at all
        return cosines
    width = columns.shape[0]
    codes = [cosines.row.astype(np.int64) * width + cosines.col]
    for begin in range(0, rows.shape[0], _CHUNK):
        near = own.matrix[begin : begin + _CHUNK] @ other.matrix.T
        apart = own.script[begin : begin + _CHUNK, None] != other.script[None, :]
        for at, to in _best(own.weight(near, apart), apart, top):
            codes.append((at + begin) * width + to)
    at, to = np.divmod(np.unique(np.concatenate(codes)), width)
    lexical = np.zeros(len(at))
    for begin in range(0, len(at), _PAIRS):
        span = slice(begin, begin + _PAIRS)
        lexical[span] = np.asarray(rows[at[span]].multiply(columns[to[span]]).sum(axis=1)).ravel()
    values = _mixed(lexical, own, at, other, to)
    strong = values >= LEAST_SIMILARITY
    return coo_matrix((values[strong], (at[strong], to[strong])), shape=(rows.shape[0], width))


def lifted(graph: Any, own: DenseRows, other: DenseRows, factor: float) -> Any:
    """A sparse matrix of similarities of `own` rows with `other` ones (as COO), pairs that only words compare times
    `factor`, at most 1: judged by the cut of blended similarity they are judged as by the lexical one."""
    edges = graph.tocoo(copy=True)
    alone = ~(own.known[edges.row] & other.known[edges.col])
    edges.data = np.where(alone, np.minimum(edges.data * factor, 1.0), edges.data).astype(edges.data.dtype)
    return edges


def _mixed(
    lexical: NDArray[np.float64], own: DenseRows, rows: Numbers, other: DenseRows, columns: Numbers
) -> NDArray[np.float64]:
    """The similarity of each pair (rows[i] of one, columns[i] of the other) from its lexical one and its vectors."""
    values = np.empty(len(rows))
    for begin in range(0, len(rows), _PAIRS):
        span = slice(begin, begin + _PAIRS)
        ours, theirs = own.matrix[rows[span]], other.matrix[columns[span]]
        apart = own.script[rows[span]] != other.script[columns[span]]
        dense = own.weight(np.einsum("ij,ij->i", ours, theirs), apart)
        mixed = np.where(apart, np.maximum(lexical[span], dense), (1 - own.share) * lexical[span] + dense)
        values[span] = np.where(ours.any(axis=1) & theirs.any(axis=1), mixed, lexical[span])
    return values


def _dense_pairs(dense: DenseRows, hours: Hours) -> Numbers:
    """Codes (earlier row * rows + later row) of each row's 30 nearest of either script of the rows before it within
    reach."""
    count = len(hours)
    pairs = [np.zeros(0, np.int64)]
    for begin in range(0, count, _CHUNK):
        end = min(begin + _CHUNK, count)
        low = int(np.searchsorted(hours, hours[begin] - REACH_HOURS))
        apart = dense.script[begin:end, None] != dense.script[None, low:end]
        near = dense.weight(dense.matrix[begin:end] @ dense.matrix[low:end].T, apart)
        near[np.arange(low, end)[None, :] >= np.arange(begin, end)[:, None]] = 0
        for at, to in _best(near, apart, NEIGHBOURS):
            pairs.append((to + low) * count + at + begin)
    return np.concatenate(pairs)


def _best(near: Floats, apart: Flags, top: int) -> list[tuple[Numbers, Numbers]]:
    """Rows and columns of each row's `top` nearest, of its own script and of others: one must not crowd the other out."""
    pairs = []
    for kind in (apart, ~apart):
        if not kind.any():
            continue
        values = np.where(kind, near, 0)
        size = min(top, values.shape[1])
        best = np.argpartition(-values, size - 1, axis=1)[:, :size]
        at, place = np.nonzero(np.take_along_axis(values, best, axis=1) >= LEAST_SIMILARITY)
        pairs.append((at.astype(np.int64), best[at, place].astype(np.int64)))
    return pairs


def _stretched(cosines: Floats, floor: float) -> Floats:
    """Cosines stretched so that the floor is 0 and 1 stays 1."""
    stretched: Floats = np.clip((cosines - floor) / (1 - floor), 0.0, 1.0).astype(np.float32)
    return stretched
