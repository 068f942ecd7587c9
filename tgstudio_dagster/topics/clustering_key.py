"""The key of a clustering: the hash of all its inputs, so that the same window is never clustered twice.

A clustering is a function of the posts, their features, the lines that channels repeat, what earlier posts say of words,
a model's vectors, and the code. Its key is the hash of these; where any of them differs, so does the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tgstudio_dagster.core import letters
from tgstudio_dagster.lake.derived import DerivedFrames
from tgstudio_dagster.topics.cluster import Clustering

if TYPE_CHECKING:
    from tgstudio_dagster.topics.blend import Dense
    from tgstudio_dagster.topics.vectors import Background

_OF_A_POST = ["channel_id", "msg_id", "date", "text_hash", "lang", "forwarded_from", "sender_id", "reply_to"]
_LIBRARIES = ("numpy", "polars", "pymorphy3", "pymorphy3-dicts-ru", "scipy", "snowballstemmer", "sparse-dot-topn")


def cached_clustering(store: DerivedFrames, key: str, make: Callable[[], Clustering | None]) -> Clustering | None:
    """The clustering of that key: the one that is kept, or the one made now, which is kept from now on.

    One without a topic took no time and is not kept.
    """
    frames = store.get(key)
    if frames is not None and set(frames) == {"members", "topics"}:
        return Clustering(frames["members"], frames["topics"])
    clustering = make()
    if clustering is not None:
        store.put(key, {"members": clustering.members, "topics": clustering.topics})
    return clustering


def fingerprint(
    candidates: pl.DataFrame,
    embeddings: pl.DataFrame,
    repeated: pl.DataFrame,
    background: Mapping[str, Background],
    dense: Dense | None,
) -> str:
    """32 hex digits of all that `cluster_posts` makes a clustering of. Rows in another order are another key."""
    digest = blake2b(_code(), digest_size=16)
    _frame(digest, candidates.select(_OF_A_POST))
    _frame(digest, embeddings.select("channel_id", "msg_id", "model", "text_hash"))
    for name in ("indices", "vector"):
        _lists(digest, embeddings[name])
    _frame(digest, repeated.select("channel_id", "line").sort("channel_id", "line"))
    for lang, earlier in sorted(background.items()):
        digest.update(f"{lang} {earlier.posts}".encode())
        digest.update(earlier.frequency.data)
    if dense is not None:
        digest.update(f"{dense.model} {dense.floor} {dense.cross_floor} {dense.share}".encode())
        _frame(digest, dense.vectors.drop("vector"))
        _lists(digest, dense.vectors["vector"])
    return digest.hexdigest()


def _frame(digest: Any, frame: pl.DataFrame) -> None:
    digest.update(f"{frame.height}".encode())
    digest.update(frame.write_ndjson().encode())


def _lists(digest: Any, lists: pl.Series) -> None:
    digest.update(lists.list.len().to_numpy().data)
    digest.update(lists.explode(empty_as_null=False).to_numpy().data)


@cache
def _code() -> bytes:
    """The hash of this folder's code, of what a word is, and of the libraries it counts with."""
    digest = blake2b(" ".join(f"{name} {version(name)}" for name in _LIBRARIES).encode())
    for path in (Path(letters.__file__), *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.digest()
