"""The topics of a window as they stand: clustered as of the last full hour, what came since attached. Pure.

So the topics of a moment are a function of what had been observed by then, whatever ran before: a re-run gives the same
bytes. And between two full hours a run costs seconds, because the clustering of the hour is the same one (keeping.py).

| the day | what is done |
|---|---|
| is over (something was observed after its end) | the whole window is clustered |
| goes on, and at most 5% of the window's posts came since the hour | clustered as known at the hour, those attached |
| goes on, and more came (an import, a small window) | the whole window is clustered |

Known at the hour (as_of.py): posts seen by then, in the text they had. A post deleted since takes no part at all, so the
hour is clustered again without it; an edited one keeps the place its old text gave it until the next hour.

Speed and agreement with clustering: benchmarks/attach.py, docs/topics.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.lake.derived import DerivedFrames
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.as_of import ObservedWindow, as_known_at
from tgstudio_dagster.topics.attach import attach, prepare
from tgstudio_dagster.topics.cluster import Clustering, Topics, cluster_posts, name_topics
from tgstudio_dagster.topics.clustering_key import cached_clustering, fingerprint
from tgstudio_dagster.topics.embed import embed, topical

if TYPE_CHECKING:
    from tgstudio_dagster.topics.blend import Dense
    from tgstudio_dagster.topics.vectors import Background

LARGEST_REST = 0.05  # of the posts clustered; a usual hour of a week is .006
_POST = ["channel_id", "msg_id"]


@dataclass(frozen=True)
class StandingTopics:
    """Topics as they stand; `clustered_at`: until when posts were clustered, `attached`: how many came since."""

    topics: Topics
    clustered_at: datetime
    attached: int


def standing_topics(
    day: date,
    known: ObservedWindow,
    embeddings: pl.DataFrame,
    now: datetime,
    *,
    repeated: pl.DataFrame,
    background: Mapping[str, Background] | None = None,
    previous: Topics | None = None,
    dense: Dense | None = None,
    kept: DerivedFrames | None = None,
) -> StandingTopics:
    """The topics at `now` (`window.as_of`) of the window that ends with `day`.

    `known`: the window's MESSAGES, MESSAGE_VERSIONS and MESSAGE_STATS; `embeddings`: its EMBEDDINGS. The others as
    `find_topics` takes them. `kept`: where clusterings are kept; with or without it the topics are the same.
    """
    everything = topical(known.messages).filter(pl.col("date") <= now)
    inputs = _Inputs(embeddings, repeated, background or {}, dense)
    hour = now.replace(minute=0, second=0, microsecond=0)
    over = now >= datetime.combine(day, time.max, tzinfo=UTC)
    if not over:
        then = as_known_at(known.messages, known.versions, known.stats, hour).messages
        base = topical(then).filter(pl.col("date") <= hour).join(everything, on=_POST, how="semi")
        rest = everything.join(base, on=_POST, how="anti")
        if rest.height <= LARGEST_REST * base.height:
            return _attached(base, rest, inputs, hour, previous, kept)
    return StandingTopics(_clustered(everything, inputs.of(everything), previous, kept), now, 0)


@dataclass(frozen=True)
class _Inputs:
    embeddings: pl.DataFrame
    repeated: pl.DataFrame
    background: Mapping[str, Background]
    dense: Dense | None

    def of(self, posts: pl.DataFrame) -> _Inputs:
        """What concerns these posts alone, in their order; features are made anew for texts that are not the newest."""
        own = self.embeddings.join(posts, on=[*_POST, "text_hash"], how="semi")
        older = posts.join(own, on="text_hash", how="anti")
        every = own if older.is_empty() else pl.concat([own, embed(older, repeated=self.repeated)])
        dense = self.dense
        if dense is not None:
            keys = posts.join(older, on=_POST, how="anti").select(key=pl.format("{}/{}", *_POST))
            dense = replace(dense, vectors=keys.join(dense.vectors, on="key", maintain_order="left"))
        ordered = posts.select(_POST).join(every, on=_POST, maintain_order="left").select(every.columns)
        return replace(self, embeddings=ordered, dense=dense)


def _attached(
    base: pl.DataFrame,
    rest: pl.DataFrame,
    inputs: _Inputs,
    hour: datetime,
    previous: Topics | None,
    kept: DerivedFrames | None,
) -> StandingTopics:
    then = inputs.of(base)
    clustered = _clustered(base, then, previous, kept)
    if rest.is_empty():
        return StandingTopics(clustered, hour, 0)
    index = prepare(
        base, then.embeddings, clustered, hour, repeated=then.repeated, background=then.background, dense=then.dense
    )
    if index is None:
        return StandingTopics(clustered, hour, 0)
    later = inputs.of(rest)
    return StandingTopics(attach(index, rest, later.embeddings, later.dense), hour, rest.height)


def _clustered(posts: pl.DataFrame, inputs: _Inputs, previous: Topics | None, kept: DerivedFrames | None) -> Topics:
    frames = (inputs.embeddings, inputs.repeated, inputs.background, inputs.dense)

    def made() -> Clustering | None:
        return cluster_posts(posts, *frames)

    clustering = made() if kept is None else cached_clustering(kept, fingerprint(posts, *frames), made)
    return Topics(TOPICS.empty(), TOPIC_MESSAGES.empty()) if clustering is None else name_topics(clustering, previous)
