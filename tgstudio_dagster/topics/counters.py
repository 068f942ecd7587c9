"""Counters of posts as of a moment, and how they stand beside their own channel's: the engagement of a post.

A counter's term is log2((x + 5) / (usual + 5)) between -2 and 4, `usual` being the median of the channel's own posts at
the same age. Engagement is the weighted mean of the terms that are known. What is ranked with it is in rank.py.

- Same age: every post's readings are joined by a line over log2(age) and read off at the ages 30 min, 1 h, 2 h, …,
  512 h; the median at the post's own age lies on a line between those of the two ages beside it.
- A channel with fewer than 5 posts at that age: its own level, moved by how the counter grows in all of the tenant's
  channels (the median over their posts of log2 of the reading beside the channel's median).
- Forwarded posts take no part in a channel's medians, and their own views and forwards are unknown: Telegram counts
  the views of a forwarded copy with those of the origin, so its counter is not the channel's (Telegram's channels FAQ).
- Counters that fall: the newest reading holds. Views and forwards can't be undone, so a reading above the newest one
  was too high and is lowered to it; reactions and comments were taken back, their earlier readings stand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.catalog.people.ranking_weights import COUNTERS, SHIPPED, RankingWeights

LEAST_POSTS = 5
YOUNGEST = 0.5  # hours: the first of the ages at which medians are taken; each next one is twice the one before
KNOTS = 11
OF_THE_ORIGIN = ("views", "forwards")
NEVER_UNDONE = ("views", "forwards")

_POST = ["channel_id", "msg_id"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def engagement(
    posts: pl.DataFrame, stats: pl.DataFrame, as_of: datetime, weights: RankingWeights = SHIPPED
) -> pl.DataFrame:
    """The posts' keys with what their counters say, in the order of `posts`.

    For each of views, forwards, reactions, comments: `<counter>_read` (the newest reading), `<counter>_usual` (what the
    channel's posts have at that age), `<counter>_term` (log2 of their ratio); all null where unknown. Then read_age (hours
    between the post and its newest reading; null without one), engagement (0 where nothing is known) and channel_views
    (median views of the channel's own posts; null where unknown).

    `posts`: key columns, date and forwarded_from, each post once; `stats`: MESSAGE_STATS, of more posts perhaps.
    """
    channel = posts["channel_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    own = posts["forwarded_from"].is_null().to_numpy()
    readings = _readings(posts, stats)
    columns: dict[str, Any] = {}
    views_of_channel = np.full(posts.height, np.nan)
    read_age = np.full(posts.height, np.nan)
    for counter in COUNTERS:
        counted = _that_count(readings.filter(pl.col(counter).is_not_null()), as_of)
        if counter in OF_THE_ORIGIN:
            counted = counted.filter(pl.Series(own).gather(counted["row"]))
        line = _Lines(counted, counter, weights.smoothing)
        read_age[line.posts] = np.fmax(read_age[line.posts], line.newest_age)
        usual, level = _usual(line, channel, own)
        term = np.full(posts.height, np.nan)
        term[line.posts] = np.clip(line.newest - usual, weights.least, weights.most)
        columns[f"{counter}_read"] = _spread(line.newest_value, line.posts, posts.height)
        columns[f"{counter}_usual"] = _spread(
            np.maximum(np.exp2(usual) - weights.smoothing, 0), line.posts, posts.height
        )
        columns[f"{counter}_term"] = term
        if counter == "views":
            views_of_channel = level
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64)).fill_nan(None)
    shares = {f"{counter}_term": getattr(weights, counter) for counter in COUNTERS}
    known_weight = pl.sum_horizontal(
        pl.when(pl.col(name).is_not_null()).then(share).otherwise(0.0) for name, share in shares.items()
    )
    total = pl.sum_horizontal(pl.col(name).fill_null(0.0) * share for name, share in shares.items())
    return pl.concat([posts.select(_POST), frame], how="horizontal").with_columns(
        pl.col(f"{counter}_read" for counter in COUNTERS).round().cast(pl.Int64),
        read_age=pl.Series(read_age).fill_nan(None),
        engagement=pl.when(known_weight > 0).then(total / known_weight).otherwise(0.0),
        channel_views=pl.Series(np.maximum(np.exp2(views_of_channel) - weights.smoothing, 0)).fill_nan(None),
    )


class _Lines:
    """One counter's readings of each post over log2(age). y is log2(counter + smoothing); t is the place among the
    ages at which medians are taken, 0 for 30 min, 1 for 1 h, 10 for 512 h and more."""

    def __init__(self, readings: pl.DataFrame, counter: str, smoothing: float) -> None:
        row = readings["row"].to_numpy().astype(np.int64)
        value = np.maximum(readings[counter].to_numpy().astype(np.float64), 0.0)
        last = np.flatnonzero(np.diff(row, append=-1))
        self.posts: Ints = row[last]
        self.newest_value: Floats = value[last]
        if counter in NEVER_UNDONE:
            sizes = np.diff(last, prepend=-1)
            value = np.minimum(value, np.repeat(self.newest_value, sizes))
        age = readings["age"].to_numpy().astype(np.float64)
        self.newest_age: Floats = age[last]
        self._row, self._last = row, last
        self._t = np.clip(np.log2(np.maximum(age, YOUNGEST) / YOUNGEST), 0, KNOTS - 1)
        self._y = np.log2(value + smoothing)
        self.newest: Floats = self._y[last]
        self.newest_t: Floats = self._t[last]

    def at_knots(self) -> tuple[Ints, Ints, Floats]:
        """Post, knot and y wherever a post's line crosses a knot.

        A line ends at its first and last reading; the nearest knot within half a step of an end counts as reached.
        """
        first = np.concatenate([[0], self._last[:-1] + 1]) if len(self._last) else self._last
        is_first = np.zeros(len(self._row), dtype=bool)
        is_first[first] = True
        # From the reading before (excluded) to this one (included); a first reading reaches back to a near knot.
        before = np.where(is_first, np.ceil(self._t - 0.5) - 1, np.floor(np.roll(self._t, 1))).astype(np.int64)
        upto = np.floor(self._t).astype(np.int64)
        ends, knots = _runs(before + 1, np.maximum(upto - before, 0))
        y1, y0 = self._y[ends], self._y[ends - 1]
        t1, t0 = self._t[ends], self._t[ends - 1]
        step = np.where(t1 > t0, t1 - t0, 1.0)
        y = np.where(is_first[ends], y1, y0 + (y1 - y0) * (knots - t0) / step)
        beyond = np.flatnonzero((np.floor(self.newest_t) + 1 - self.newest_t < 0.5) & (self.newest_t < KNOTS - 1))
        return (
            np.concatenate([self._row[ends], self.posts[beyond]]),
            np.concatenate([knots, np.floor(self.newest_t[beyond]).astype(np.int64) + 1]),
            np.concatenate([y, self.newest[beyond]]),
        )


def _usual(lines: _Lines, channel: Ints, own: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """For each post of the lines the y that its channel's posts have at its age (NaN where no own post is known); and
    for each of all posts the median y of its channel's newest readings."""
    channels = int(channel.max()) + 1
    own_lines = own[lines.posts]
    at = lines.posts[own_lines]
    newest = _medians(channel[at], lines.newest[own_lines], channels, least=1)
    if not len(at):
        return np.full(len(lines.posts), np.nan), newest[channel]
    post, knot, y = lines.at_knots()
    chosen = own[post]
    post, knot, y = post[chosen], knot[chosen], y[chosen]
    table = _medians(channel[post] * KNOTS + knot, y, channels * KNOTS, LEAST_POSTS).reshape(channels, KNOTS)
    # What the age alone does to a counter, in all channels: what a channel with few posts is judged by.
    growth = _medians(knot, y - newest[channel[post]], KNOTS, LEAST_POSTS)[None, :]
    grown = np.nan_to_num(_between(growth, np.zeros(len(lines.posts), dtype=np.int64), lines.newest_t))
    level = _medians(channel[at], lines.newest[own_lines] - grown[own_lines], channels, least=1)
    of_post = channel[lines.posts]
    same_age = _between(table, of_post, lines.newest_t)
    return np.where(np.isnan(same_age), level[of_post] + grown, same_age), newest[channel]


def _between(table: Floats, row: Ints, t: Floats) -> Floats:
    """The table's rows read off at t: on the line between the two knots beside it, or the one of them that is known."""
    low = np.floor(t).astype(np.int64)
    high = np.minimum(low + 1, KNOTS - 1)
    left, right = table[row, low], table[row, high]
    left, right = np.where(np.isnan(left), right, left), np.where(np.isnan(right), left, right)
    between: Floats = left + (right - left) * (t - low)
    return between


def _medians(group: Ints, value: Floats, groups: int, least: int) -> Floats:
    """The median of each group, NaN where it has fewer than `least` values."""
    medians = np.full(groups, np.nan)
    if len(group):
        by_group = pl.DataFrame({"group": group, "value": value}).group_by("group").agg(pl.median("value"), n=pl.len())
        enough = by_group.filter(pl.col("n") >= least)
        medians[enough["group"].to_numpy()] = enough["value"].to_numpy()
    return medians


def _runs(start: Ints, length: Ints) -> tuple[Ints, Ints]:
    """Whole numbers start, start + 1, … of each run, and the run that each belongs to: (run, number)."""
    run = np.repeat(np.arange(len(length)), length)
    place = np.arange(len(run)) - np.repeat(np.cumsum(length) - length, length)
    return run, start[run] + place


def _spread(values: Floats, rows: Ints, height: int) -> Floats:
    spread = np.full(height, np.nan)
    spread[rows] = values
    return spread


def _readings(posts: pl.DataFrame, stats: pl.DataFrame) -> pl.DataFrame:
    """The posts' readings by post and time: row (of `posts`), observed_at, age (hours, at least 0), the counters."""
    age = (pl.col("observed_at") - pl.col("date")).dt.total_microseconds() / 3.6e9
    return (
        stats.join(posts.select(*_POST, "date").with_row_index("row"), on=_POST, how="inner")
        .sort("row", "observed_at")
        .select("row", "observed_at", *COUNTERS, age=age.clip(lower_bound=0))
    )


def _that_count(readings: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Readings until `as_of`; of a post that was read only later (history imported at once), the first reading.

    That one is compared with readings at the same age, so it says how the post did, and later readings do not change it.
    """
    later = readings.filter(pl.col("observed_at") > as_of)
    if later.is_empty():
        return readings
    until = readings.filter(pl.col("observed_at") <= as_of)
    first = later.unique("row", keep="first", maintain_order=True).join(until, on="row", how="anti")
    return pl.concat([until, first]).sort("row", "observed_at")
