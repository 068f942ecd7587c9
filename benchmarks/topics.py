"""How fast topics are found and how well, beside others: text to labelled topics, ranking, growth, HDBSCAN, BERTopic.

    python -m benchmarks.topics [--posts 5000] [--window 1] [--file posts.jsonl] [--vectors vectors.parquet]
    python -m benchmarks.topics --growth 10000 20000 35000 50000 100000 [--window 7] [--file posts.parquet]

`--file`: JSON Lines or Parquet with channel, message_id, date (ISO 8601), text and, where labelled, event and story: then
also pairwise F1. Without it posts are generated. `--window`: days of as many posts each. `--vectors`: a Parquet file with
channel, message_id and vector, which BERTopic is given too. `--growth`: each number of posts over the window in a process
of its own, without rivals; a file that holds fewer is told again, one word in eleven left out. Run it with
OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 for one core. What attaching takes is in benchmarks/attach.py.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import Spent, peak_megabytes, spent
from benchmarks.topic_rivals import rivals
from tests import builders
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS
from tgstudio_dagster.topics.blend import Dense
from tgstudio_dagster.topics.clean import clean_texts
from tgstudio_dagster.topics.cluster import Topics, find_topics
from tgstudio_dagster.topics.embed import embed, topical
from tgstudio_dagster.topics.footers import count_lines, repeated
from tgstudio_dagster.topics.lab.evaluate import pair_score
from tgstudio_dagster.topics.rank import rank

END = datetime(2026, 3, 15, 23, 59, tzinfo=UTC)
CHANNELS = 30
LEFT_OUT = 11  # one word in so many, where posts are told again


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
    """The posts of a JSON Lines or Parquet file; `channel` is numbered, `name` is what the file calls it."""
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path).filter(pl.col("text") != "").to_dicts()
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    channels = {name: number for number, name in enumerate(sorted({row["channel"] for row in rows}))}
    return [
        {**row, "channel": channels[row["channel"]], "name": row["channel"], "date": _time(row["date"])} for row in rows
    ]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--growth", type=int, nargs="*")
    parser.add_argument("--step", type=Path, help="One step of --growth: a Parquet file of MESSAGES.")
    given = parser.parse_args()
    if given.growth is not None:
        _growth(given.growth, given.window, given.file)
    elif given.step is not None:
        _step(pl.read_parquet(given.step))
    else:
        _beside(read(given.file) if given.file else generated(given.posts, given.window), given.vectors)


def _beside(rows: list[dict[str, Any]], vectors: Path | None) -> None:
    messages = _messages(rows)
    _warm(messages)
    embeddings, found, took = _topics(messages)
    stats = _stats(messages)
    newest = messages["date"].max()
    assert isinstance(newest, datetime)
    ranked, ranking = spent(lambda: rank(messages, stats, found.topics, found.topic_messages, newest))
    print(f"{messages.height} posts; topics: {found.topics.height}; rows of the ranking: {ranked.height:,d}")
    for step, one in took.items():
        print(f"{step:<22}{one}  {messages.height / one.cpu:9,.0f} posts a CPU second")
    print(f"{'rank':<22}{ranking}")

    name = {(row["channel"] + 1, row["message_id"]): row.get("name", row["channel"]) for row in rows}
    key = pl.format("{}/{}", "channel_id", "msg_id")
    embeddings = embeddings.sort("channel_id", "msg_id")
    posts = topical(messages).join(embeddings, on=["channel_id", "msg_id"], how="semi")
    said = clean_texts(posts, repeated(count_lines(messages))).to_list()
    keys = [f"{name[post]}/{post[1]}" for post in posts.select("channel_id", "msg_id").iter_rows()]
    others = rivals(said, embeddings, keys, vectors)
    topic = dict(found.topic_messages.select(key, "topic_id").iter_rows())
    order = posts.select(key).to_series().to_list()
    # Vectors are made by us for all of them: what is compared is the way from vectors to topics.
    ours = [topic.get(post, f"alone {n}") for n, post in enumerate(order)]
    labels = {f"{row['channel'] + 1}/{row['message_id']}": row for row in rows if "event" in row}
    _judged("topics (labels counted)", ours, took["find_topics"], took["find_topics"], labels, order)
    if vectors is not None:
        mixed, taking = spent(lambda: _blended(messages, embeddings, vectors, dict(zip(order, keys, strict=True))))
        topic = dict(mixed.topic_messages.select(key, "topic_id").iter_rows())
        named = [topic.get(post, f"alone {n}") for n, post in enumerate(order)]
        _judged(f"topics, words and {vectors.name}", named, taking, took["find_topics"], labels, order)
    for rival in others:
        _judged(rival.name, rival.clusters, rival.took, took["find_topics"], labels, order)


def _blended(messages: pl.DataFrame, embeddings: pl.DataFrame, vectors: Path, name: dict[str, str]) -> Topics:
    """Our topics with the vectors blended in; `name`: what the file calls the post with this key."""
    newest = messages["date"].max()
    assert isinstance(newest, datetime)
    names = pl.DataFrame({"key": list(name), "named": list(name.values())})
    given = pl.read_parquet(vectors).select("vector", named=pl.format("{}/{}", "channel", "message_id"))
    return find_topics(messages, embeddings, newest, dense=Dense(names.join(given, on="named").select("key", "vector")))


def _judged(
    name: str, clusters: list[Any], took: Spent, ours: Spent, labels: dict[str, dict[str, Any]], order: list[str]
) -> None:
    line = f"{name:<58}{took}  {took.cpu / ours.cpu:6.1f} times ours"
    if labels:
        events = [labels[key]["event"] for key in order]
        stories = [labels[key].get("story", labels[key]["event"]) for key in order]
        apart, strict = pair_score(events, clusters, stories).f1, pair_score(events, clusters).f1
        line += f"  F1 {apart:.3f} (same story ignored), {strict:.3f} strict"
    print(line)


def _topics(messages: pl.DataFrame) -> tuple[pl.DataFrame, Topics, dict[str, Spent]]:
    """Text to labelled topics as the assets go: lines and embeddings of each day, topics of the window."""
    newest = messages["date"].max()
    assert isinstance(newest, datetime)
    days = [day for _, day in messages.group_by(pl.col("date").dt.date(), maintain_order=True)]
    lines, counting = spent(lambda: repeated(count_lines(messages)))
    embeddings, embedding = spent(lambda: pl.concat([embed(day, day, lines) for day in days], rechunk=True))
    found, finding = spent(lambda: find_topics(messages, embeddings, newest, repeated=lines))
    took = {"repeated lines": counting, "embed": embedding, "find_topics": finding}
    return embeddings, found, {**took, "text to topics": counting + embedding + finding}


def _warm(messages: pl.DataFrame) -> None:
    """Imports, which are not counted."""
    few = messages.head(20)
    find_topics(few, embed(few, few), END)


def _growth(sizes: list[int], days: int, file: Path | None) -> None:
    rows = read(file) if file else generated(-(-max(sizes) // days), days)
    with tempfile.TemporaryDirectory() as place:
        for size in sizes:
            posts = Path(place) / f"{size}.parquet"
            _messages(_spread(rows, size, days)).write_parquet(posts)
            subprocess.run([sys.executable, "-m", "benchmarks.topics", "--step", str(posts)], check=True)


def _step(messages: pl.DataFrame) -> None:
    _warm(messages)
    before = peak_megabytes()
    _, found, took = _topics(messages)
    print(
        f"{messages.height:7d} posts: {took['text to topics']} (embed {took['embed'].cpu:.2f}, topics "
        f"{took['find_topics'].cpu:.2f} CPU); {found.topics.height} topics; at most {peak_megabytes():,.0f} MB, "
        f"{before:,.0f} of it before"
    )


def _spread(rows: list[dict[str, Any]], size: int, days: int) -> list[dict[str, Any]]:
    """So many of the newest posts, evenly over the days until END; told again where there are fewer."""
    told = sorted(rows, key=lambda row: (row["date"], row["channel"], row["message_id"]))[-size:]
    gap = timedelta(days=days) / size
    every: list[dict[str, Any]] = []
    for again in range(-(-size // len(told))):
        for row in told[: size - len(every)]:
            words = row["text"].split(" ")
            text = " ".join(word for n, word in enumerate(words) if not again or (n * 7 + again * 3) % LEFT_OUT)
            every.append({**row, "channel": row["channel"] + 1000 * again, "text": text, "again": again})
    every.sort(key=lambda row: (row["date"], row["again"]))
    return [{**row, "date": END - gap * (size - 1 - n)} for n, row in enumerate(every)]


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


def _time(date: datetime | str) -> datetime:
    return date if isinstance(date, datetime) else datetime.fromisoformat(date)


if __name__ == "__main__":
    main()
