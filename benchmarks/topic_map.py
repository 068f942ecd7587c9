"""How long the map takes and how far it moves from day to day: windows of 7 days, a seventh of the posts new each day.

    python -m benchmarks.topic_map [--posts 5000] [--days 3] [--file posts.jsonl]

`--file`: JSON Lines with channel, message_id, date (ISO 8601) and text: its last days; else posts of invented events are
made, `--posts` in a window. For each day: CPU seconds (imports and compilation are told apart), the mean distance that
shared posts moved beside the layout's radius, and how many of a post's 10 nearest by features are among its 10 nearest on
the map. Beside it: UMAP's class as one would call it, started from yesterday's places, on the same features; above 4,096
posts its first map includes the compilation of its own search.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests import builders
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics import map as topic_map
from tgstudio_dagster.topics import umap_layout
from tgstudio_dagster.topics.embed import embed

END = datetime(2026, 3, 15, 23, 59, tzinfo=UTC)
NEAREST = 10


def invented(posts: int, days: int) -> list[dict[str, Any]]:
    """Posts of events of 1 to 30, one every few minutes, so that each day brings a seventh of a window's posts."""
    chance = random.Random(5)
    syllables = [a + b for a in "бвгдклмнпрст" for b in "аеиоуыя"]
    words = ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(20000)]
    total = posts * (6 + days) // 7
    step = timedelta(days=7) / posts
    rows: list[dict[str, Any]] = []
    while len(rows) < total:
        own, subject = chance.choices(words, k=25), chance.randrange(40) * 200
        for _ in range(chance.choice([1, 1, 1, 2, 3, 8, 30])):
            said = chance.sample(own, 12) + chance.choices(words[subject : subject + 200], k=12)
            date = END - step * len(rows)
            rows.append(
                {"channel": chance.randrange(30), "message_id": len(rows), "date": date, "text": " ".join(said)}
            )
    return rows[:total]


def read(path: Path) -> list[dict[str, Any]]:
    """The posts of a JSON Lines file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    channels = {name: number for number, name in enumerate(sorted({row["channel"] for row in rows}))}
    return [{**row, "channel": channels[row["channel"]], "date": datetime.fromisoformat(row["date"])} for row in rows]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    rows = read(given.file) if given.file else invented(given.posts, given.days)
    messages = builders.messages(
        *(
            {"channel_id": row["channel"] + 1, "msg_id": row["message_id"], "date": row["date"], "text": row["text"]}
            for row in rows
        )
    )
    dated = embed(messages, messages).join(messages.select("channel_id", "msg_id", "date"), on=["channel_id", "msg_id"])
    start = time.process_time()
    few = dated.head(200).drop("date")
    topic_map.lay_out(few, TOPIC_MESSAGES.empty(), TOPICS.empty(), None)
    print(f"import and compilation, once: {time.process_time() - start:.1f} s")
    newest = max(row["date"] for row in rows)
    ends = [newest - timedelta(days=back) for back in reversed(range(given.days))]
    windows = [
        dated.filter(pl.col("date") > end - timedelta(days=7), pl.col("date") <= end).drop("date") for end in ends
    ]
    _report("this project", windows)
    ours = topic_map.lay_out_points
    topic_map.lay_out_points = plain_umap
    _report("UMAP's class", windows)
    topic_map.lay_out_points = ours


def plain_umap(points: umap_layout.Places, known: umap_layout.Places) -> umap_layout.Places:
    """The alternative: UMAP(init=yesterday's places), with its own neighbours."""
    from umap import UMAP

    start = np.where(np.isnan(known), points[:, :2], known)
    begun = start if not np.isnan(known).all() else "spectral"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = UMAP(n_neighbors=umap_layout.NEIGHBOURS, init=begun, random_state=umap_layout.SEED, n_jobs=1)
        laid: umap_layout.Places = made.fit_transform(points.astype(np.float32)).astype(np.float64)
    return laid


def _report(name: str, windows: list[pl.DataFrame]) -> None:
    previous = None
    for n, window in enumerate(windows):
        start = time.process_time()
        made = topic_map.lay_out(window, TOPIC_MESSAGES.empty(), TOPICS.empty(), previous)
        seconds = time.process_time() - start
        way = topic_map.moved(made, previous) if previous is not None else None
        told = "first map" if way is None else f"shared posts moved {way:.3f} of the radius"
        print(f"{name}: day {n + 1}, {window.height:,} posts {seconds:6.2f} s, kept {_kept(window, made):.2f}; {told}")
        previous = made


def _kept(window: pl.DataFrame, made: pl.DataFrame) -> float:
    """The share of 400 posts' 10 nearest by features that are among their 10 nearest on the map."""
    from tgstudio_dagster.topics.vectors import raw_weights, weigh

    rows = window.sort("channel_id", "msg_id")
    matrix = weigh(raw_weights(rows)).matrix
    places = made.sort("channel_id", "msg_id").select("x", "y").to_numpy()
    asked = np.random.default_rng(1).choice(len(places), min(400, len(places)), replace=False)
    near = np.asarray((matrix[asked] @ matrix.T).todense())
    far = ((places[asked][:, None, :] - places[None, :, :]) ** 2).sum(axis=2)
    both = [
        len(set(np.argsort(-a, kind="stable")[1 : NEAREST + 1]) & set(np.argsort(b, kind="stable")[1 : NEAREST + 1]))
        for a, b in zip(near, far, strict=True)
    ]
    return float(np.mean(both)) / NEAREST


if __name__ == "__main__":
    main()
