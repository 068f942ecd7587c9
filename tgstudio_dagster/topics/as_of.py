"""A window's posts as they had been observed at a given hour. Pure.

Only what had been observed by then is left: posts first seen by then, in the text they had, with the counters read by
then, standing if their delete had not been seen. Topics and rankings of that hour are the same functions on these frames:

    known = as_known_at(messages, versions, stats, hour)
    now = as_of(hour.date(), known.messages, known.stats)      # topics/window.py
    rank(known.messages, known.stats, topics, topic_messages, now)

Going back twice is going back once: as_known_at of a later hour, then of an earlier one, gives the earlier one. At an hour
after the newest observation nothing changes, so it equals the present.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tgstudio_dagster.catalog.people.ranking_weights import COUNTERS
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES

_POST = ["channel_id", "msg_id"]
_OF_THE_TEXT = ("hashtags", "links", "mentions")
Detect = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class ObservedWindow:
    """MESSAGES, MESSAGE_VERSIONS and MESSAGE_STATS as they would have been."""

    messages: pl.DataFrame
    versions: pl.DataFrame
    stats: pl.DataFrame


def as_known_at(
    messages: pl.DataFrame,
    versions: pl.DataFrame,
    stats: pl.DataFrame,
    hour: datetime,
    language: Detect | None = None,
) -> ObservedWindow:
    """What was known at `hour` of these posts: three frames, each as its contract says.

    The lake keeps texts and counters as they were, the rest in its newest state only. Of a post observed again after
    `hour`: text, text_hash, version, counters and observed_at are those of then; hashtags, links and mentions are empty
    where the text was another, and its language is told by `language` (without it: that of the newest text);
    reactions_by_emoji are empty where reactions were read again; edit_date and deleted_at after `hour` are null;
    attachments, type and names stand as they are now.
    """
    versions_then = versions.filter(pl.col("seen_at") <= hour)
    stats_then = stats.filter(pl.col("observed_at") <= hour)
    traces = pl.concat(
        [
            messages.select(*_POST, at="observed_at"),
            versions.select(*_POST, at="seen_at"),
            stats.select(*_POST, at="observed_at"),
        ]
    )
    observed = traces.group_by(_POST).agg(
        first_trace=pl.col("at").min(),
        last_trace=pl.col("at").max(),
        then=pl.col("at").filter(pl.col("at") <= hour).max(),
    )
    gone_back = (
        messages.join(observed, on=_POST, how="left", maintain_order="left")
        .filter(pl.col("first_trace") <= hour)
        .with_columns(
            touched=pl.col("last_trace") > hour,
            edit_date=pl.when(pl.col("edit_date") <= hour).then("edit_date"),
            deleted_at=pl.when(pl.col("deleted_at") <= hour).then("deleted_at"),
        )
    )
    untouched = gone_back.filter(~pl.col("touched"))
    touched = gone_back.filter("touched").with_columns(observed_at="then")
    if touched.height:
        touched = _with_counters(_with_texts(touched, versions, hour, language), stats, stats_then)
    columns = MESSAGES.schema.names()
    return ObservedWindow(
        MESSAGES.conform(pl.concat([untouched.select(columns), touched.select(columns)])),
        MESSAGE_VERSIONS.conform(versions_then.join(gone_back, on=_POST, how="semi")),
        MESSAGE_STATS.conform(stats_then.join(gone_back, on=_POST, how="semi")),
    )


def _with_texts(posts: pl.DataFrame, versions: pl.DataFrame, hour: datetime, language: Detect | None) -> pl.DataFrame:
    """The posts in the last version seen by then; in their first where a counter was read before any text was."""
    late = pl.col("seen_at") > hour
    chosen = (
        versions.join(posts, on=_POST, how="semi")
        .sort(late, pl.when(late).then(pl.col("version")).otherwise(-pl.col("version")))
        .unique(_POST, keep="first", maintain_order=True)
        .select(*_POST, version_then="version", text_then="text", hash_then="text_hash")
    )
    joined = posts.join(chosen, on=_POST, how="left", maintain_order="left")
    other = pl.col("version_then") != pl.col("version")
    joined = joined.with_columns(
        *(pl.when(other).then([]).otherwise(pl.col(name)).alias(name) for name in _OF_THE_TEXT),
        text=pl.coalesce("text_then", "text"),
        text_hash=pl.coalesce("hash_then", "text_hash"),
        version=pl.coalesce("version_then", "version"),
        other=other.fill_null(value=False),
    )
    if language is not None and joined["other"].any():
        detected = language(joined["text"]).alias("detected")
        joined = joined.with_columns(detected).with_columns(lang=pl.when("other").then("detected").otherwise("lang"))
    return joined


def _with_counters(posts: pl.DataFrame, stats: pl.DataFrame, stats_then: pl.DataFrame) -> pl.DataFrame:
    newest = (
        stats_then.join(posts, on=_POST, how="semi")
        .sort(*_POST, "observed_at")
        .group_by(_POST, maintain_order=True)
        .agg(pl.col(COUNTERS).drop_nulls().last())
    )
    emoji_reads = (
        stats.filter(pl.col("reactions").is_not_null()).group_by(_POST).agg(emoji_read=pl.col("observed_at").max())
    )
    return (
        posts.drop(COUNTERS)
        .join(newest, on=_POST, how="left", maintain_order="left")
        .join(emoji_reads, on=_POST, how="left", maintain_order="left")
        .with_columns(
            reactions_by_emoji=pl.when(pl.col("emoji_read") > pl.col("then"))
            .then([])
            .otherwise(pl.col("reactions_by_emoji"))
        )
    )
