"""Whether a day's topics look like those of the days before: sizes, posts left alone, the largest topic's share. Pure.

A model that changed, a channel's new footer or a flood of one text shows here first: everything falls into one topic, or
nothing finds a partner. The asset check in `assets/checks.py` runs it on what was written.
"""

from __future__ import annotations

from datetime import date

import polars as pl

FEWEST_POSTS = 50  # of a window: shares of fewer posts say little
FEWEST_DAYS = 3  # before: a usual value of fewer days is none
SPREADS = 4.0  # times the days' usual spread (1.4826 median absolute deviations, the standard deviation of a normal)
# What a metric may differ from the days before in any case, as windows overlap by six days and their spread is small.
ALWAYS_ALLOWED = {"alone_share": 0.10, "largest_share": 0.10, "mean_size": 2.0, "topics_per_100_posts": 4.0}
LARGEST_SHARE = 0.30  # whatever the days before say

SHAPE = pl.Schema(
    {
        "day": pl.Date(),
        "posts": pl.Int64(),
        "topics": pl.Int64(),
        "mean_size": pl.Float64(),
        "alone_share": pl.Float64(),
        "largest_share": pl.Float64(),
        "topics_per_100_posts": pl.Float64(),
        "largest_topic": pl.String(),
    }
)
BROKEN = pl.Schema(
    {"day": pl.Date(), "metric": pl.String(), "value": pl.Float64(), "lowest": pl.Float64(), "highest": pl.Float64(),
     "usual": pl.Float64(), "days": pl.Int64(), "topic_id": pl.String()}
)  # fmt: skip


def shape(day: date, posts: int, topic_messages: pl.DataFrame) -> pl.DataFrame:
    """One row on a day's topics: posts that could stand in one, topics, mean_size (posts of a topic), alone_share (posts in
    no topic), largest_share (posts in the largest topic), topics_per_100_posts; shares 0 to 1, null where there is no post.

    `posts`: rows of the window's EMBEDDINGS; `topic_messages`: the day's TOPIC_MESSAGES.
    """
    sizes = topic_messages.group_by("topic_id").len().sort("len", "topic_id", descending=[True, False])
    inside, largest = topic_messages.height, sizes.head(1)

    def share(count: float) -> float | None:
        return count / posts if posts else None

    row = {
        "day": day,
        "posts": posts,
        "topics": sizes.height,
        "mean_size": inside / sizes.height if sizes.height else None,
        "alone_share": share(posts - inside),
        "largest_share": share(float(largest["len"].sum())),
        "topics_per_100_posts": share(100.0 * sizes.height),
        "largest_topic": largest["topic_id"].first() if sizes.height else None,
    }
    return pl.DataFrame([row], schema=SHAPE)


def drifted(today: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The metrics of `today` (one row of `shape`) out of the bounds that the days `before` (rows of `shape`) set.

    Columns: day, metric, value, lowest, highest, usual (median of the days before; null below 3 of them), days, topic_id
    (the largest topic, where its share is the matter). A window of fewer than 50 posts is not judged, and days with so few
    set no bounds.
    """
    judged = today.filter(pl.col("posts") >= FEWEST_POSTS)
    earlier = before.filter(pl.col("posts") >= FEWEST_POSTS)
    rows = []
    for row in judged.to_dicts():
        for metric, allowed in ALWAYS_ALLOWED.items():
            values = earlier[metric].drop_nulls()
            usual = values.median() if len(values) >= FEWEST_DAYS else None
            lowest, highest = _bounds(metric, values, usual, allowed)
            # Rounding keeps equal values from standing a last bit out of their own bounds.
            if row[metric] is not None and not lowest <= round(row[metric], 9) <= highest:
                rows.append(
                    {"day": row["day"], "metric": metric, "value": row[metric], "lowest": lowest, "highest": highest,
                     "usual": usual, "days": len(values), "topic_id": row["largest_topic"] if "largest" in metric else None}
                )  # fmt: skip
    return pl.DataFrame(rows, schema=BROKEN)


def _bounds(metric: str, values: pl.Series, usual: object, allowed: float) -> tuple[float, float]:
    ceiling = LARGEST_SHARE if metric == "largest_share" else float("inf")
    if not isinstance(usual, float):
        return float("-inf"), ceiling
    deviation = (values - usual).abs().median()
    spread = max(SPREADS * 1.4826 * (deviation if isinstance(deviation, float) else 0.0), allowed)
    return usual - spread, min(usual + spread, ceiling)
