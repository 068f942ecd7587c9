"""The ranking of posts and topics: its formula and terms. The engagement of a post is in counters.py, the weights that a
tenant may set in catalog/people/ranking_weights.py.

For a post or topic, in a window of 24 hours (7 days) that ends at `as_of`:
  popularity P = sum over distinct channels of the best of their posts by audience * (1 + max(0, engagement)) * decay
    audience = log10(10 + the channel's median views) / 4, at most 1.5
    decay    = 2 ** (-age / half life), half life 12 h (60 h)
  trend T    = (recent - expected) / sqrt(expected + 1)
    recent   = channel-hours of the last 6 h (24 h): the posts of one channel within one hour count once, so a flood from
               one channel is no trend; expected = the earlier rate scaled by the hours' usual volume, at least .5
  score      = P * (1 + .5 * ln(1 + max(0, T)))
Where no counter of a post is known (group chats, exports), its engagement is log2(1 + replies), replies being the posts
of the frame that answer it, and P sums over distinct people who wrote instead of their one channel.
A post is a group of one. The parts come from Hacker News (decay), the winners of Telegram's clustering contest
(distinct sources) and trend as a z-score; the weights are not tuned: no public data with forwards and reactions was
found. `tgstudio rank-diff` shows what other weights would do to a tenant's own days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from tgstudio_dagster.catalog.people.ranking_weights import COUNTERS, SHIPPED, RankingWeights
from tgstudio_dagster.lake.tables.topics import RANKINGS
from tgstudio_dagster.posts.counting import COUNTED
from tgstudio_dagster.topics.counters import engagement

HIGHEST_AUDIENCE = 1.5
LEAST_EXPECTED = 0.5
DIGITS = 9  # sums may differ in the last bits with the order of adding; equal inputs give equal bytes


@dataclass(frozen=True)
class Window:
    """A ranking window; all lengths in hours."""

    name: str
    hours: int
    recent: int

    def half_life(self, weights: RankingWeights) -> float:
        """Hours in which a post of this window counts half."""
        return {"24h": weights.half_life_24h, "7d": weights.half_life_7d}[self.name]


WINDOWS = (Window("24h", 24, 6), Window("7d", 168, 24))

_POST = ["channel_id", "msg_id"]
_VOICE = ["channel_id", "voice"]  # who is counted once: the channel, or the person where there are no counters
_ENTITY = ["entity_kind", "entity_id"]
_OF_A_POST = [
    *("engagement", "audience", "decay", "age", "read_age"),
    *(f"{counter}_{part}" for part in ("term", "read", "usual") for counter in COUNTERS),
]
_COUNTED = ["popularity", "channels", "messages", "recent", "spread", "replies", "authors"]
_ROUNDED = ["popularity", "expected", "trend", "score"]


def rank(
    messages: pl.DataFrame,
    stats: pl.DataFrame,
    topics: pl.DataFrame,
    topic_messages: pl.DataFrame,
    as_of: datetime,
    weights: RankingWeights = SHIPPED,
) -> pl.DataFrame:
    """The RANKINGS of a window: every post and topic of the 24 hours and of the 7 days until `as_of`.

    `messages`, `stats`: the window's MESSAGES and MESSAGE_STATS; `topics`, `topic_messages`: as `find_topics` gives
    them. Service messages, comments, deleted posts and posts dated after `as_of` take no part. Topics of two channels and more
    rank before the others. A topic's engagement, audience, decay, age and what stands behind them are those of its
    strongest post. Equal scores rank by id.
    """
    age = (pl.lit(as_of) - pl.col("date")).dt.total_microseconds() / 3.6e9
    posts = (
        messages.filter(COUNTED, pl.col("date") <= as_of)
        .select(*_POST, "date", "forwarded_from", "sender_id", age=age)
        .filter(pl.col("age") < max(window.hours for window in WINDOWS))
        .join(_answers(messages, as_of), on=_POST, how="left")
        .with_columns(pl.col("replies").fill_null(0))
        .sort(_POST)
    )
    if posts.is_empty():
        return RANKINGS.empty()
    audience = ((10 + pl.col("channel_views").fill_null(0.0)).log10() / 4).clip(upper_bound=HIGHEST_AUDIENCE)
    counted = engagement(posts, stats, as_of, weights).drop(_POST)
    unknown = pl.all_horizontal(pl.col(f"{counter}_term").is_null() for counter in COUNTERS)
    answered = (1 + pl.col("replies")).cast(pl.Float64).log(2).clip(upper_bound=weights.most)
    judged = pl.concat([posts, counted], how="horizontal").with_columns(
        audience=audience,
        engagement=pl.when(unknown).then(answered).otherwise("engagement"),
        voice=pl.when(unknown).then("sender_id"),
    )
    alone = judged.with_columns(entity_kind=pl.lit("message"), entity_id=pl.format("{}/{}", *_POST))
    grouped = (
        topic_messages.join(topics.select("topic_id"), on="topic_id", how="semi")
        .select("topic_id", *_POST)
        .join(judged, on=_POST)
        .with_columns(entity_kind=pl.lit("topic"), entity_id=pl.col("topic_id"))
    )
    volume = _hourly_volume(posts)
    ranked = pl.concat(
        _ranked(members, lone, volume, window, weights)
        for window in WINDOWS
        for members, lone in ((alone, True), (grouped.select(alone.columns), False))
    )
    return RANKINGS.conform(
        ranked.with_columns(as_of=pl.lit(as_of)).select(RANKINGS.schema.names()).cast(RANKINGS.schema)
    )


def expected_share(volume: list[float], window: Window) -> float:
    """What the recent span usually has for one of the earlier span, by the hours' volume.

    `volume`: channel-hours of the tenant by hours before "now", modulo 24.
    """
    usual = [volume[hour % 24] for hour in range(window.hours)]
    return sum(usual[: window.recent]) / sum(usual[window.recent :])


def _answers(messages: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """How many posts answer each post: its key, replies."""
    return (
        messages.filter(COUNTED, pl.col("date") <= as_of, pl.col("reply_to").is_not_null())
        .group_by("channel_id", msg_id="reply_to")
        .agg(replies=pl.len().cast(pl.Int32))
    )


def _hourly_volume(posts: pl.DataFrame) -> list[float]:
    """Channel-hours by age in whole hours modulo 24, one added to each so that a silent hour is not an impossible one."""
    hours = posts.select("channel_id", hour=pl.col("age").floor().cast(pl.Int64)).unique()["hour"]
    return [float(count) + 1.0 for count in np.bincount(hours.to_numpy() % 24, minlength=24)]


def _ranked(
    members: pl.DataFrame, lone: bool, volume: list[float], window: Window, weights: RankingWeights
) -> pl.DataFrame:
    """One window's rows of RANKINGS but as_of; `lone`: each entity is one post."""
    decay = 2.0 ** (-pl.col("age") / window.half_life(weights))
    strength = (
        pl.col("audience") ** weights.audience
        * (1 + weights.engagement * pl.col("engagement").clip(lower_bound=0))
        * pl.col("decay")
    )
    inside = (
        members.filter(pl.col("age") < window.hours)
        .with_columns(decay=decay)
        .with_columns(strength=strength.round(DIGITS))
    )
    counted = _single(inside, window) if lone else _gathered(inside, window)
    earlier = pl.col("spread") - pl.col("recent")
    trend = (pl.col("recent") - pl.col("expected")) / (pl.col("expected") + 1).sqrt()
    score = pl.col("popularity") * (1 + weights.trend * pl.col("trend").clip(lower_bound=0).log1p())
    expected = (earlier * expected_share(volume, window)).clip(lower_bound=LEAST_EXPECTED)
    scored = (
        counted.with_columns(expected=expected)
        .with_columns(trend=trend)
        .with_columns(score=score)
        .with_columns(pl.col(*_ROUNDED, *(n for n in _OF_A_POST if not n.endswith("_read"))).round(DIGITS))
    )
    narrow = (pl.col("entity_kind") == "topic") & (pl.col("channels") < 2) & weights.wide_first
    order = scored.select("entity_id", narrow=narrow, score=-pl.col("score")).with_row_index("row")
    place = order.sort("narrow", "score", "entity_id")["row"].arg_sort() + 1
    return scored.with_columns(place.cast(pl.Int32).alias("rank"), pl.lit(window.name).alias("window"))


