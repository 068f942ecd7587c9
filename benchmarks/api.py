"""How long /v1/feed and /v1/top take at ten concurrent clients, on a tenant with 5,000,000 posts of one year.

    python -m benchmarks.api [--messages 5000000] [--folder FOLDER] [--clients 10] [--seconds 20]

Makes the lake with its own writers (a folder that is named is kept, and used again), starts the real web process, and has
each client ask without a pause, with an API key: pages of the feed without a filter, by channel, language and words, the
pages after, weeks of the past; and rankings. Measured is what a client waits, queueing and the network of this machine
included. Twice: as people ask (the same first pages by many), and every question another one, so that no answer is kept.
Beside it plain SQL: DuckDB over a pattern of all the tenant's files, as many threads, no HTTP. Goal: p95 of at most 100 ms.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import duckdb

from benchmarks.api_lake import CHANNELS, DAYS, LAST, Words, make_lake, make_words
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.people.api_keys import create_key
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import add_member, add_tenant, add_user
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.settings import Settings

TENANT = "demo"
PORT = 3481
Took = dict[str, list[float]]
Ask = Callable[[random.Random], tuple[str, float]]


def make_home(home: Path, messages: int, words: Words) -> str:
    """Fill the home unless it is; returns an API key that no limit holds up."""
    settings = Settings(home=home)
    catalog = Catalog.open(settings)
    if not (home / "made").exists():
        start = time.perf_counter()
        add_tenant(catalog, TENANT, "Demo")
        make_lake(settings.lake_root, TENANT, messages, words)
        (home / "made").touch()
        print(f"{messages:,} posts, {DAYS} days, made in {time.perf_counter() - start:.0f} s", flush=True)
    user = add_user(catalog, "Bench")
    add_member(catalog, TENANT, user.id, "owner")
    with catalog.tenant_session(TENANT, writing=True) as session:
        for name in ("api_calls_per_day", "calls_per_minute"):
            session.merge(Quota(tenant=TENANT, name=name, limit=10**9))
    _, secret = create_key(catalog, principal_of(catalog, user.id, TENANT), "bench", ["read"], now=utc_now())
    catalog.close()
    return secret


def feed_query(chance: random.Random, words: Words, *, other: bool) -> tuple[str, list[tuple[str, str]]]:
    """A page that somebody asks for: its kind, and its parameters."""
    lang = chance.choice(["ru", "en"])
    kind = chance.choices(
        ["newest", "channel", "language", "common word", "any word", "week of the past"], [40, 20, 15, 10, 5, 10]
    )[0]
    asked = [("limit", str(chance.randint(30, 60)))] if other else []
    if kind in ("channel", "week of the past"):
        asked += [("channel", f"channel{chance.randrange(CHANNELS)}")]
    if kind in ("language", "common word", "any word"):
        asked += [("lang", lang)]
    if kind == "common word":
        asked += [("word", chance.choice(words.words[lang][:50]))]
    if kind == "any word":
        asked += [("word", chance.choice(words.words[lang][50:5000]))]
    if kind == "week of the past":
        first = LAST - timedelta(chance.randrange(14, DAYS))
        asked += [("first", str(first)), ("last", str(first + timedelta(6)))]
    return f"feed: {kind}", asked


def top_query(chance: random.Random, *, other: bool) -> tuple[str, list[tuple[str, str]]]:
    """A ranking that somebody asks for."""
    by, window = chance.choice(["message", "topic"]), chance.choice(["24h", "7d"])
    return f"top: {by}s", [("by", by), ("window", window), ("limit", str(chance.randint(10, 200) if other else 50))]


class Server:
    """The web process over the home."""

    def __init__(self, home: Path) -> None:
        environment = os.environ | {
            "TGSTUDIO_HOME": str(home), "TGSTUDIO_WEB_PORT": str(PORT), "TGSTUDIO_WEB_SESSION_KEYS": "bench" * 8
        }  # fmt: skip
        self._process = subprocess.Popen([sys.executable, "-m", "tgstudio_dagster.asgi"], env=environment)

    def __enter__(self) -> Server:
        give_up = time.monotonic() + 120
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > give_up:
                    raise
            time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)


class Caller:
    """One client's connection, which is kept open."""

    def __init__(self, secret: str, words: Words, *, other: bool) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        self._headers = {"authorization": f"Bearer {secret}"}
        self._words, self._other = words, other
        self._further: list[tuple[str, list[tuple[str, str]]]] = []

    def __call__(self, chance: random.Random) -> tuple[str, float]:
        """Ask for something; returns what, and the milliseconds until its last byte."""
        path = "/v1/feed"
        if self._further and chance.random() < 0.2:
            kind, asked = self._further.pop()
        elif chance.random() < 0.7:
            kind, asked = feed_query(chance, self._words, other=self._other)
        else:
            path = "/v1/top"
            kind, asked = top_query(chance, other=self._other)
        start = time.perf_counter()
        self._connection.request("GET", f"{path}?{urlencode(asked)}", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - start) * 1000
        assert answer.status == 200, (answer.status, body[:300])
        found = json.loads(body)
        if path == "/v1/feed" and found["cursor"]:
            rest = [pair for pair in asked if pair[0] != "cursor"]
            self._further = [("feed: page after", [*rest, ("cursor", found["cursor"])])]
        return kind, took


