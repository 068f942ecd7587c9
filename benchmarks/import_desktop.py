"""How fast a Telegram Desktop export is imported: messages a second, end to end into the lake, on one core.

    python -m benchmarks.import_desktop                        200,000 messages of one channel, 90 days
    python -m benchmarks.import_desktop --peer-python PATH     the same file also read by chat-miner, in its own environment
    python -m benchmarks.import_desktop --gigabyte             an export of 1 GB: peak memory

Stated beside it: `orjson.loads` of the same file, and the peak memory of each process. The peer is a library that reads
such exports into a frame (no lake, no entities, no rejects); make its environment once, apart from the project's:

    python -m venv /tmp/peer && /tmp/peer/bin/pip install chat-miner

The file is generated, the same every time. Each measured step runs in a process of its own, bound to one core; the time
of the core is stated beside the clock's, since a shared machine makes the clock's say little.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

START = 1_767_225_600  # 2026-01-01
DAYS = 90
GIGABYTE = 10**9

_OURS = """
import json, sys, time, resource
from datetime import UTC, date, datetime
from pathlib import Path
from benchmarks.import_desktop import importing
load = importing(Path(sys.argv[2]))
began, burnt = time.perf_counter(), time.process_time()
summary = load(Path(sys.argv[1]))
took, burnt = time.perf_counter() - began, time.process_time() - burnt
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": took, "cpu": burnt, "peak_mb": peak, "read": summary.read, "landed": summary.landed,
                  "rejected": summary.rejected, "days": len(summary.days)}))