def _single(inside: pl.DataFrame, window: Window) -> pl.DataFrame:
    unit = pl.lit(1, pl.Int32)
    return inside.with_columns(
        popularity="strength",
        channels=unit,
        messages=unit,
        recent=(pl.col("age") < window.recent).cast(pl.Int32),
        spread=unit,
        authors=pl.col("sender_id").is_not_null().cast(pl.Int32),
    ).select(*_ENTITY, *_OF_A_POST, *_COUNTED)


def _gathered(inside: pl.DataFrame, window: Window) -> pl.DataFrame:
    ordered = inside.sort(*_ENTITY, "strength", *_POST, descending=[False, False, True, False, False])
    best = ordered.unique([*_ENTITY, *_VOICE], keep="first", maintain_order=True)
    hours = ordered.select(*_ENTITY, "channel_id", hour=pl.col("age").floor()).unique()
    of_all = {
        "messages": pl.len().cast(pl.Int32),
        "replies": pl.col("replies").sum().cast(pl.Int32),
        "authors": pl.col("sender_id").drop_nulls().n_unique().cast(pl.Int32),
    }
    counted = hours.group_by(_ENTITY).agg(
        spread=pl.len().cast(pl.Int32), recent=(pl.col("hour") < window.recent).sum().cast(pl.Int32)
    )
    return (
        best.group_by(_ENTITY, maintain_order=True)
        .agg(
            pl.first(*_OF_A_POST),
            popularity=pl.col("strength").sum(),
            channels=pl.col("channel_id").n_unique().cast(pl.Int32),
        )
        .join(ordered.group_by(_ENTITY).agg(**of_all), on=_ENTITY, maintain_order="left")
        .join(counted, on=_ENTITY, maintain_order="left")
        .select(*_ENTITY, *_OF_A_POST, *_COUNTED)
    )
