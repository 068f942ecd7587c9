"""Matches new clusters to earlier topics: ids stay while most members stay; splits and merges are recorded. Pure."""

from __future__ import annotations

import hashlib

import polars as pl

# A cluster takes a known id where they share more than this part of the smaller of the two, of posts known to both runs.
LEAST_SHARE = 0.5
# A known topic goes on in a cluster, or a cluster has taken a topic in, where they share this part of it.
LINEAGE_SHARE = 0.25

CHANGES = pl.Schema(
    {
        "kind": pl.String(),
        "topic_id": pl.String(),
        "other_id": pl.String(),
        "shared": pl.Int64(),
    }
)


def assign_ids(members: pl.DataFrame, previous: pl.DataFrame, prefix: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ids of clusters, and what became of known ids.

    `members`: cluster and key of each post, in order of time; `previous`: id and key of each post of the earlier run.
    Posts that only one run knows (new ones, and those that left the window) don't count. The pair with the most shared
    posts is matched first (of equals the longest known, then the first cluster), each id and cluster once. A cluster
    without a match is named by its first post: `prefix` and 12 hex digits of SHA-256, the next digest where that id is
    taken.

    Returns (cluster, id) sorted by cluster, and CHANGES sorted: `split`: part of the topic `topic_id` now stands in
    `other_id`; `merge`: `other_id` is no more, most of it stands in `topic_id`; `shared` posts each.
    """
    shared = _shared(members, previous)
    matched = _matched(shared)
    first = members.group_by("cluster", maintain_order=True).agg(pl.col("key").first()).sort("cluster")
    taken = set(matched.values()) | set(previous["id"])
    ids: dict[int, str] = {}
    for cluster, key in first.iter_rows():
        name = matched.get(cluster) or _new_id(prefix, key, taken)
        taken.add(name)
        ids[cluster] = name
    named = pl.DataFrame({"cluster": list(ids), "id": list(ids.values())}, {"cluster": pl.Int64(), "id": pl.String()})
    return named, _changes(shared, named)


def _shared(members: pl.DataFrame, previous: pl.DataFrame) -> pl.DataFrame:
    """Posts that each known id and cluster share, beside their sizes; only posts both runs know count."""
    both = members.select("cluster", "key").join(previous.select("id", "key"), on="key", how="inner")
    return (
        both.group_by("cluster", "id")
        .agg(shared=pl.len().cast(pl.Int64))
        .with_columns(
            of_cluster=pl.col("shared").sum().over("cluster"),
            of_id=pl.col("shared").sum().over("id"),
        )
        .sort("shared", "id", "cluster", descending=[True, False, False])
    )


def _matched(shared: pl.DataFrame) -> dict[int, str]:
    matched: dict[int, str] = {}
    used: set[str] = set()
    for row in shared.iter_rows(named=True):
        enough = row["shared"] > LEAST_SHARE * min(row["of_cluster"], row["of_id"])
        if enough and row["cluster"] not in matched and row["id"] not in used:
            matched[row["cluster"]] = row["id"]
            used.add(row["id"])
    return matched


def _changes(shared: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    now = shared.join(named.rename({"id": "now"}), on="cluster").filter(pl.col("now") != pl.col("id"))
    part = pl.col("shared") >= pl.max_horizontal(pl.lit(2.0), LINEAGE_SHARE * pl.col("of_id"))
    alive = set(named["id"])
    lines = now.filter(part).with_columns(lives=pl.col("id").is_in(list(alive)))
    splits = lines.filter("lives").select(kind=pl.lit("split"), topic_id="id", other_id="now", shared="shared")
    merges = lines.filter(~pl.col("lives")).select(kind=pl.lit("merge"), topic_id="now", other_id="id", shared="shared")
    return pl.concat([splits, merges]).cast(CHANGES).sort("kind", "topic_id", "other_id")


def _new_id(prefix: str, key: str, taken: set[str]) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()
    while prefix + digest[:12] in taken:
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return prefix + digest[:12]