"""
_ORJSON = """
import json, sys, time, resource
from pathlib import Path
import orjson
data = Path(sys.argv[1]).read_bytes()
took = burnt = 1e9
for _ in range(3):
    began, before = time.perf_counter(), time.process_time()
    document = orjson.loads(data)
    took, burnt = min(took, time.perf_counter() - began), min(burnt, time.process_time() - before)
    del document
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": took, "cpu": burnt, "peak_mb": peak}))
"""
_PEER = """
import json, sys, time, resource
from chatminer.chatparsers import TelegramJsonParser
began, burnt = time.perf_counter(), time.process_time()
parser = TelegramJsonParser(sys.argv[1])
parser.parse_file()
frame = parser.parsed_messages.get_df()
took, burnt = time.perf_counter() - began, time.process_time() - burnt
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": took, "cpu": burnt, "peak_mb": peak, "read": len(frame)}))
"""


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--gigabyte", action="store_true", help="an export of 1 GB instead")
    parser.add_argument("--peer-python", help="interpreter of an environment with chat-miner")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tgstudio-benchmark-") as folder:
        path = Path(folder) / "result.json"
        count = generate(path, None if arguments.gigabyte else arguments.messages)
        size = path.stat().st_size
        print(f"export: {count:,} messages, {size / 1e6:,.0f} MB, {size / count:,.0f} bytes a message")
        ours = measured([sys.executable, "-c", _OURS, str(path), folder])
        told(f"import into the lake ({ours['days']} days)", ours, count, size)
        if arguments.gigabyte:
            return
        plain = measured([sys.executable, "-c", _ORJSON, str(path)])
        told("orjson.loads", plain, count, size)
        print(f"ratio to orjson.loads, in time of the core: {ours['cpu'] / plain['cpu']:.1f} (goal: at most 8)")
        if arguments.peer_python:
            told("chat-miner", measured([arguments.peer_python, "-c", _PEER, str(path)]), count, size)


def measured(command: list[str]) -> dict[str, Any]:
    """Run the command on one core; what it printed."""
    root = Path(__file__).resolve().parent.parent
    core = min(os.sched_getaffinity(0))
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def told(name: str, result: dict[str, Any], count: int, size: int) -> None:
    """Print one line."""
    seconds, cpu = result["seconds"], result["cpu"]
    print(
        f"{name}: {seconds:.2f} s ({cpu:.2f} s of the core), {count / cpu:,.0f} messages/s of the core, "
        f"{count / seconds:,.0f} by the clock, {size / cpu / 1e6:,.0f} MB/s, peak memory {result['peak_mb']:,.0f} MB"
    )


def importing(folder: Path) -> Callable[[Path], Any]:
    """What imports a file into a new catalog and lake below the folder."""
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
    from tgstudio_dagster.catalog.people.tenants import add_tenant
    from tgstudio_dagster.lake.store import Lake
    from tgstudio_dagster.telegram.sources.importer import import_path

    catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
    catalog.upgrade()
    add_tenant(catalog, "demo", "Demo", settings=TenantSettings())
    lake = Lake(str(folder / "lake")).tenant("demo")
    now, first = datetime(2026, 12, 31, tzinfo=UTC), date(2020, 1, 1)
    return lambda path: import_path(
        path, tenant="demo", catalog=catalog, lake=lake, settings=TenantSettings(), first_day=first, now=now,
        channel="benchmark",
    )  # fmt: skip


def generate(path: Path, count: int | None) -> int:
    """Write an export with `count` messages, or as many as make 1 GB; returns how many."""
    made = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{\n "name": "Benchmark",\n "type": "public_channel",\n "id": 1234567890,\n "messages": [\n  ')
        for message in messages(count or GIGABYTE):
            if made:
                file.write(",\n  ")
            file.write(json.dumps(message, ensure_ascii=False, indent=1).replace("\n", "\n  "))
            made += 1
            if made == count or (count is None and made % 1000 == 0 and file.tell() >= GIGABYTE):
                break
        file.write("\n ]\n}")
    return made


def messages(count: int) -> Iterator[dict[str, Any]]:
    """Messages as Telegram Desktop writes them: texts of 5 to 90 words, two thirds with entities, reactions, media."""
    rng = random.Random(7)
    words = ["".join(rng.choices("аеоинтсрвлкмдпуяыьгзбчйхжшюцщэфъ", k=rng.randint(2, 11))) for _ in range(8000)]
    spacing = max(DAYS * 86_400 / min(count, 200_000), 1)
    moment = float(START)
    for n in range(1, count + 1):
        moment = START + (n * spacing) % (DAYS * 86_400)
        yield _message(rng, words, n, int(moment))


def _message(rng: random.Random, words: list[str], n: int, moment: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": n,
        "type": "message",
        "date": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)),
        "date_unixtime": str(moment),
    }
    if rng.random() < 0.1:
        message |= {"edited": message["date"], "edited_unixtime": str(moment + 60)}
    message |= {"from": "Benchmark", "from_id": "channel1234567890"}
    if rng.random() < 0.1:
        message |= {"forwarded_from": "Another channel", "forwarded_from_id": "channel987654321"}
    if rng.random() < 0.4:
        message |= {
            "photo": "(File not included. Change data exporting settings to download.)",
            "photo_file_size": rng.randint(20_000, 300_000), "width": 1280, "height": 720,
        }  # fmt: skip
    body = " ".join(rng.choices(words, k=rng.randint(5, 90)))
    if rng.random() < 0.66:
        parts: list[Any] = [{"type": "bold", "text": " ".join(rng.choices(words, k=6))}, f"\n\n{body} \"цитата\" ",
                            {"type": "hashtag", "text": f"#{rng.choice(words)}"}, "\n"]  # fmt: skip
        if rng.random() < 0.5:
            parts += [{"type": "link", "text": f"https://{n % 97}.example/{rng.choice(words)}"}, " "]
        parts += [{"type": "text_link", "text": "Подписаться", "href": "https://t.me/benchmark"}, ""]
        plain = [part if isinstance(part, dict) else {"type": "plain", "text": part} for part in parts if part]
        message |= {"text": parts, "text_entities": plain}
    else:
        message |= {"text": body, "text_entities": [{"type": "plain", "text": body}]}
    if rng.random() < 0.8:
        kinds = rng.sample(["👍", "🔥", "❤", "😁", "🤔", "🎉"], k=rng.randint(1, 4))
        message["reactions"] = [{"type": "emoji", "count": rng.randint(1, 900), "emoji": emoji} for emoji in kinds]
    return message


if __name__ == "__main__":
    main()
