"""How fast topics are found: messages per second of embed and find_topics, seconds of rank, beside HDBSCAN.

    python -m benchmarks.topics [--posts 5000] [--window 1] [--file posts.jsonl]

`--file`: JSON Lines with channel, message_id, date (ISO 8601), text and, where labelled, event and story: then also
pairwise F1. Without it posts are generated. `--window`: days of as many posts each. CPU seconds, imports not counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests import builders
from tgstudio_dagster.lake.tables import MESSAGE_STATS
from tgstudio_dagster.topics.attach import attach, prepare
from tgstudio_dagster.topics.cluster import find_topics
from tgstudio_dagster.topics.embed import embed, topical
from tgstudio_dagster.topics.evaluate import pair_score
from tgstudio_dagster.topics.rank import rank

END = datetime(2026, 3, 15, 23, 59, tzinfo=UTC)
CHANNELS = 30
NEW_POSTS = 500
LARGEST_MATRIX = 10_000  # rows; 800 MB of distances


def generated(posts: int, days: int) -> list[dict[str, Any]]:
    """Posts of events of 1 to 12, each told with a share of the event's own words and a footer of its channel."""
    chance = random.Random(7)
    syllables = [a + b for a in "бвгдклмнпрст" for b in "аеиоуыя"]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(20000)]
    common = words[:3000]
    rows: list[dict[str, Any]] = []
    for day in range(days):
        made = 0
        while made < posts:
            size = min(chance.choice([1, 1, 1, 1, 2, 2, 3, 4, 6, 12]), posts - made)
            event = f"e{day}-{made}"
            own = chance.choices(words, k=30)
            start = END - timedelta(days=days - 1 - day, minutes=chance.randint(0, 1300))
            for n in range(size):
                channel = chance.randrange(CHANNELS)
                said = chance.sample(own, 15) + chance.choices(common, k=35)
                chance.shuffle(said)
                text = f"{' '.join(said)}.\n\nПодписаться на канал {channel}"
                date = min(start + timedelta(minutes=3 * n), END)
                rows.append(
                    {"channel": channel, "message_id": len(rows) + 1, "date": date, "text": text, "event": event}
                )
            made += size
    return rows


