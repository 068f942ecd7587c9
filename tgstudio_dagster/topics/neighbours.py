"""Equal posts, nearest neighbours by cosine, and how similarity fades with time. Sparse matrices, no frames."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBOURS = 30
LEAST_SIMILARITY = 0.08  # measured: .03 to .10 give the same topics; lower ones only cost time
# Measured on two days of Russian news: fading within the day parts what one subject brings forth in the morning and in
# the evening (strict F1 +.01 to +.03); 18 to 30 h are alike, 36 h is worse.
FADE_HOURS = 30.0
SAME_CHANNEL = 0.85  # a channel seldom tells one event twice; .7 to .85 are alike
REACH_HOURS = 45.0  # further apart even equal posts fade below any cut
REPORT_HOURS = 12.0  # what a channel says again after so long is a report that recurs (rates, tallies), not the event
STORY_FREE_HOURS = 24.0
STORY_FADE_HOURS = 48.0
RECURRING = 0.6  # a story moves on; what is told in nearly the same words half a day later recurs
_BLOCK_HOURS = 12.0
_BLOCK_ROWS = 2500

Numbers = NDArray[np.int64]
Hours = NDArray[np.float64]


def equal_features(raw: csr_matrix) -> Numbers:
    """A number for each row, the same for rows with the same features and weights; numbers rise with first rows."""
    numbers: dict[bytes, int] = {}
    classes = np.empty(raw.shape[0], dtype=np.int64)
    for row, (start, end) in enumerate(itertools.pairwise(raw.indptr.tolist())):
        content = blake2b(raw.indices[start:end], digest_size=16)  # digests: the bytes themselves would be 170 MB
        content.update(raw.data[start:end])
        classes[row] = numbers.setdefault(content.digest(), len(numbers))
    return classes


def equal_posts(content: Numbers, hours: Hours) -> tuple[Numbers, Numbers]:
    """Posts with the same content as one unit: the unit of each post, and the first post of each unit.

    Posts come in order of time. The same content again after more than 12 hours of silence starts a new unit: it is
    another day's notice. Without units, thousands of equal posts would be each other's only neighbours.
    """
    order = np.lexsort((np.arange(len(content)), content))
    text, when = content[order], hours[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (text[1:] != text[:-1]) | (when[1:] - when[:-1] > REPORT_HOURS)
    group = np.cumsum(starts) - 1
    first = order[starts]
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    unit = np.empty(len(order), dtype=np.int64)
    unit[order] = rank[group]
    return unit, np.sort(first)


def equal_rows(raw: csr_matrix, hours: Hours) -> tuple[Numbers, Numbers]:
    """`equal_posts` of rows of features."""
    return equal_posts(equal_features(raw), hours)


def nearest(matrix: csr_matrix, hours: Hours | None = None) -> csr_matrix:
    """Cosines of unit rows, symmetric: each row's 30 nearest of at least .08, exact. The diagonal is left out.

    With `hours`, which rise with the rows, each row is compared only with the rows of the 45 hours before it, and keeps
    its 30 nearest of those.
    """
    from scipy.sparse import coo_matrix
    from sparse_dot_topn import sp_matmul_topn

    count = matrix.shape[0]
    at, to, values = [], [], []
    own = 1  # a row is its own nearest
    for begin, end in _blocks(count, hours):
        low = 0 if hours is None else int(np.searchsorted(hours, hours[begin] - REACH_HOURS))
        high = count if hours is None else end
        block = sp_matmul_topn(
            matrix[begin:end],
            matrix[low:high].T.tocsr(),
            top_n=NEIGHBOURS + own,
            threshold=LEAST_SIMILARITY,
            sort=True,
            n_threads=1,
        ).tocoo()
        at.append(block.row.astype(np.int64) + begin)
        to.append(block.col.astype(np.int64) + low)
        values.append(block.data)
    rows, columns, data = (np.concatenate(part) if part else np.zeros(0) for part in (at, to, values))
    others = rows != columns
    edges = coo_matrix((data[others], (rows[others], columns[others])), shape=(count, count)).tocsr()
    return edges.maximum(edges.T).tocsr()


def _blocks(count: int, hours: Hours | None) -> list[tuple[int, int]]:
    """Spans of rows of at most 2,500 rows and 12 hours."""
    spans, begin = [], 0
    while begin < count:
        end = min(begin + _BLOCK_ROWS, count)
        if hours is not None:
            end = max(begin + 1, min(end, int(np.searchsorted(hours, hours[begin] + _BLOCK_HOURS))))
        spans.append((begin, end))
        begin = end
    return spans


def faded(graph: csr_matrix, hours: Hours, channel: Numbers) -> csr_matrix:
    """The graph of posts with each cosine times exp(-hours between / 30), less within one channel.

    Within a channel it is times .85, and nothing from 12 hours on: a daily report of one channel must not chain.
    """
    edges = graph.tocoo()
    factor = nearness(np.abs(hours[edges.row] - hours[edges.col]), channel[edges.row] == channel[edges.col])
    return _kept(edges, edges.data * factor, LEAST_SIMILARITY)


def nearness(gap: Hours, same_channel: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What a cosine is multiplied by: the gap in hours between two posts, and whether one channel has both."""
    within = np.where(gap >= REPORT_HOURS, 0.0, SAME_CHANNEL)
    faded: NDArray[np.float64] = np.exp(-gap / FADE_HOURS) * np.where(same_channel, within, 1.0)
    return faded


