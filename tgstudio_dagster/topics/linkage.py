"""Average linkage (UPGMA) on a sparse similarity graph. An algorithm: no texts, no frames.

The exact one is a little better (pairwise F1 .95 beside .93) but its memory is quadratic: 4.8 GB for 20,000 posts.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def average_linkage(graph: csr_matrix, weights: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """A cluster number for each node: clusters are merged while their mean similarity is at least `threshold`.

    `graph`: symmetric similarities, the diagonal ignored; a pair that is missing counts as 0. `weights`: how many equal
    posts a node stands for. Numbers rise with the lowest node of a cluster. The same graph gives the same clusters.
    """
    neighbours = _merge_candidates(graph, weights, threshold)
    size = weights.tolist()
    parent = list(range(len(size)))
    version = [0] * len(size)  # an entry of the heap made before a merge is stale
    heap = [
        (-total / (size[i] * size[j]), i, j, 0, 0)
        for i, row in enumerate(neighbours)
        for j, total in row.items()
        if i < j and total >= threshold * size[i] * size[j]
    ]
    heapq.heapify(heap)
    while heap:
        _, i, j, version_i, version_j = heapq.heappop(heap)
        if version[i] != version_i or version[j] != version_j:
            continue
        if len(neighbours[i]) < len(neighbours[j]):
            i, j = j, i
        parent[j] = i
        version[i] += 1
        version[j] = -1
        size[i] += size[j]
        _absorb(neighbours, i, j)
        for k, total in neighbours[i].items():
            mean = total / (size[i] * size[k])
            if mean >= threshold:
                low, high = (i, k) if i < k else (k, i)
                heapq.heappush(heap, (-mean, low, high, version[low], version[high]))
    return _numbers(parent)


def _absorb(neighbours: list[dict[int, float]], i: int, j: int) -> None:
    """Move the edges of `j` to `i`; an edge holds the sum of similarities over all pairs of the two clusters."""
    kept, moved = neighbours[i], neighbours[j]
    del kept[j]
    for k, total in moved.items():
        if k == i:
            continue
        del neighbours[k][j]
        kept[k] = neighbours[k][i] = kept.get(k, 0.0) + total
    neighbours[j] = {}


def _merge_candidates(graph: csr_matrix, weights: NDArray[np.int64], threshold: float) -> list[dict[int, float]]:
    """Edges as one dict a node, only those within components of pairs at the threshold: no others can ever merge."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    edges = graph.tocoo()
    upper = edges.row < edges.col
    rows, columns, values = edges.row[upper], edges.col[upper], edges.data[upper].astype(np.float64)
    strong = values >= threshold
    skeleton = csr_matrix((values[strong], (rows[strong], columns[strong])), shape=graph.shape)
    component = connected_components(skeleton, directed=False)[1]
    inside = component[rows] == component[columns]
    rows, columns = rows[inside], columns[inside]
    sums = values[inside] * weights[rows] * weights[columns]
    neighbours: list[dict[int, float]] = [{} for _ in range(graph.shape[0])]
    for i, j, value in zip(rows.tolist(), columns.tolist(), sums.tolist(), strict=True):
        neighbours[i][j] = value
        neighbours[j][i] = value
    return neighbours


def _numbers(parent: list[int]) -> NDArray[np.int64]:
    roots = []
    for node in range(len(parent)):
        root = node
        while parent[root] != root:
            parent[root] = parent[parent[root]]
            root = parent[root]
        roots.append(root)
    first: dict[int, int] = {}
    return np.array([first.setdefault(root, len(first)) for root in roots], dtype=np.int64)
