"""What sixteen months of posts cost a fresh home: Dagster's storage, the lake, time and memory; then what one more day adds.

    python -m benchmarks.growth                        22,000 posts over 483 days in 12 channels
    python -m benchmarks.growth --posts 2000 --days 60
    python -m benchmarks.growth --home FOLDER          keep the home there

A dump is generated, the same every time, and goes the way that a user's does: `tgstudio tenant add`, `tgstudio import`,
`tgstudio materialize`, each a process of its own. Then a dump of the next day follows. Dagster's storage is read as the
files that it is (SQLite), and reads of the lake are counted as Python opens its files: nothing of the product is imported.

Its texts are chains of the sample's words (Russian in two channels of three, English in the others), with names and rare
words invented for each event; an event is told by two to six channels within a day, in parts of the same sentences.

Before Dagster's partitions became months (version 0.1.0; 2 cores shared with ten busy processes, so only counts, bytes, CPU and
memory say anything):

    dump                      22,000 posts over 483 days, 28.4 MB
    import                    4 s CPU, peak 294 MB
    materialize               1 run, 513 s CPU (2,519 s on the clock), peak 891 MB
    left by it                13,672 events, 6,279 of them materializations; Dagster's storage 245 MB, lake 160 MB
    one more day's refresh    10 s CPU, peak 581 MB; 177 events, 13 of them materializations; Dagster's storage 0.9 MB
    objects opened by it      244: embeddings 73, channel_lines 61, feature_counts 31, messages 28, message_stats 16, ...
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.growth_texts import Event, Language, languages

LAST = datetime(2026, 3, 15, tzinfo=UTC)
"""The last day of the first dump."""
TENANT = "growth"
CHANNELS = 12
REACTIONS = ("👍", "🔥", "😱")


@dataclass(frozen=True)
class Step:
    """What one command took: seconds on the clock and of the cores, and the most memory it held (10^6 bytes)."""

    seconds: float
    cpu: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.seconds:,.0f} s ({self.cpu:,.0f} s CPU), peak {self.peak_mb:,.0f} MB"


@dataclass(frozen=True)
class Kept:
    """What a home holds: runs, events and bytes of Dagster's storage, bytes of the lake and of the catalog."""

    runs: int
    events: int
    materializations: int
    dagster: int
    lake: int
    catalog: int

    @classmethod
    def of(cls, home: Path) -> Kept:
        """Counted in the home's files; 0 where there is none yet."""
        history = home / "dagster" / "history"
        for path in (home / "dagster").rglob("*.db"):
            _fold(path)
        shards = [path for path in (history / "runs").glob("*.db") if path.stem != "index"]
        made = "select count(*) from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION'"
        return cls(
            runs=_count(history / "runs.db", "select count(*) from runs"),
            events=sum(_count(path, "select count(*) from event_logs") for path in shards),
            materializations=_count(history / "runs" / "index.db", made),
            dagster=_bytes(home / "dagster"),
            lake=_bytes(home / "lake"),
            catalog=sum(path.stat().st_size for path in home.glob("catalog.sqlite*")),
        )

    def __sub__(self, other: Kept) -> Kept:
        return Kept(*(mine - theirs for mine, theirs in zip(self._all(), other._all(), strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.events:,} events, {self.materializations:,} of them materializations; "
            f"Dagster's storage {self.dagster / 1e6:,.3f} MB, lake {self.lake / 1e6:,.1f} MB, "
            f"catalog {self.catalog / 1e6:,.1f} MB"
        )

    def _all(self) -> tuple[int, ...]:
        return self.runs, self.events, self.materializations, self.dagster, self.lake, self.catalog


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=22_000)
    parser.add_argument("--days", type=int, default=483)
    parser.add_argument("--home", type=Path, help="keep the home in this folder, which must not exist")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tgstudio-growth-") as folder:
        home = (arguments.home or Path(folder) / "home").resolve()
        home.mkdir(parents=True)
        history, next_day = Path(folder) / "history.jsonl", Path(folder) / "next_day.jsonl"
        written = write_dumps(history, next_day, arguments.posts, arguments.days)
        print(f"dump: {written:,} posts over {arguments.days} days, {history.stat().st_size / 1e6:,.1f} MB", flush=True)
        run(home, "tenant", "add", TENANT)
        before = Kept.of(home)
        print(f"import: {run(home, 'import', str(history), '--tenant', TENANT, '--json')}", flush=True)
        print(f"materialize: {run(home, 'materialize', '--tenant', TENANT, '--json')}", flush=True)
        grown = Kept.of(home)
        print(f"left: {grown - before}")
        for part, size in sorted(_parts(home).items(), key=lambda item: -item[1])[:12]:
            print(f"    {part}: {size / 1e6:,.1f} MB")
        print(f"one more day's import: {run(home, 'import', str(next_day), '--tenant', TENANT, '--json')}", flush=True)
        reads = Path(folder) / "reads.json"
        print(f"one more day's refresh: {run(home, 'materialize', '--tenant', TENANT, '--json', reads=reads)}")
        print(f"left by it: {Kept.of(home) - grown}")
        by_table: dict[str, int] = json.loads(reads.read_text(encoding="utf-8"))
        named = ", ".join(f"{table} {n}" for table, n in sorted(by_table.items(), key=lambda item: -item[1]))
        print(f"objects of the lake opened by it: {sum(by_table.values())} ({named})")


