"""How long a search takes in a tenant's whole history, by words and by meaning, and what its index costs.

    python -m benchmarks.search [--messages 1000000] [--days 400] [--rounds 200] [--folder PLACE] [--dense]

Makes a lake of one tenant in a temporary folder (or in `--folder`; a lake that is there is asked again). Each post is
two to five sentences of the sample of its language in a new order, with a few names of 200,000 invented ones (Zipf), so
that there are common and rare words. Prints the time to index 1,000 messages, to fill the local copy once and to take in
one changed day, sizes, and p50 and p95 (ms) of a page of 20 by kind of question. Beside it DuckDB's `contains` over the
messages' files: what one would write without an index.
`--dense`: nearest vectors of 384 values (invented, in clusters), and how many of the exact nearest 20 are found.
Goal: p95 of at most 300 ms with 1,000,000 messages.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.sample.content import written_posts
from tgstudio_dagster.search.build import index_day, small
from tgstudio_dagster.search.find import Search
from tgstudio_dagster.search.index import Filter
from tgstudio_dagster.search.vectors import VectorIndex

FIRST = date(2025, 2, 1)
CHANNELS = 60
NAMES = 200_000
DIMENSIONS = 384
PLACES = {"messages": "lake/messages", "index": "lake/search_index", "local copy": "home"}
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")


@dataclass
class Texts:
    """Sentences and names to make posts of, by language."""

    sentences: dict[str, list[str]] = field(default_factory=lambda: {"ru": [], "en": []})
    names: dict[str, list[str]] = field(default_factory=dict)
    weights: list[float] = field(default_factory=list)

    @classmethod
    def of_the_sample(cls) -> Texts:
        """Of the sample that is shipped."""
        texts = cls()
        for post in written_posts():
            lang = "ru" if re.search("[а-я]", post.text) else "en"
            texts.sentences[lang] += [part for part in _SENTENCE.split(post.text) if len(part) > 20]
        for lang, letters in (("ru", ("бвгдзклмнпрст", "аеиоу")), ("en", ("bcdfgklmnprst", "aeiou"))):
            pairs = [a + b for a in letters[0] for b in letters[1]]
            texts.names[lang] = ["".join(random.choices(pairs, k=4)).capitalize() for _ in range(NAMES)]
        texts.weights = list(accumulate(1 / (rank + 10) for rank in range(NAMES)))
        return texts

    def post(self, lang: str) -> str:
        """One post: about 60 words."""
        parts = random.choices(self.sentences[lang], k=random.randint(2, 5))
        names = random.choices(self.names[lang], cum_weights=self.weights, k=4)
        return f"{' '.join(parts)} {names[0]} {names[1]}, {names[2]} {names[3]}."


def make_day(texts: Texts, day: date, count: int) -> pl.DataFrame:
    """A day of MESSAGES."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    langs = ["en" if n % CHANNELS % 4 == 0 else "ru" for n in range(count)]
    number = (day - FIRST).days * count
    n = pl.int_range(count, dtype=pl.Int64)
    frame = pl.DataFrame({"text": [texts.post(lang) for lang in langs], "lang": langs}).with_columns(
        channel_id=1000 + n % CHANNELS,
        msg_id=number + n,
        channel=pl.format("channel{}", n % CHANNELS),
        channel_title=pl.format("Channel {}", n % CHANNELS),
        date=pl.lit(start, pl.Datetime("us", "UTC")) + pl.duration(microseconds=n * (86_400_000_000 // count)),
        observed_at=pl.lit(start + timedelta(hours=23), pl.Datetime("us", "UTC")),
        text_hash=pl.format("{}", n).str.zfill(16),
        type=pl.lit("text"),
        source=pl.lit("telegram"),
        url=pl.format("https://t.me/channel{}/{}", n % CHANNELS, number + n),
        views=n * 7 % 50_000,
        version=pl.lit(1, pl.Int32),
    )
    empty = [
        (pl.lit([], dtype) if isinstance(dtype, pl.List) else pl.lit(None, dtype)).alias(name)
        for name, dtype in MESSAGES.schema.items()
        if name not in frame.columns
    ]
    return frame.with_columns(empty).select(list(MESSAGES.columns))


def questions(texts: Texts, rounds: int, days: int) -> dict[str, list[dict[str, Any]]]:
    """Questions by kind."""
    everything = [word for sentence in texts.sentences["ru"] for word in re.findall(r"[а-яА-Я]{4,}", sentence)]
    common = [
        word for word, _ in sorted({w: everything.count(w) for w in set(everything)}.items(), key=lambda x: -x[1])
    ]

    def phrase() -> str:
        found = re.findall(r"\w+", random.choice(long))
        start = random.randrange(len(found) - 3)
        return f'"{" ".join(found[start : start + 3])}"'

    def filtered() -> dict[str, Any]:
        first = FIRST + timedelta(random.randrange(max(1, days - 30)))
        channels = [f"channel{n}" for n in random.sample(range(CHANNELS), 3)]
        return {"first": first, "last": first + timedelta(29), "channels": channels, "langs": ["ru"]}

    long = [sentence for sentence in texts.sentences["ru"] if sentence.count(" ") > 5]
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "one common word": lambda: {"text": random.choice(common[:100])},
        "one rare word": lambda: {"text": random.choice(texts.names["ru"][1000:])},
        "two or three words": lambda: {"text": words_of(long, 2, 3)},
        "phrase": lambda: {"text": phrase()},
        "beginning*": lambda: {"text": random.choice(everything)[:4] + "*"},
        "words -word": lambda: {"text": f"{random.choice(common[:300])} -{random.choice(common[:300])}"},
        "word, 30 days, 3 channels, language": lambda: {"text": random.choice(common[:1000]), **filtered()},
        "meaning, one to four words": lambda: {"text": words_of(long, 1, 4), "by": "meaning"},
        "meaning, a whole sentence": lambda: {"text": random.choice(long), "by": "meaning"},
    }
    return {kind: [make() for _ in range(rounds)] for kind, make in makers.items()}


def words_of(sentences: Sequence[str], least: int, most: int) -> str:
    """Some words of a sentence, in any order."""
    found = re.findall(r"\w+", random.choice(sentences))
    return " ".join(random.sample(found, min(len(found), random.randint(least, most))))


def percentiles(took: list[float]) -> str:
    took = sorted(took)
    return f"p50 {took[len(took) // 2]:7.1f} ms   p95 {took[int(len(took) * 0.95)]:7.1f} ms"


def timed(ask: Callable[[dict[str, Any]], int | None], asked: list[dict[str, Any]]) -> tuple[list[float], list[int]]:
    took, totals = [], []
    for question in asked:
        start = time.perf_counter()
        totals.append(ask(question) or 0)
        took.append((time.perf_counter() - start) * 1000)
    return took, totals


def contains(root: str, question: dict[str, Any]) -> int:
    """What one would write without an index: the newest 20 posts whose text contains the word."""
    with duckdb.connect() as connection:
        return len(
            connection.execute(
                f"""
                SELECT channel_id, msg_id, date, text, url
                FROM read_parquet('{root}/messages/tenant=a/*/part-0.parquet', hive_partitioning = false)
                WHERE contains(lower(text), ?) ORDER BY date DESC LIMIT 20
                """,
                [question["text"].lower()],
            ).fetchall()
        )


def size(folder: Path) -> str:
    return f"{sum(file.stat().st_size for file in folder.rglob('*') if file.is_file()) / 1e6:,.0f} MB"


def fill_lake(lake: TenantLake, texts: Texts, days: int, count: int) -> None:
    """Write messages and their index, and print what the index costs."""
    took = 0.0
    for n in range(days):
        day = FIRST + timedelta(n)
        messages = make_day(texts, day, count)
        lake.write(MESSAGES, messages, day=day)
        start = time.process_time()
        lake.write(SEARCH_INDEX, index_day(messages), day=day)
        took += time.process_time() - start
    print(f"index_day: {took / (days * count / 1000) * 1000:.0f} CPU ms per 1,000 messages", flush=True)


def dense(folder: Path, messages: int, rounds: int) -> None:
    """Nearest vectors, and how many of the exact nearest are found."""
    chance = np.random.default_rng(7)
    centre = chance.normal(size=DIMENSIONS) * 2
    clusters = chance.normal(size=(2_000, DIMENSIONS))

    def some(count: int) -> Any:
        near = clusters[chance.integers(len(clusters), size=count)] + 0.7 * chance.normal(size=(count, DIMENSIONS))
        return (centre + near).astype(np.float32)

    index, count, parts = VectorIndex(folder), 2_500, []
    for n in range(messages // count):
        vectors = some(count)
        parts.append(vectors.astype(np.float16))
        number = pl.int_range(count, dtype=pl.Int64)
        rows = SEARCH_INDEX.empty().select("channel_id", "msg_id", "lang", "comment", "deleted", "model", "vector")
        rows = pl.DataFrame({"vector": small(vectors)}).select(
            channel_id=1000 + number % CHANNELS,
            msg_id=n * count + number,
            lang=pl.lit("ru"),
            comment=pl.lit(False),
            deleted=pl.lit(False),
            model=pl.lit("model"),
            vector=pl.col("vector").arr.to_list(),
        )
        index.replace_day(FIRST + timedelta(n), rows)
    index.reload()
    queries = some(rounds)
    index.nearest("model", queries[0], Filter(), 20)
    took, found = [], []
    for query in queries:
        start = time.perf_counter()
        found.append({key[1] for key in index.nearest("model", query, Filter(), 20)})
        took.append((time.perf_counter() - start) * 1000)
    print(f"{'dense vectors, nearest 20':38} {percentiles(took)}   {size(folder)}", flush=True)
    whole, hit = np.concatenate(parts), 0
    some_queries = list(zip(queries, found, strict=True))[:20]
    for query, keys in some_queries:
        cosines = np.concatenate(
            [
                (block := part.astype(np.float32)) @ query / np.linalg.norm(block, axis=1)
                for part in np.array_split(whole, max(1, len(whole) // 50_000))
            ]
        )
        hit += len(keys & set(np.argpartition(-cosines, 20)[:20].tolist()))
    print(f"{'':38} {hit / (20 * len(some_queries)):.3f} of the exact nearest 20 are found", flush=True)


def fill(lake: TenantLake, search: Search, texts: Texts, days: int, count: int, folder: Path) -> None:
    """Make the lake and the local copy, and print what they cost."""
    fill_lake(lake, texts, days, count)
    start, cpu = time.perf_counter(), time.process_time()
    search.refresh()
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"local copy of {days * count:,} messages filled in {took:.0f} s ({cpu:.0f} CPU s), once", flush=True)
    last = FIRST + timedelta(days - 1)
    lake.write(SEARCH_INDEX, index_day(make_day(texts, last, count)), day=last)
    start = time.perf_counter()
    search.refresh()
    print(f"one changed day of {count:,} messages taken in: {time.perf_counter() - start:.2f} s")
    sizes = [f"{name} {size(folder / place)}" for name, place in PLACES.items()]
    print(f"sizes: {', '.join(sizes)}", flush=True)


def ask(search: Search, texts: Texts, root: str, rounds: int, days: int) -> None:
    """Ask every kind of question and print how long it takes."""
    everything: list[float] = []
    for kind, asked in questions(texts, rounds, days).items():
        took, totals = timed(lambda question: search.find(**question).total, asked)
        everything += took
        print(f"{kind:38} {percentiles(took)}   median {sorted(totals)[len(totals) // 2]:,} posts", flush=True)
    print(f"{'all of them':38} {percentiles(everything)}")
    few = questions(texts, 10, days)
    took, _ = timed(lambda question: contains(root, question), few["one common word"] + few["one rare word"])
    print(f"{'DuckDB contains over messages':38} {percentiles(took)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--dense", action="store_true")
    options = parser.parse_args()
    random.seed(7)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if options.dense:
            dense(folder / "dense", options.messages, options.rounds)
            return
        root, texts = str(folder / "lake"), Texts.of_the_sample()
        lake = Lake(root).tenant("a")
        if not lake.days(SEARCH_INDEX):
            fill(lake, Search(lake, folder / "home"), texts, options.days, options.messages // options.days, folder)
        search, start = Search(lake, folder / "home"), time.perf_counter()
        search.find(texts.names["ru"][0])
        print(f"first answer from a copy that was not open: {(time.perf_counter() - start) * 1000:.0f} ms", flush=True)
        ask(search, texts, root, options.rounds, options.days)


if __name__ == "__main__":
    main()
