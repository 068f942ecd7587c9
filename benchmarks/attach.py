"""What attaching saves and how far it agrees: a window that goes on, clustered as of the hour, what came since attached.

    python -m benchmarks.attach [--posts 20000] [--new 500] [--file posts.jsonl] [--hours 48]

Time: `--posts` posts before a full hour and `--new` after it, CPU seconds of clustering all of them, of a run that has to
cluster the hour and attach, and of one that finds the hour's clustering kept. Agreement: the end of each of the last
`--hours` hours, attached beside clustered: F1 of the pairs with a post of that hour, and of all pairs of the window.
`--file`: JSON Lines with channel, message_id, date (ISO 8601) and text: for the time they are spread over a week. Without
it posts are generated, and agreement says little: they tell nothing but their events.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.topics import generated, read
from tests import builders
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS
from tgstudio_dagster.topics.as_of import ObservedWindow
from tgstudio_dagster.topics.cluster import Topics, find_topics
from tgstudio_dagster.topics.embed import embed, topical
from tgstudio_dagster.topics.footers import repeated_lines
from tgstudio_dagster.topics.hourly import standing_topics

WEEK = timedelta(days=6, hours=12)  # before the full hour, with which a day of the window begins to go on


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--new", type=int, default=500)
    parser.add_argument("--hours", type=int, default=48)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    rows = read(given.file) if given.file else generated((given.posts + given.new) // 7 + 1, 7)
    messages = _messages(rows)
    _times(messages.tail(given.posts + given.new), given.new)
    _agreement(messages, given.hours)


def _times(messages: pl.DataFrame, new: int) -> None:
    before = messages.height - new
    hour = datetime(2024, 12, 2, 12, tzinfo=builders.FIRST.tzinfo)
    place = pl.int_range(pl.len())
    early = pl.lit(hour) - pl.duration(microseconds=(before - place) * (WEEK // timedelta(microseconds=1) // before))
    late = pl.lit(hour) + pl.duration(microseconds=(place - before + 1) * (3_000_000_000 // new))
    window = messages.with_columns(date=pl.when(place < before).then(early).otherwise(late))
    known = _known(window.with_columns(observed_at="date"))
    lines = repeated_lines(topical(window))
    embeddings = embed(window, window, lines)
    now = known.messages["date"].max()
    assert isinstance(now, datetime)
    find_topics(window.head(50), embeddings, now)  # imports
    with tempfile.TemporaryDirectory() as folder:
        kept = Lake(folder).tenant("bench").kept

        def run() -> Topics:
            return standing_topics(hour.date(), known, embeddings, now, repeated=lines, kept=kept).topics

        _, whole = _timed(lambda: find_topics(window, embeddings, now, repeated=lines))
        first, cold = _timed(run)
        second, warm = _timed(run)
    assert first.topics.equals(second.topics) and first.topic_messages.equals(second.topic_messages)
    print(f"{before} posts before the hour, {new} after it")
    print(f"all clustered                 {whole:6.2f} s")
    print(f"the hour clustered, attached  {cold:6.2f} s")
    print(f"the hour kept, attached       {warm:6.2f} s")


def _agreement(messages: pl.DataFrame, hours: int) -> None:
    newest = messages["date"].max()
    assert isinstance(newest, datetime)
    last = newest.replace(minute=0, second=0, microsecond=0)
    lines = repeated_lines(topical(messages))
    embeddings = embed(messages, messages, lines)
    sums = {"pairs with a new post": [0, 0, 0], "all pairs": [0, 0, 0]}
    attached = compared = 0
    for back in range(hours):
        hour = last - timedelta(hours=back + 1)
        now = hour + timedelta(hours=1) - timedelta(microseconds=1)
        start = datetime.combine(hour.date() - timedelta(days=6), datetime.min.time(), hour.tzinfo)
        window = messages.filter(pl.col("date").is_between(start, now))
        made = standing_topics(hour.date(), _known(window), embeddings, now, repeated=lines)
        if not made.attached:
            continue
        compared, attached = compared + 1, attached + made.attached
        ours = _pairs(made.topics)
        theirs = _pairs(find_topics(window, embeddings, now, repeated=lines))
        keys = window.filter(pl.col("date") > hour).select(pl.format("{}/{}", "channel_id", "msg_id")).to_series()
        new = set(keys.to_list())
        for name, least in (("pairs with a new post", 1), ("all pairs", 0)):
            mine, other = ({pair for pair in pairs if len(pair & new) >= least} for pairs in (ours, theirs))
            sums[name] = [a + b for a, b in zip(sums[name], (len(mine & other), len(mine), len(other)), strict=True)]
    print(f"{compared} of {hours} hours with {attached} posts attached; the others had none, or more than a twentieth")
    for name, (both, mine, other) in sums.items():
        if mine + other:
            print(f"attached beside clustered, {name}: F1 {2 * both / (mine + other):.3f}")


def _pairs(found: Topics) -> set[frozenset[str]]:
    keyed = found.topic_messages.select("topic_id", key=pl.format("{}/{}", "channel_id", "msg_id"))
    both = keyed.join(keyed, on="topic_id").filter(pl.col("key") < pl.col("key_right"))
    return {frozenset(pair) for pair in both.select("key", "key_right").iter_rows()}


def _messages(rows: list[dict[str, Any]]) -> pl.DataFrame:
    named = [
        {"channel_id": row["channel"] + 1, "msg_id": row["message_id"], "date": row["date"], "text": row["text"]}
        for row in rows
    ]
    posts = builders.messages(*({**row, "lang": "ru", "observed_at": row["date"]} for row in named))
    return posts.unique(["channel_id", "msg_id"]).sort("date", "channel_id", "msg_id")


def _known(messages: pl.DataFrame) -> ObservedWindow:
    """Each post observed once, when it was made."""
    versions = messages.select("channel_id", "msg_id", "version", "text", "text_hash", seen_at="observed_at")
    counters = ["views", "forwards", "reactions", "comments"]
    stats = messages.select("channel_id", "msg_id", "observed_at", *counters)
    return ObservedWindow(messages, MESSAGE_VERSIONS.conform(versions), MESSAGE_STATS.conform(stats))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


if __name__ == "__main__":
    main()