def read(path: Path) -> list[dict[str, Any]]:
    """The posts of a JSON Lines file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    channels = {name: number for number, name in enumerate(sorted({row["channel"] for row in rows}))}
    return [{**row, "channel": channels[row["channel"]], "date": datetime.fromisoformat(row["date"])} for row in rows]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    rows = read(given.file) if given.file else generated(given.posts, given.window)
    messages = _messages(rows)
    stats = _stats(messages)
    newest = max(row["date"] for row in rows)
    day = messages.filter(pl.col("date") > newest - timedelta(days=1))
    find_topics(messages.head(20), embed(messages.head(20), messages.head(20)), newest)  # imports

    _, day_seconds = _timed(lambda: embed(day, messages))
    embeddings, _ = _timed(lambda: embed(messages, messages))
    found, topic_seconds = _timed(lambda: find_topics(messages, embeddings, newest))
    ranked, rank_seconds = _timed(lambda: rank(messages, stats, found.topics, found.topic_messages, newest))
    print(f"window: {messages.height} posts, its last day: {day.height}; topics: {found.topics.height}")
    print(f"embed (day)         {day_seconds:7.2f} s  {day.height / day_seconds:9,.0f} messages/s")
    print(f"find_topics         {topic_seconds:7.2f} s  {messages.height / topic_seconds:9,.0f} messages/s")
    print(f"rank                {rank_seconds:7.2f} s  {ranked.height:9,d} rows")
    print(f"all three           {day_seconds + topic_seconds + rank_seconds:7.2f} s")

    _attaching(messages, embeddings, newest)
    if importlib.util.find_spec("bertopic") is None:
        print("BERTopic: not installed; to have it beside: pip install bertopic, then run again in that environment")
    if messages.height > LARGEST_MATRIX:
        print(f"HDBSCAN: left out, its matrix would hold {messages.height**2:,} distances")
        return
    labels, seconds = _timed(lambda: _hdbscan(messages, embeddings))
    print(f"HDBSCAN, same features {seconds:.2f} s: {seconds / topic_seconds:.1f} times find_topics (which labels too)")
    if all("event" in row for row in rows):
        key = pl.format("{}/{}", "channel_id", "msg_id")
        topic = dict(found.topic_messages.select(key, "topic_id").iter_rows())
        named = [topic.get(f"{row['channel'] + 1}/{row['message_id']}", str(n)) for n, row in enumerate(rows)]
        events = [row["event"] for row in rows]
        stories = [row.get("story", row["event"]) for row in rows]
        order = {key: n for n, key in enumerate(topical(messages).select(key).to_series())}
        peers = [labels[order[f"{row['channel'] + 1}/{row['message_id']}"]] for row in rows]
        for name, clusters in (("topics", named), ("HDBSCAN", peers)):
            apart = pair_score(events, clusters, stories).f1
            print(f"{name}: F1 {apart:.3f} (same story ignored), {pair_score(events, clusters).f1:.3f} strict")


def _attaching(messages: pl.DataFrame, embeddings: pl.DataFrame, newest: datetime) -> None:
    """Attach the newest posts (500 at most) to the topics of the others."""
    ordered = messages.sort("date", "channel_id", "msg_id")
    new = min(NEW_POSTS, ordered.height // 4)
    before, after = ordered.head(ordered.height - new), ordered.tail(new)
    known = find_topics(before, embeddings, newest)
    index, prepare_seconds = _timed(lambda: prepare(before, embeddings, known, newest))
    of_new = embeddings.join(after, on=["channel_id", "msg_id"], how="semi")
    _, seconds = _timed(lambda: attach(index, after, of_new))
    print(
        f"attach              {seconds:7.2f} s  {new} posts to {before.height}; the index, once: {prepare_seconds:.2f} s"
    )


def _messages(rows: list[dict[str, Any]]) -> pl.DataFrame:
    chance = random.Random(3)
    return builders.messages(
        *(
            {
                "channel_id": row["channel"] + 1,
                "msg_id": row["message_id"],
                "date": row["date"],
                "text": row["text"],
                "lang": "ru",
                "views": chance.randint(100, 50000),
                "forwards": chance.randint(0, 300),
                "reactions": chance.randint(0, 900),
            }
            for row in rows
        )
    )


def _stats(messages: pl.DataFrame) -> pl.DataFrame:
    """Four readings of each post, growing to its counters."""
    counters = ["views", "forwards", "reactions"]
    readings = [
        messages.select(
            "channel_id",
            "msg_id",
            (pl.col("date") + pl.duration(hours=hours)).alias("observed_at"),
            *((pl.col(name) * share).cast(pl.Int64) for name in counters),
            "comments",
        )
        for hours, share in ((1, 0.2), (4, 0.5), (12, 0.8), (40, 1.0))
    ]
    return MESSAGE_STATS.conform(pl.concat(readings))


def _hdbscan(messages: pl.DataFrame, embeddings: pl.DataFrame) -> list[int]:
    """The named alternative: scikit-learn's HDBSCAN on the same vectors; a post in no cluster stands alone."""
    import numpy as np
    from sklearn.cluster import HDBSCAN

    from tgstudio_dagster.topics.vectors import raw_weights, weigh

    matrix = weigh(raw_weights(embeddings)).matrix
    distance = np.clip(1 - (matrix @ matrix.T).toarray(), 0, 1).astype(np.float64)
    np.fill_diagonal(distance, 0)
    labels = HDBSCAN(min_cluster_size=2, min_samples=1, metric="precomputed", copy=False).fit_predict(distance)
    return [int(label) if label >= 0 else -2 - n for n, label in enumerate(labels)]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


if __name__ == "__main__":
    main()