class Plain:
    """What one would write without this module: SQL over a pattern of all files."""

    def __init__(self, root: str, words: Words) -> None:
        self._connection = duckdb.connect()
        self._root, self._words = root, words

    def __call__(self, chance: random.Random) -> tuple[str, float]:
        """Ask the same kinds of questions."""
        messages = f"read_parquet('{self._root}/messages/tenant={TENANT}/*/part-0.parquet', hive_partitioning = false)"
        rankings = f"read_parquet('{self._root}/rankings/tenant={TENANT}/*/part-0.parquet', hive_partitioning = false)"
        start = time.perf_counter()
        if chance.random() < 0.7:
            kind, asked = feed_query(chance, self._words, other=True)
            where, values = ["comment_on IS NULL"], []
            for name, value in asked:
                if name != "limit":
                    where.append(
                        {
                            "channel": "channel = ?", "lang": "lang = ?", "word": "contains(lower(text), ?)",
                            "first": "date >= ?::DATE", "last": "date < ?::DATE + 1",
                        }[name]
                    )  # fmt: skip
                    values.append(value)
            self._connection.execute(
                f"SELECT * FROM {messages} WHERE {' AND '.join(where)} "
                "ORDER BY date DESC, channel_id DESC, msg_id DESC LIMIT 50",
                values,
            ).fetchall()
        else:
            kind, _ = top_query(chance, other=True)
            self._connection.execute(
                f"SELECT r.*, m.text, m.url FROM {rankings} r JOIN {messages} m ON "
                "r.entity_id = m.channel_id || '/' || m.msg_id WHERE r.entity_kind = 'message' AND r.\"window\" = '24h' "
                "ORDER BY r.rank LIMIT 50"
            ).fetchall()
        return kind, (time.perf_counter() - start) * 1000


def measure(name: str, clients: int, seconds: float, make: Callable[[int], Ask]) -> None:
    """Have the clients ask for so long; prints p50 and p95 of each kind of question, and of all feeds and rankings."""
    took: Took = defaultdict(list)
    lock = threading.Lock()
    until = time.perf_counter() + seconds

    def work(n: int) -> None:
        ask, chance = make(n), random.Random(n)
        while time.perf_counter() < until:
            kind, ms = ask(chance)
            with lock:
                took[kind].append(ms)
                took[f"all {kind.partition(':')[0]}"].append(ms)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = sum(len(values) for kind, values in took.items() if kind.startswith("all"))
    print(f"\n{name}: {clients} clients, {count / seconds:.0f} questions a second")
    for kind, values in sorted(took.items()):
        values.sort()
        print(
            f"  {kind:24} {len(values):6} times   p50 {values[len(values) // 2]:7.1f} ms   "
            f"p95 {values[int(len(values) * 0.95)]:7.1f} ms",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    words = make_words()
    with tempfile.TemporaryDirectory() as temporary:
        home = options.folder or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        secret = make_home(home, options.messages, words)
        with Server(home):
            measure("warming up", options.clients, 10, lambda _: Caller(secret, words, other=True))
            measure("as people ask", options.clients, options.seconds, lambda _: Caller(secret, words, other=False))
            measure("every one another", options.clients, options.seconds, lambda _: Caller(secret, words, other=True))
        root = str(home / "lake")
        measure("plain SQL, no HTTP", options.clients, options.seconds, lambda _: Plain(root, words))


if __name__ == "__main__":
    main()
