"""How long a page of the feed takes: one tenant, 7 days of a large lake, by channel, language and words, newest 50.

    python -m benchmarks.feed [--messages 5000000] [--rounds 200]

Makes a lake of invented posts in a temporary folder (30 days, 8,333 posts per tenant and day, as many tenants as the
number of messages asks for), asks `posts.feed.newest_posts` with random filters, and prints p50 and p95 (ms). The same questions
are then asked of DuckDB over the tenant's files by a pattern (`messages/tenant=…/*/*.parquet`), and of Polars scanning
it: what one would write without this module. Goal: p95 of at most 100 ms with 5,000,000 messages, warm.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl

from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.posts.feed import FeedQuery, newest_posts

DAYS = 30
POSTS_A_DAY = 8_333
CHANNELS = 40
FIRST = date(2026, 3, 1)
PAGE = 50


@dataclass(frozen=True)
class Question:
    """One page of the feed that a person may ask for."""

    tenant: str
    first: date
    last: date
    channels: list[str]
    lang: str
    words: list[str]


def vocabulary(count: int, letters: str) -> list[str]:
    """Invented words, the most frequent first."""
    return ["".join(random.choices(letters, k=random.randint(2, 11))) for _ in range(count)]


def make_day(words: dict[str, list[str]], weights: list[float]) -> pl.DataFrame:
    """A day of posts, to be moved to its tenant and date: about 60 words each, of which the first are the common ones."""
    rows = []
    for n in range(POSTS_A_DAY):
        channel = n % CHANNELS
        lang = "en" if channel % 4 == 0 else "ru"
        text = " ".join(random.choices(words[lang], weights, k=random.randint(5, 120)))
        rows.append(
            {
                "channel_id": 1000 + channel,
                "msg_id": n,
                "channel": f"channel{channel}",
                "channel_title": f"Channel {channel}",
                "date": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n * 86_400 / POSTS_A_DAY),
                "text": text,
                "text_hash": f"{random.getrandbits(64):016x}",
                "type": random.choice(["text", "text", "photo", "video", "album"]),
                "hashtags": random.sample(words[lang][:200], random.randint(0, 3)),
                "links": [f"https://news.example/{n}"] if n % 3 == 0 else [],
                "mentions": [],
                "album": [],
                "views": random.randint(10, 50_000),
                "forwards": random.randint(0, 500),
                "reactions": random.randint(0, 900),
                "comments": random.randint(0, 90),
                "reactions_by_emoji": [{"emoji": "👍", "count": random.randint(1, 500)}],
                "attachments": [{"msg_id": n, "kind": "photo", "status": "pending"}] if n % 2 else [],
                "observed_at": datetime(2026, 1, 1, 23, 59, tzinfo=UTC),
                "source": "telethon_dump",
                "url": f"https://t.me/channel{channel}/{n}",
                "version": 1,
                "lang": lang,
            }
        )
    return pl.DataFrame([{name: row.get(name) for name in MESSAGES.columns} for row in rows], schema=MESSAGES.schema)


def make_lake(root: str, tenants: int) -> dict[str, list[str]]:
    """Fill the lake; returns the words by language."""
    words = {
        "ru": vocabulary(20_000, "абвгдежзийклмнопрстуфхцчшыэюя"),
        "en": vocabulary(20_000, "abcdefghijklmnoprstuvwy"),
    }
    weights = [1 / (rank + 5) for rank in range(20_000)]
    patterns = [make_day(words, weights) for _ in range(5)]
    for tenant in range(tenants):
        lake = Lake(root).tenant(f"tenant{tenant}")
        for n in range(DAYS):
            shift = timedelta(days=(FIRST - date(2026, 1, 1)).days + n)
            day = patterns[(tenant + n) % len(patterns)].with_columns(
                pl.col("date", "observed_at") + shift, pl.col("msg_id") + n * POSTS_A_DAY
            )
            lake.write(MESSAGES, day, day=FIRST + timedelta(n))
    return words


def questions(count: int, tenants: int, words: dict[str, list[str]]) -> list[Question]:
    """Random pages: one or two channels, a language, one word from the most common to one that no post holds."""
    found = []
    for _ in range(count):
        first = FIRST + timedelta(random.randrange(DAYS - 6))
        lang = random.choice(["ru", "en"])
        same = [n for n in range(CHANNELS) if (n % 4 == 0) == (lang == "en")]
        channels = [f"channel{n}" for n in random.sample(same, random.randint(1, 3))]
        word = random.choice([*random.sample(words[lang][:50], 3), *random.sample(words[lang][50:5000], 3), "nowhere"])
        found.append(
            Question(f"tenant{random.randrange(tenants)}", first, first + timedelta(6), channels, lang, [word])
        )
    return found


def ask_feed(lake: TenantLake, question: Question) -> pl.DataFrame:
    """The page as the product makes it."""
    filters = {"channels": question.channels, "langs": [question.lang], "words": question.words}
    return newest_posts(lake, FeedQuery(**filters, first=question.first, last=question.last), limit=PAGE)


def ask_duckdb(root: str, question: Question) -> int:
    """The page from DuckDB over a pattern of the tenant's files, with a condition on the partition."""
    with duckdb.connect() as connection:
        found = connection.execute(
            f"""
            SELECT * FROM read_parquet('{root}/messages/tenant={question.tenant}/*/part-0.parquet', hive_partitioning = false)
            WHERE date >= ? AND date < ? AND channel IN (SELECT unnest(?)) AND lang = ? AND contains(lower(text), ?)
              AND type <> 'service'
            ORDER BY date DESC, channel_id DESC, msg_id DESC LIMIT {PAGE}
            """,
            [question.first, question.last + timedelta(1), question.channels, question.lang, question.words[0]],
        )
        return len(found.fetchall())