def faded_stories(graph: csr_matrix, starts: Hours, ends: Hours, words: Sequence[frozenset[str]]) -> csr_matrix:
    """The graph of topics with each cosine times exp(-max(0, gap - 24 h) / 48 h), gap being the hours between spans.

    Without it, unrelated stories of one subject chain together over a week. `words`: of each topic, without numbers;
    topics that share .6 of theirs 12 hours and more apart are a recurring report (rates, tallies) and are not linked.
    """
    edges = graph.tocoo()
    later = np.maximum(starts[edges.row], starts[edges.col])
    earlier = np.minimum(ends[edges.row], ends[edges.col])
    gap = np.maximum(0.0, later - earlier)
    factor = story_fade(gap)
    for edge in np.flatnonzero(gap >= REPORT_HOURS):
        if recurs(words[edges.row[edge]], words[edges.col[edge]]):
            factor[edge] = 0.0
    return _kept(edges, edges.data * factor, LEAST_SIMILARITY)


def story_fade(gap: Hours) -> Hours:
    """What a cosine is multiplied by, for the hours between what two topics tell."""
    faded: Hours = np.exp(-np.maximum(0.0, gap - STORY_FREE_HOURS) / STORY_FADE_HOURS)
    return faded


def recurs(words: frozenset[str], other_words: frozenset[str]) -> bool:
    """Whether words told 12 hours apart and more are those of a recurring report: .6 of them are shared."""
    return len(words & other_words) >= RECURRING * max(len(words | other_words), 1)


def _kept(edges: Any, values: NDArray[Any], least: float) -> csr_matrix:
    from scipy.sparse import csr_matrix

    strong = values >= least
    return csr_matrix((values[strong], (edges.row[strong], edges.col[strong])), shape=edges.shape)


def pair_cosines(matrix: csr_matrix, rows: Numbers, columns: Numbers, chunk: int = 20_000) -> NDArray[np.float64]:
    """The cosine of each pair of unit rows (rows[i], columns[i])."""
    parts = [
        np.asarray(
            matrix[rows[start : start + chunk]].multiply(matrix[columns[start : start + chunk]]).sum(axis=1)
        ).ravel()
        for start in range(0, len(rows), chunk)
    ]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float64)


def unit_rows(matrix: csr_matrix) -> csr_matrix:
    """The rows scaled to length 1."""
    from scipy.sparse import diags

    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (diags(1 / np.where(lengths > 0, lengths, 1)) @ matrix).astype(np.float32).tocsr()


def mean_similarity(graph: csr_matrix, unit: Numbers, group: Numbers) -> NDArray[Any]:
    """Mean similarity of each post to the other posts of its group (1 where it stands alone), between 0 and 1.

    `graph`: cosines of rows; `unit`: the row of each post; `group`: its group, one for all posts of a row. Posts of one
    row are equal (1); pairs the graph doesn't hold count as 0.
    """
    count = graph.shape[0]
    posts = np.bincount(unit, minlength=count)
    of_unit = np.full(count, -1, dtype=np.int64)
    of_unit[unit] = group
    edges = graph.tocoo()
    inside = (of_unit[edges.row] == of_unit[edges.col]) & (of_unit[edges.row] >= 0)
    rows, columns = edges.row[inside], edges.col[inside]
    total = np.bincount(rows, weights=edges.data[inside].astype(np.float64) * posts[columns], minlength=count)
    others = np.bincount(group)[group] - 1
    sums = total[unit] + posts[unit] - 1
    return np.clip(np.where(others > 0, sums / np.maximum(others, 1), 1.0), 0.0, 1.0)
