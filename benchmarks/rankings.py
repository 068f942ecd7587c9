"""How long the rankings of a tenant take: 50,000 messages of 7 days, 10 observations each, in topics; beside plain SQL.

    python -m benchmarks.rankings [--messages 50000] [--observations 10] [--channels 200] [--rounds 3]

Posts, counters and topics are invented: views grow with the channel's own speed, every fifth post is a forward, comments
are closed in every other channel, one reading in fifty falls. One core (polars and DuckDB are held to one thread). Goal: at
most 2 s. The alternative is what one would write in SQL: for each post the median of its channel's posts at its age, each
looked up (ASOF JOIN) at its last reading not older than that, for the four counters; then popularity of topics. It has
neither trend, nor line between readings, nor a word for channels with few posts.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import duckdb
import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests import builders
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.rank import rank

NOW = datetime(2026, 3, 15, 23, 59, tzinfo=UTC)
HOURS = 168

NAIVE = """
WITH own AS (
    SELECT channel_id, msg_id, date, forwarded_from, epoch($now - date) / 3600 AS age
    FROM messages WHERE date <= $now
), readings AS (
    SELECT stats.channel_id, stats.msg_id, views, forwards, reactions, comments, forwarded_from,
        epoch(observed_at - date) / 3600 AS age
    FROM stats JOIN own USING (channel_id, msg_id) WHERE observed_at <= $now
), newest AS (
    SELECT * FROM readings QUALIFY row_number() OVER (PARTITION BY channel_id, msg_id ORDER BY age DESC) = 1
), pairs AS (
    SELECT newest.channel_id, newest.msg_id, newest.age, others.msg_id AS other
    FROM newest JOIN own AS others USING (channel_id) WHERE others.forwarded_from IS NULL AND others.age >= newest.age
), usual AS (
    SELECT pairs.channel_id, pairs.msg_id, median(readings.views) AS views, median(readings.forwards) AS forwards,
        median(readings.reactions) AS reactions, median(readings.comments) AS comments
    FROM pairs ASOF JOIN readings
        ON readings.channel_id = pairs.channel_id AND readings.msg_id = pairs.other AND readings.age <= pairs.age
    GROUP BY ALL
), terms AS (
    SELECT newest.channel_id, newest.msg_id, own.age,
        least(4, greatest(-2, log2((newest.views + 5) / (usual.views + 5)))) AS v,
        least(4, greatest(-2, log2((newest.forwards + 5) / (usual.forwards + 5)))) AS f,
        least(4, greatest(-2, log2((newest.reactions + 5) / (usual.reactions + 5)))) AS r,
        least(4, greatest(-2, log2((newest.comments + 5) / (usual.comments + 5)))) AS c
    FROM newest JOIN own USING (channel_id, msg_id) JOIN usual USING (channel_id, msg_id)
), judged AS (
    SELECT *, (.5 * coalesce(v, 0) + .25 * coalesce(f, 0) + .15 * coalesce(r, 0) + .1 * coalesce(c, 0))
        / (.5 * (v IS NOT NULL)::INT + .25 * (f IS NOT NULL)::INT + .15 * (r IS NOT NULL)::INT + .1 * (c IS NOT NULL)::INT)
        AS engagement
    FROM terms
)
SELECT topic_id, sum(best) AS popularity FROM (
    SELECT topic_id, channel_id, max((1 + greatest(0, engagement)) * pow(2, -age / 60)) AS best
    FROM judged JOIN topic_messages USING (channel_id, msg_id) GROUP BY ALL
) GROUP BY topic_id ORDER BY popularity DESC
"""


def made(messages: int, observations: int, channels: int) -> tuple[pl.DataFrame, ...]:
    """MESSAGES, MESSAGE_STATS, TOPICS, TOPIC_MESSAGES of the 7 days until NOW, a sixth of the posts in no topic."""
    chance = np.random.default_rng(11)
    channel = chance.integers(1, channels + 1, messages)
    age = chance.uniform(0.1, HOURS, messages)
    date = [NOW - timedelta(hours=hours) for hours in age.tolist()]
    row = builders.messages({}).drop("channel_id", "msg_id", "date", "forwarded_from")
    keys = pl.DataFrame(
        {
            "channel_id": channel,
            "msg_id": np.arange(1, messages + 1),
            "date": pl.Series(date, dtype=pl.Datetime("us", "UTC")),
            "forwarded_from": pl.Series(["Elsewhere" if one < 0.2 else None for one in chance.random(messages)]),
        }
    )
    posts = MESSAGES.conform(keys.join(row, how="cross").select(MESSAGES.schema.names()))

    level = np.exp(chance.normal(8, 1.5, channels + 1))[channel] * np.exp(chance.normal(0, 0.8, messages))
    speed = chance.uniform(2, 20, channels + 1)[channel]
    # Readings come more often while a post is young.
    seen = age[:, None] * np.sort(chance.random((messages, observations)), axis=1) ** 2
    views = level[:, None] * (1 - np.exp(-seen / speed[:, None]))
    views = np.where(chance.random(views.shape) < 0.02, views * 0.7, views)
    flat = np.repeat(np.arange(messages), observations)
    moment = (seen * 3.6e9).astype(np.int64).ravel()
    stats = (
        keys[flat]
        .with_columns(
            observed_at=pl.col("date") + pl.Series(moment).cast(pl.Duration("us")),
            views=pl.Series(views.ravel()).cast(pl.Int64),
            forwards=pl.Series((views / 100).ravel()).cast(pl.Int64),
            reactions=pl.Series((views / 60).ravel()).cast(pl.Int64),
            comments=pl.when(pl.col("channel_id") % 2 == 0).then(pl.Series((views / 300).ravel()).cast(pl.Int64)),
        )
        .select(MESSAGE_STATS.schema.names())
        .unique(MESSAGE_STATS.key)
    )

    sizes = np.minimum(chance.geometric(0.15, messages), 60)  # 6.6 posts a topic
    topic = chance.permutation(np.repeat(np.arange(messages), sizes)[:messages])
    member = chance.random(messages) < 5 / 6
    members = keys.with_columns(topic_id=pl.format("t-{}", pl.Series(topic))).filter(pl.Series(member))
    blank = {"title": "", "lang": "ru", "story_id": "s-1"}
    topics = members.group_by("topic_id").agg(
        first_seen=pl.col("date").min(),
        last_seen=pl.col("date").max(),
        messages=pl.len().cast(pl.Int32),
        channels=pl.col("channel_id").n_unique().cast(pl.Int32),
        channel_id=pl.col("channel_id").first(),
        msg_id=pl.col("msg_id").first(),
    )
    missing = [name for name in TOPICS.schema if name not in topics.columns]
    filled = topics.with_columns(pl.lit(blank.get(name), TOPICS.schema[name]).alias(name) for name in missing)
    topic_messages = members.select(
        "topic_id", "channel_id", "msg_id", "date", similarity=pl.lit(1.0), duplicate_of=pl.lit(None, pl.String)
    )
    return posts, MESSAGE_STATS.conform(stats), filled, topic_messages.select(TOPIC_MESSAGES.schema.names()[:6])


def naive(posts: pl.DataFrame, stats: pl.DataFrame, topic_messages: pl.DataFrame) -> int:
    """Rows of the alternative in SQL."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
        for name, frame in (("messages", posts), ("stats", stats), ("topic_messages", topic_messages)):
            connection.register(name, frame.to_arrow())
        return len(connection.execute(NAIVE, {"now": NOW}).fetchall())


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--observations", type=int, default=10)
    parser.add_argument("--channels", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    posts, stats, topics, topic_messages = made(given.messages, given.observations, given.channels)
    print(f"{posts.height:,} messages, {stats.height:,} observations, {topics.height:,} topics; one core")
    ours = _best(lambda: rank(posts, stats, topics, topic_messages, NOW).height, given.rounds, "rank")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory so far {peak:,.0f} MB")
    theirs = _best(lambda: naive(posts, stats, topic_messages), 1, "DuckDB SQL")
    print(f"the alternative takes {theirs / ours:.1f} times as long")


def _best(work: Callable[[], Any], rounds: int, name: str) -> float:
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        rows = work()
        took.append(time.perf_counter() - start)
    print(f"{name:12} {min(took):6.2f} s best, {max(took):6.2f} s worst of {rounds}; {rows:,} rows")
    return min(took)


if __name__ == "__main__":
    main()