def ask_polars(root: str, question: Question) -> int:
    """The page from Polars scanning a pattern of the tenant's files, with a condition on the partition."""
    start = datetime(question.first.year, question.first.month, question.first.day, tzinfo=UTC)
    found = (
        pl.scan_parquet(f"{root}/messages/tenant={question.tenant}/*/part-0.parquet", hive_partitioning=False)
        .filter(
            pl.col("date").is_between(start, start + timedelta(7), closed="left"),
            pl.col("channel").is_in(question.channels),
            pl.col("lang") == question.lang,
            pl.col("text").str.to_lowercase().str.contains(question.words[0], literal=True),
            pl.col("type") != "service",
        )
        .sort("date", "channel_id", "msg_id", descending=True)
        .head(PAGE)
    )
    return found.collect().height


def timed(name: str, ask: Callable[[Question], int], asked: list[Question]) -> tuple[float, list[int]]:
    """p95 in ms, after a warm-up, and the pages' lengths; prints p50 and p95."""
    for question in asked[:10]:
        ask(question)
    took, rows = [], []
    for question in asked:
        start = time.perf_counter()
        rows.append(ask(question))
        took.append((time.perf_counter() - start) * 1000)
    took.sort()
    p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
    print(f"{name:32} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms   {sum(rows) / len(rows):.0f} posts a page", flush=True)
    return p95, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    tenants = max(1, round(options.messages / (DAYS * POSTS_A_DAY)))
    random.seed(7)
    with tempfile.TemporaryDirectory() as root:
        start = time.perf_counter()
        words = make_lake(root, tenants)
        total = tenants * DAYS * POSTS_A_DAY
        print(f"{total:,} messages, {tenants} tenants x {DAYS} days, made in {time.perf_counter() - start:.0f} s")
        asked = questions(options.rounds, tenants, words)
        lakes = {question.tenant: Lake(root).tenant(question.tenant) for question in asked}
        ours, rows = timed("feed", lambda question: ask_feed(lakes[question.tenant], question).height, asked)
        for name, ask in (("DuckDB over a pattern", ask_duckdb), ("Polars scan of a pattern", ask_polars)):
            theirs, other = timed(name, lambda question, ask=ask: ask(root, question), asked)  # type: ignore[misc]
            assert other == rows, "the pages differ"
            print(f"{'':32} feed takes {ours / theirs:.2f} of its p95")


if __name__ == "__main__":
    main()