def run(home: Path, *arguments: str, reads: Path | None = None) -> Step:
    """A `tgstudio` command in the home, in a process of its own; `reads`: a file for the reads of the lake by table."""
    environment = os.environ | {"TGSTUDIO_HOME": str(home), "PYTHONUTF8": "1", "DAGSTER_DISABLE_TELEMETRY": "yes"}
    program = str(Path(sys.executable).with_name("tgstudio"))
    command = [program, *arguments]
    if reads is not None:
        program = sys.executable
        command = [program, "-m", "benchmarks.growth_reads", str(home / "lake"), str(reads), *arguments]
    began = time.perf_counter()
    with (home / "output.txt").open("ab") as output:
        descriptors = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
        process = os.posix_spawn(program, command, environment, file_actions=descriptors)
        _, status, used = os.wait4(process, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"tgstudio {' '.join(arguments)} ended with {code}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Step(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6)


def write_dumps(history: Path, next_day: Path, posts: int, days: int) -> int:
    """Write the dump of all days, and that of the day after; returns how many posts the first holds."""
    first = LAST - timedelta(days=days - 1)
    numbers = [1000 * (channel + 1) for channel in range(CHANNELS)]
    spoken = languages()
    written = 0
    with history.open("w", encoding="utf-8") as target:
        target.writelines(_line(channel_form(n)) for n in range(CHANNELS))
        for day in range(days):
            count = posts * (day + 1) // days - posts * day // days
            for form in day_forms(first + timedelta(days=day), count, spoken, numbers):
                target.write(_line(form))
                written += 1
    with next_day.open("w", encoding="utf-8") as target:
        target.writelines(_line(channel_form(n)) for n in range(CHANNELS))
        target.writelines(_line(form) for form in day_forms(LAST + timedelta(days=1), posts // days, spoken, numbers))
    return written


def day_forms(
    day: datetime, count: int, spoken: tuple[Language, Language], numbers: list[int]
) -> Iterator[dict[str, Any]]:
    """A day's messages by time: four in ten tell of an event, the others stand alone. `numbers` are the channels' ids."""
    rng = random.Random(day.toordinal())
    told: list[tuple[datetime, int, str]] = []
    while len(told) < count:
        language = rng.choices((0, 1), (2, 1))[0]
        channels = [n for n in range(CHANNELS) if _language(n) == language]
        event = Event(spoken[language], rng)
        begins = day + timedelta(seconds=rng.randrange(70_000))
        tellers = (
            rng.sample(channels, min(len(channels), rng.randint(2, 6)))
            if rng.random() < 0.15
            else [rng.choice(channels)]
        )
        for n in tellers:
            at = begins if n == tellers[0] else begins + timedelta(seconds=rng.randrange(60, 16_000))
            told.append((min(at, day + timedelta(seconds=86_399)), n, event.post(rng)))
    for at, n, text in sorted(told[:count]):
        numbers[n] += rng.randint(1, 3)
        yield message_form(n, numbers[n], at, text, rng)


def channel_form(n: int) -> dict[str, Any]:
    """The entity that opens a dump."""
    return {
        "_": "Channel",
        "id": 1_500_000_000 + n,
        "title": f"Channel {n}",
        "username": f"growth_channel_{n}",
        "date": "2018-01-01T09:00:00+00:00",
        "broadcast": True,
        "megagroup": False,
    }


def message_form(n: int, number: int, at: datetime, text: str, rng: random.Random) -> dict[str, Any]:
    """A message as Telethon dumps it, with what its readers did."""
    views = int(rng.lognormvariate(8 + n / 8, 0.6)) + 50
    counts = [int(views * share * rng.random()) for share in (0.02, 0.01, 0.004)]
    footer = "" if rng.random() < 0.3 else f"\n\n@growth_channel_{n}"
    return {
        "_": "Message",
        "id": number,
        "peer_id": {"_": "PeerChannel", "channel_id": 1_500_000_000 + n},
        "date": at.isoformat(),
        "message": text + footer,
        "post": True,
        "views": views,
        "forwards": int(views * 0.03 * rng.random()),
        "replies": {"_": "MessageReplies", "replies": int(views * 0.005 * rng.random()), "comments": True},
        "reactions": {
            "_": "MessageReactions",
            "results": [
                {"_": "ReactionCount", "reaction": {"_": "ReactionEmoji", "emoticon": emoji}, "count": count}
                for emoji, count in zip(REACTIONS, counts, strict=True)
                if count
            ],
        },
        "entities": [],
    }


def _language(channel: int) -> int:
    """0: Russian, 1: English."""
    return int(channel % 3 == 2)


def _line(form: dict[str, Any]) -> str:
    return json.dumps(form, ensure_ascii=False) + "\n"


def _count(path: Path, query: str) -> int:
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as database:
        count: int = database.execute(query).fetchone()[0]
        return count


def _fold(path: Path) -> None:
    """Take SQLite's log into the database: how much of it a process leaves behind is chance."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma wal_checkpoint(truncate)")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _parts(home: Path) -> dict[str, int]:
    """Bytes of each table of the lake and of each kind of Dagster's files."""
    parts = {f"lake, {path.name}": _bytes(path) for path in (home / "lake").iterdir() if path.is_dir()}
    history = home / "dagster" / "history"
    runs = [path for path in (history / "runs").glob("*") if path.is_file()]
    index = sum(path.stat().st_size for path in runs if path.stem == "index")
    parts |= {"Dagster, index of events": index, "Dagster, runs' events": sum(p.stat().st_size for p in runs) - index}
    return parts


if __name__ == "__main__":
    main()
