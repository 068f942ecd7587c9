"""What each channel repeats in its posts (footers, headers, calls to subscribe, signatures), learnt from its own posts.

Learning is counting: in how many posts of a channel a line stands. Counts of days add up, so a tenant keeps one frame
of counts for each day and learns from all of them. Cutting the lines out is in clean.py.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from tgstudio_dagster.topics.clean import lines

# A line is repeated where it stands in at least 8 posts and 3% of its channel's posts (measured), or, in a channel with
# few posts, in at least 4 posts and half of them. The first and the last line of a post, where footers live, need less.
MIN_POSTS = 8
MIN_SHARE = 0.03
FEW_POSTS = 4
FEW_SHARE = 0.5
EDGE_POSTS = 4
EDGE_SHARE = 0.02
LEARNT_DAYS = 30  # days whose counts are summed
LONGEST = 300  # characters; what is longer is no footer and isn't counted

COUNTS = pl.Schema(
    {
        "channel_id": pl.Int64(),
        "line": pl.String(),
        "seen": pl.Int64(),
        "at_edge": pl.Int64(),
        "days": pl.Int64(),
        "last_day": pl.Date(),
    }
)


def count_lines(messages: pl.DataFrame) -> pl.DataFrame:
    """In how many posts each line of each channel stands: columns of COUNTS, sorted by channel_id and line.

    `messages`: a MESSAGES frame of any span. The row with an empty line counts the channel's posts with a text. `seen`:
    posts with the line; `at_edge`: posts where it is the first or last of several lines; `days`: how many days had it;
    `last_day`: the newest.
    """
    day = pl.col("date").dt.date().alias("day")
    # Equal posts of a day are read once: a flood of them costs no more than one.
    posts = (
        messages.filter(pl.col("text") != "")
        .group_by("channel_id", "text", day)
        .agg(posts=pl.len().cast(pl.Int64))
        .sort("channel_id", "day", "text")
    )
    place = pl.col("place")
    several = place.max().over("row") > place.min().over("row")
    edge = (place == place.min().over("row")) | (place == place.max().over("row"))
    in_posts = (
        lines(posts)
        .with_columns(at_edge=several & edge)
        .filter(pl.col("line").str.len_chars() <= LONGEST)
        .group_by("channel_id", "row", "line")
        .agg(pl.col("at_edge").any())
        .join(posts.select("day", "posts").with_row_index("row"), on="row")
        .group_by("channel_id", "line")
        .agg(
            seen=pl.col("posts").sum(),
            at_edge=pl.col("posts").filter("at_edge").sum(),
            days=pl.col("day").n_unique().cast(pl.Int64),
            last_day=pl.col("day").max(),
        )
    )
    totals = posts.group_by("channel_id").agg(
        line=pl.lit(""),
        seen=pl.col("posts").sum(),
        at_edge=pl.lit(0, dtype=pl.Int64),
        days=pl.col("day").n_unique().cast(pl.Int64),
        last_day=pl.col("day").max(),
    )
    return pl.concat([in_posts.select(COUNTS.names()), totals.select(COUNTS.names())]).sort("channel_id", "line")


def add_counts(counts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The sum of counts of spans that don't overlap (one a day): again COUNTS."""
    parts = [COUNTS.to_frame(), *counts]
    return (
        pl.concat(parts)
        .group_by("channel_id", "line")
        .agg(pl.col("seen", "at_edge", "days").sum(), pl.col("last_day").max())
        .select(COUNTS.names())
        .sort("channel_id", "line")
    )


def repeated(counts: pl.DataFrame) -> pl.DataFrame:
    """The lines that each channel repeats: channel_id, line, seen, posts (of the channel), share, rule.

    `rule` says why, for people: `often`, `edge` (first or last line of posts) or `few` (a channel with few posts).
    """
    posts = counts.filter(pl.col("line") == "").select("channel_id", posts="seen")
    often = pl.col("seen") >= pl.max_horizontal(pl.lit(float(MIN_POSTS)), MIN_SHARE * pl.col("posts"))
    few = pl.col("seen") >= pl.max_horizontal(pl.lit(float(FEW_POSTS)), FEW_SHARE * pl.col("posts"))
    edge = pl.col("at_edge") >= pl.max_horizontal(pl.lit(float(EDGE_POSTS)), EDGE_SHARE * pl.col("posts"))
    return (
        counts.filter(pl.col("line") != "")
        .join(posts, on="channel_id")
        .with_columns(
            share=(pl.col("seen") / pl.col("posts")).round(6),
            rule=pl.when(often).then(pl.lit("often")).when(edge).then(pl.lit("edge")).when(few).then(pl.lit("few")),
        )
        .filter(pl.col("rule").is_not_null())
        .select("channel_id", "line", "seen", "posts", "share", "rule")
        .sort("channel_id", "line")
    )


def repeated_lines(messages: pl.DataFrame) -> pl.DataFrame:
    """The lines that each channel repeats in these posts: columns channel_id, line (as `plain` leaves it).

    `messages`: a MESSAGES frame, best of the whole window: the more posts, the surer. What was learnt over longer than
    the window comes from `repeated` instead.
    """
    return repeated(count_lines(messages)).select("channel_id", "line")
