"""Counters of posts as of a moment, and how they stand beside their own channel's: the engagement of a post.

r = sum of w * clip(log2((x + 5) / (median of the channel at that age + 5)), -2, 4), with views .5, forwards .25,
reactions .15, comments .1, renormalised over the counters that are known. What is ranked with it is in rank.py.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

WEIGHTS = {"views": 0.5, "forwards": 0.25, "reactions": 0.15, "comments": 0.1}
ALPHA = 5.0
LOWEST, HIGHEST = -2.0, 4.0
# A channel's median at an age wants 5 posts observed at that age; with fewer, its median at any age stands in.
LEAST_POSTS = 5
OLDEST_BIN = 7  # ages in hours: under 1, 1-2, 2-4, 4-8, 8-16, 16-32, 32-64, and more, when counters hardly move

_POST = ["channel_id", "msg_id"]


def engagement(posts: pl.DataFrame, stats: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The posts' keys with views_term, forwards_term, reactions_term, comments_term (null where unknown), engagement
    (0 where nothing is known) and channel_views (the channel's median views; null where unknown).

    `posts`: key columns and date, each post once; `stats`: MESSAGE_STATS, of more posts perhaps.
    """
    observed = _observed(posts, stats, as_of)
    current = _newest(observed, [*_POST, "counter"])
    medians = _medians(observed)
    channel = current.group_by("channel_id", "counter").agg(channel_median=pl.col("value").median())
    usual = pl.when(pl.col("posts") >= LEAST_POSTS).then("median").otherwise("channel_median")
    ratio = ((pl.col("value") + ALPHA) / (usual + ALPHA)).log(2).clip(LOWEST, HIGHEST)
    terms = (
        current.join(medians, on=["channel_id", "counter", "bin"], how="left")
        .join(channel, on=["channel_id", "counter"], how="left")
        .select(*_POST, "counter", term=ratio)
    )
    wide = posts.select(_POST)
    for counter in WEIGHTS:
        one = terms.filter(pl.col("counter") == counter).select(*_POST, pl.col("term").alias(f"{counter}_term"))
        wide = wide.join(one, on=_POST, how="left", maintain_order="left")
    known = pl.sum_horizontal(
        pl.when(pl.col(f"{c}_term").is_not_null()).then(w).otherwise(0.0) for c, w in WEIGHTS.items()
    )
    total = pl.sum_horizontal(pl.col(f"{c}_term").fill_null(0.0) * w for c, w in WEIGHTS.items())
    views = channel.filter(pl.col("counter") == "views").select("channel_id", channel_views="channel_median")
    return wide.with_columns(engagement=pl.when(known > 0).then(total / known).otherwise(0.0)).join(
        views, on="channel_id", how="left", maintain_order="left"
    )


def _observed(posts: pl.DataFrame, stats: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Known counters, one row each: key, counter, value, observed_at, age bin.

    Those read until `as_of`; of a post that was read only later (history imported at once), the first reading. It is
    compared with readings at the same age, so it says how the post did, and later readings do not change it.
    """
    long = (
        stats.join(posts.select(*_POST, "date"), on=_POST, how="inner")
        .unpivot(list(WEIGHTS), index=[*_POST, "observed_at", "date"], variable_name="counter", value_name="value")
        .drop_nulls("value")
        .with_columns(pl.col("value").clip(lower_bound=0).cast(pl.Float64), bin=_age_bin())
        .sort(*_POST, "counter", "observed_at")
    )
    until = long.filter(pl.col("observed_at") <= as_of)
    post_counter = [*_POST, "counter"]
    first_later = (
        long.filter(pl.col("observed_at") > as_of)
        .join(until, on=post_counter, how="anti", maintain_order="left")
        .unique(post_counter, keep="first", maintain_order=True)
    )
    return pl.concat([until, first_later]).sort(*post_counter, "observed_at")


def _age_bin() -> pl.Expr:
    hours = ((pl.col("observed_at") - pl.col("date")).dt.total_seconds() / 3600).clip(lower_bound=0.5)
    return (hours.log(2).floor() + 1).clip(0, OLDEST_BIN).cast(pl.Int8)


def _newest(observed: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The last reading of each group: counters may fall (reactions are taken back), the newest word holds."""
    return observed.unique(by, keep="last", maintain_order=True)


def _medians(observed: pl.DataFrame) -> pl.DataFrame:
    """Median of each channel's counter in each age bin, and the posts it rests on: one reading a post and bin."""
    return (
        _newest(observed, [*_POST, "counter", "bin"])
        .group_by("channel_id", "counter", "bin")
        .agg(median=pl.col("value").median(), posts=pl.len())
    )
