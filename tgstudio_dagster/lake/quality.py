"""What must be true of the tables beyond their contract: pure functions that return the rows that break a rule.

An empty frame means the rule holds. The asset checks in `assets/checks.py` run them on what was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date

import polars as pl

POST = ["channel_id", "msg_id"]
COUNTERS = ["views", "forwards", "comments"]


def wrong_text_hashes(messages: pl.DataFrame) -> pl.DataFrame:
    """Posts whose text_hash is not that of their text: channel_id, msg_id, text_hash."""
    expected = messages["text"].map_elements(
        lambda text: hashlib.sha256(text.encode()).hexdigest()[:16], return_dtype=pl.String
    )
    return messages.filter(messages["text_hash"] != expected).select(*POST, "text_hash")


def shrunk_counters(stats: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """Observations with fewer views, forwards or comments than the one before, where no edit came in between.

    Columns: channel_id, msg_id, observed_at, counter, before, after. Reactions may be taken back: they are left out.
    """
    edits = versions.filter(pl.col("version") > 1).select(*POST, pl.col("seen_at").alias("edited_at"))
    pairs = (
        stats.sort(*POST, "observed_at")
        .with_columns(
            pl.col("observed_at").shift().over(POST).alias("previous_at"),
            *(pl.col(name).forward_fill().shift().over(POST).alias(f"{name}_before") for name in COUNTERS),
        )
        .filter(pl.any_horizontal(pl.col(name) < pl.col(f"{name}_before") for name in COUNTERS))
    )
    excused = (
        pairs.join(edits, on=POST)
        .filter(pl.col("edited_at").is_between("previous_at", "observed_at", closed="right"))
        .select(*POST, "observed_at")
    )
    left = pairs.join(excused, on=[*POST, "observed_at"], how="anti")
    return pl.concat(
        left.filter(pl.col(name) < pl.col(f"{name}_before")).select(
            *POST,
            "observed_at",
            pl.lit(name).alias("counter"),
            pl.col(f"{name}_before").alias("before"),
            pl.col(name).alias("after"),
        )
        for name in COUNTERS
    )


def orphan_topic_messages(topics: pl.DataFrame, topic_messages: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """Topic messages whose post or topic does not exist: topic_id, channel_id, msg_id."""
    without_post = topic_messages.join(messages, on=POST, how="anti")
    without_topic = topic_messages.join(topics, on="topic_id", how="anti")
    return pl.concat([without_post, without_topic]).unique().select("topic_id", *POST).sort("topic_id", *POST)


def missing_days(window: Iterable[date], materialized: Iterable[date]) -> list[date]:
    """Days of the window, from the first materialized day on, that have no messages partition."""
    known = set(materialized)
    return [day for day in window if known and day >= min(known) and day not in known]


def uncited_claims(editor_results: pl.DataFrame) -> pl.DataFrame:
    """Claims that cite no message and are not marked needs_verification: text, section."""
    claims = editor_results.select("claims").explode("claims").unnest("claims").drop_nulls("text")
    silent = claims.filter((pl.col("messages").list.len() == 0) & ~pl.col("needs_verification"))
    return silent.select("text", "section")


def broken_rules(packages: pl.DataFrame, apart: Collection[str] = ()) -> pl.DataFrame:
    """Checks of packages that did not pass, but for those told `apart`: platform, name, detail."""
    checks = packages.select("platform", "checks").explode("checks").unnest("checks").drop_nulls("name")
    return checks.filter(~pl.col("passed") & ~pl.col("name").is_in(list(apart))).select("platform", "name", "detail")
