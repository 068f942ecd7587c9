"""What others make of the same posts, beside ours: scikit-learn's HDBSCAN and BERTopic. Called by benchmarks/topics.py.

BERTopic is no dependency of the project; it wants torch, so it goes into an environment of its own:

    python3.11 -m venv /tmp/rivals
    /tmp/rivals/bin/pip install -c constraints.txt bertopic -e .
    /tmp/rivals/bin/python -m benchmarks.topics --file day.jsonl

A post in no cluster stands alone, as it does with us. BERTopic is asked as it comes (topics of ten posts and more) and
for topics of two posts and more, which is what an event is; imports and the compiling of UMAP are not counted.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchmarks.timing import Spent, spent
from tgstudio_dagster.topics.vectors import raw_weights, weigh

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

HOW_TO_INSTALL = (
    "BERTopic: not installed here. python3.11 -m venv /tmp/rivals && /tmp/rivals/bin/pip install -c constraints.txt "
    "bertopic -e . && /tmp/rivals/bin/python -m benchmarks.topics (with the same options)"
)
LARGEST_MATRIX = 10_000  # rows; 800 MB of distances
REDUCED = 256  # dimensions that BERTopic is handed instead of two million
WARM = 60  # posts that compile UMAP
SEED = 7
OWN_MODEL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"  # BERTopic's own for language="multilingual"


@dataclass(frozen=True)
class Rival:
    """One other clustering: the cluster of each post, in the order of the embeddings, and what it took."""

    name: str
    clusters: list[int]
    took: Spent


def rivals(texts: Sequence[str], embeddings: pl.DataFrame, keys: Sequence[str], given: Path | None) -> list[Rival]:
    """Each rival that can run here; what can't says why on the console. `given`: a Parquet file of
    channel, message_id and vector."""
    matrix = weigh(raw_weights(embeddings)).matrix
    found: list[Rival] = []
    if len(texts) <= LARGEST_MATRIX:
        found.append(Rival("HDBSCAN, our vectors", *spent(lambda: _hdbscan(matrix))))
    else:
        print(f"HDBSCAN: left out, its matrix would hold {len(texts) ** 2:,} distances")
    if importlib.util.find_spec("bertopic") is None:
        print(HOW_TO_INSTALL)
        return found
    reduced, reducing = spent(lambda: _reduced(matrix))
    handed: list[tuple[str, NDArray[np.float32], Spent]] = [("our vectors reduced", reduced, reducing)]
    if given is not None:
        handed.append((f"vectors of {given.name}", _read(given, keys), Spent(0.0, 0.0)))
    _bertopic(texts[:WARM], reduced[:WARM], 2)
    for name, vectors, before in handed:
        for least in (10, 2):
            clusters, took = spent(lambda v=vectors, n=least: _bertopic(texts, v, n))
            found.append(Rival(f"BERTopic, {name}, from {least} posts", clusters, took + before))
    try:
        clusters, took = spent(lambda: _bertopic(texts, None, 10))
        found.append(Rival(f"BERTopic as it comes ({OWN_MODEL})", clusters, took))
    except (OSError, ValueError, RuntimeError) as error:  # the model's hub can't be reached: the others still count
        print(
            f"BERTopic as it comes: {OWN_MODEL} can't be had here ({type(error).__name__}); its vectors weren't tried"
        )
    return found


def _hdbscan(matrix: csr_matrix) -> list[int]:
    from sklearn.cluster import HDBSCAN

    distance = np.clip(1 - (matrix @ matrix.T).toarray(), 0, 1).astype(np.float64)
    np.fill_diagonal(distance, 0)
    return _alone(HDBSCAN(min_cluster_size=2, min_samples=1, metric="precomputed", copy=False).fit_predict(distance))


def _bertopic(texts: Sequence[str], vectors: NDArray[np.float32] | None, least: int) -> list[int]:
    from bertopic import BERTopic
    from umap import UMAP

    # BERTopic's own settings of UMAP, with a seed: without one no two runs agree.
    layout = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", low_memory=False, random_state=SEED)
    model = BERTopic(umap_model=layout, min_topic_size=least, language="multilingual", calculate_probabilities=False)
    topics, _ = model.fit_transform(list(texts), vectors)
    return _alone(topics)


def _reduced(matrix: csr_matrix) -> NDArray[np.float32]:
    from sklearn.decomposition import TruncatedSVD

    used = matrix[:, np.unique(matrix.indices)]  # two million columns, most of them empty, would take minutes
    size = min(REDUCED, matrix.shape[0] - 1)
    reduced: NDArray[np.float32] = TruncatedSVD(size, random_state=SEED).fit_transform(used).astype(np.float32)
    return reduced


def _read(given: Path, keys: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of the posts; zeros where the file has none."""
    known: dict[str, Any] = dict(
        pl.read_parquet(given, columns=["channel", "message_id", "vector"])
        .select(pl.format("{}/{}", "channel", "message_id"), "vector")
        .iter_rows()
    )
    width = len(next(iter(known.values())))
    return np.array([known.get(key, [0.0] * width) for key in keys], dtype=np.float32)


def _alone(labels: Sequence[int] | NDArray[Any]) -> list[int]:
    return [int(label) if label >= 0 else -2 - n for n, label in enumerate(labels)]
