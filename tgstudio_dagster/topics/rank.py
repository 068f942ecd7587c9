"""The ranking of posts and topics: its formula, terms and defaults. The engagement of a post is in counters.py.

For a post or topic, in a window of 24 hours (7 days) that ends at `as_of`:
  popularity P = sum over distinct channels of the best of their posts by audience * (1 + max(0, engagement)) * decay
    audience = log10(10 + the channel's median views) / 4, at most 1.5
    decay    = 2 ** (-age / half life), half life 12 h (60 h)
  trend T    = (recent - expected) / sqrt(expected + 1)
    recent   = posts of the last 6 h (24 h); expected = the earlier rate scaled by the hours' usual volume, at least .5
  score      = P * (1 + .5 * ln(1 + max(0, T)))
A post is a group of one. The parts come from Hacker News (decay), the winners of Telegram's clustering contest
(distinct sources) and trend as a z-score; the weights are not tuned: no public data with forwards and reactions was
found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tgstudio_dagster.lake.tables import RANKINGS
from tgstudio_dagster.topics.counters import WEIGHTS, engagement

HIGHEST_AUDIENCE = 1.5
LEAST_EXPECTED = 0.5
DIGITS = 9  # sums may differ in the last bits with the order of adding; equal inputs give equal bytes


@dataclass(frozen=True)
class Window:
    """A ranking window; all lengths in hours."""

    name: str
    hours: int
    recent: int
    half_life: float


WINDOWS = (Window("24h", 24, 6, 12.0), Window("7d", 168, 24, 60.0))

_POST = ["channel_id", "msg_id"]
_TERMS = [f"{counter}_term" for counter in WEIGHTS]
_ROUNDED = ["popularity", "expected", "trend", "score", "engagement", "audience", "decay", *_TERMS]


def rank(
    messages: pl.DataFrame, stats: pl.DataFrame, topics: pl.DataFrame, topic_messages: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """The RANKINGS of a window: every post and topic of the 24 hours and of the 7 days until `as_of`.

    `messages`, `stats`: the window's MESSAGES and MESSAGE_STATS; `topics`, `topic_messages`: as `find_topics` gives
    them. Service messages, comments, deleted posts and posts dated after `as_of` take no part. Topics of two channels and more
    rank before the others. A topic's engagement, audience, decay and counter terms are those of its strongest post.
    Equal scores rank by id.
    """
    age = (pl.lit(as_of) - pl.col("date")).dt.total_microseconds() / 3.6e9
    posts = (
        messages.filter(
            pl.col("type") != "service",
            pl.col("comment_on").is_null(),
            pl.col("deleted_at").is_null(),
            pl.col("date") <= as_of,
        )
        .select(*_POST, "date", age=age)
        .filter(pl.col("age") < max(window.hours for window in WINDOWS))
        .sort(_POST)
    )
    if posts.is_empty():
        return RANKINGS.empty()
    audience = ((10 + pl.col("channel_views").fill_null(0.0)).log10() / 4).clip(upper_bound=HIGHEST_AUDIENCE)
    judged = posts.join(engagement(posts, stats, as_of), on=_POST, maintain_order="left").with_columns(
        audience=audience
    )
    alone = judged.with_columns(entity_kind=pl.lit("message"), entity_id=pl.format("{}/{}", *_POST))
    grouped = (
        topic_messages.join(topics.select("topic_id"), on="topic_id", how="semi")
        .select("topic_id", *_POST)
        .join(judged, on=_POST)
        .with_columns(entity_kind=pl.lit("topic"), entity_id=pl.col("topic_id"))
    )
    members = pl.concat([alone, grouped.select(alone.columns)])
    volume = _hourly_volume(posts)
    ranked = pl.concat([_ranked(members, volume, window) for window in WINDOWS])
    return RANKINGS.conform(
        ranked.with_columns(as_of=pl.lit(as_of)).select(RANKINGS.schema.names()).cast(RANKINGS.schema)
    )


def expected_share(volume: list[float], window: Window) -> float:
    """How many posts the recent span usually has for one of the earlier span, by the hours' volume.

    `volume`: posts of the tenant by hours before "now", modulo 24.
    """
    usual = [volume[hour % 24] for hour in range(window.hours)]
    return sum(usual[: window.recent]) / sum(usual[window.recent :])


def _hourly_volume(posts: pl.DataFrame) -> list[float]:
    """Posts by age in whole hours modulo 24, one added to each so that a silent hour is not an impossible one."""
    volume = [1.0] * 24
    for age in posts["age"].to_list():
        volume[int(age) % 24] += 1.0
    return volume


def _ranked(members: pl.DataFrame, volume: list[float], window: Window) -> pl.DataFrame:
    entity = ["entity_kind", "entity_id"]
    share = expected_share(volume, window)
    decay = 2.0 ** (-pl.col("age") / window.half_life)
    strength = pl.col("audience") * (1 + pl.col("engagement").clip(lower_bound=0)) * decay
    inside = (
        members.filter(pl.col("age") < window.hours)
        .with_columns(decay=decay)
        .with_columns(strength=strength.round(DIGITS))
        .sort(*entity, "strength", *_POST, descending=[False, False, True, False, False])
    )
    spread = (
        inside.unique([*entity, "channel_id"], keep="first", maintain_order=True)
        .group_by(entity, maintain_order=True)
        .agg(popularity=pl.col("strength").sum(), channels=pl.len())
    )
    earlier = pl.col("messages") - pl.col("recent")
    trend = (pl.col("recent") - pl.col("expected")) / (pl.col("expected") + 1).sqrt()
    score = pl.col("popularity") * (1 + 0.5 * pl.col("trend").clip(lower_bound=0).log1p())
    scored = (
        inside.group_by(entity, maintain_order=True)
        .agg(
            pl.first("engagement", "audience", "decay", *_TERMS),
            messages=pl.len().cast(pl.Int32),
            recent=(pl.col("age") < window.recent).sum().cast(pl.Int32),
        )
        .join(spread, on=entity, maintain_order="left")
        .with_columns(expected=(earlier * share).clip(lower_bound=LEAST_EXPECTED))
        .with_columns(trend=trend)
        .with_columns(score=score)
        .with_columns(pl.col(*_ROUNDED).round(DIGITS))
    )
    lone_topic = (pl.col("entity_kind") == "topic") & (pl.col("channels") < 2)
    order = pl.struct(lone=lone_topic, score=-pl.col("score"), entity_id="entity_id")
    return scored.with_columns(
        pl.lit(window.name).alias("window"), rank=order.rank("ordinal").over("entity_kind").cast(pl.Int32)
    )
