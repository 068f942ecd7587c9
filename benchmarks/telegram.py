"""Reading Telegram, beside bare Telethon on the same server in the same run: messages, media, and the first look.

    python -m benchmarks.telegram                              all of it, about 15 minutes
    python -m benchmarks.telegram --only messages --messages 20000 --rounds 5

messages  A channel's history into the lake (fetched, made posts, albums folded, landed, checkpoints in SQLite) against
          `iter_messages` into a list. Goal: at least 0.85 of its speed.
media     100 photos of 200 kB, and 4 documents of 20 MB, into the lake, against `download_media` to files. Goal: 0.85.
feed      From the start of `tgstudio subscribe @name` until the feed has 50 posts. Goal: 10 s.

The server is a process of its own (telegram_world.py) on this machine's loopback, once without and once with 20 ms before
each answer, as of a network. Each step runs in a fresh process (telegram_steps.py); ours and Telethon's take turns. Figures
are medians of the rounds; the ratio is Telethon's time by ours, in brackets that of the worst and the best round.
"""

from __future__ import annotations

import argparse
import base64
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import telegram_steps as steps
from benchmarks.telegram_steps import Place, Took

LATENCIES = (0.0, 0.02)
GOAL = 0.85
FIRST_LOOK = 50
FIRST_LOOK_GOAL = 10.0
PHOTOS, PHOTO_BYTES = 100, 200_000
DOCUMENTS, DOCUMENT_BYTES = 4, 20_000_000


def main() -> None:
    """Fill the server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only", nargs="+", choices=["messages", "media", "feed"], default=["messages", "media", "feed"]
    )
    given = parser.parse_args()
    from tests.servers.telegram.control import RemoteServer

    print(machine(), flush=True)
    server = RemoteServer("benchmarks.telegram_world")
    try:
        server.add_user("Nobody")
        if "messages" in given.only:
            for count in given.messages:
                measure_messages(server, count, given.rounds)
        if "media" in given.only:
            measure_media(server, given.rounds)
        if "feed" in given.only:
            measure_first_look(server, given.rounds)
    finally:
        server.stop()


def machine() -> str:
    """What it runs on."""
    names = ("telethon", "cryptg", "msgspec", "polars", "dagster")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    load = os.getloadavg()[0]
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before; "
        f"Python {platform.python_version()}, {versions}"
    )


def measure_messages(server: Any, count: int, rounds: int) -> None:
    """The history of one channel."""
    channel = server.add_channel(f"news{count}", "News")
    letters = server.fill_history(channel, count)
    server.warm(channel)
    print(f"\nmessages: {count:,}, {letters} characters of text in the mean")
    for latency in LATENCIES:
        compare(server, channel, latency, rounds, steps.messages_bare, steps.messages_product, count, "messages", 1)
    server.ban(channel)


def measure_media(server: Any, rounds: int) -> None:
    """The files of two channels."""
    for photos, documents in ((PHOTOS, 0), (0, DOCUMENTS)):
        channel = server.add_channel(f"files{photos}", "Files")
        server.fill_media(channel, photos, PHOTO_BYTES, documents, DOCUMENT_BYTES)
        size = photos * PHOTO_BYTES + documents * DOCUMENT_BYTES
        print(f"\nmedia: {photos or documents} {'photos' if photos else 'documents'}, {size / 1e6:.0f} MB")
        for latency in LATENCIES:
            count = photos + documents
            compare(
                server, channel, latency, rounds, steps.media_bare, steps.media_product, count, "MB", size / count / 1e6
            )


def compare(
    server: Any,
    channel: Any,
    latency: float,
    rounds: int,
    bare: Callable[[Place], Took],
    product: Callable[[Place], Took],
    count: int,
    unit: str,
    each: float,
) -> None:
    """Run both in turns, and print the medians and their ratio."""
    server.set("latency", latency)
    took: dict[str, list[Took]] = {"Telethon": [], "TG Studio": []}
    for turn in range(rounds):
        pair = [("Telethon", bare), ("TG Studio", product)]
        for name, step in pair if turn % 2 == 0 else pair[::-1]:
            with tempfile.TemporaryDirectory(prefix="tgstudio-benchmark-") as folder:
                done = alone(step, prepared(server, channel, Path(folder)))
            assert done.count == count, f"{name}: {done.count} of {count}"
            took[name].append(done)
    server.set("latency", 0.0)
    for name, all_ in took.items():
        seconds = statistics.median(one.seconds for one in all_)
        core = statistics.median(one.core for one in all_)
        speed = f"{count * each / seconds:,.0f} {unit}/s"
        print(f"  {latency * 1000:2.0f} ms  {name:10} {seconds:7.2f} s ({core:6.2f} s of a core)  {speed}", flush=True)
    pairs = sorted(one.seconds / ours.seconds for one, ours in zip(took["Telethon"], took["TG Studio"], strict=True))
    ratio = statistics.median(pairs)
    spread = f"[{pairs[0]:.2f} … {pairs[-1]:.2f}]"
    print(f"  {latency * 1000:2.0f} ms  ratio {ratio:.2f} {spread} (goal: {GOAL})", flush=True)


def alone(step: Callable[[Place], Took], place: Place) -> Took:
    """Run the step in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        return processes.submit(step, place).result()


def prepared(server: Any, channel: Any, folder: Path) -> Place:
    """A new tenant with a paired account that follows the channel, its catalog and lake in the folder."""
    from tests.servers.telegram.tl import access_hash
    from tests.telegram.reads import reads
    from tgstudio_dagster.catalog.database import Catalog

    catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
    catalog.upgrade()
    try:
        desk, user = reads(catalog, server, folder), server.add_user("Alice")
        desk.follow(desk.account(user), channel)
    finally:
        catalog.close()
    return Place(
        folder, server.environment(folder), server.port, server.public_key, server.session(user), channel.id,
        access_hash("channel", channel.id, user.id),
    )  # fmt: skip


def measure_first_look(server: Any, rounds: int) -> None:
    """A new subscription, from the command to the feed."""
    channel = server.add_channel("firstlook", "First look")
    server.fill_history(channel, 300, days=2)
    print(
        "\nfeed: a new subscription to a channel with 300 posts of the last two days, in a new home, paces by default"
    )
    for latency in LATENCIES:
        server.set("latency", latency)
        took = [first_look(server) for _ in range(rounds)]
        server.set("latency", 0.0)
        shown, ended = (statistics.median(times) for times in zip(*took, strict=True))
        print(
            f"  {latency * 1000:2.0f} ms  {FIRST_LOOK} posts in the feed after {shown:.1f} s "
            f"(goal: {FIRST_LOOK_GOAL:.0f} s), command done after {ended:.1f} s",
            flush=True,
        )


def first_look(server: Any) -> tuple[float, float]:
    """Seconds from the start of `tgstudio subscribe` until the feed has 50 posts, and until the command ends."""
    from tests.telegram.paired import VAULT_KEY, paired
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.core.settings import Settings
    from tgstudio_dagster.lake.store import Lake
    from tgstudio_dagster.posts.feed import FeedQuery, newest_posts

    folder = Path(tempfile.mkdtemp(prefix="tgstudio-benchmark-"))
    try:
        settings = Settings(home=folder / "home")
        settings.home.mkdir()
        catalog = Catalog.open(settings)
        paired(catalog, server, folder, steps.TENANT).account(server.add_user("Alice"))
        catalog.close()
        lake = Lake.open(settings).tenant(steps.TENANT)
        hurried = server.environment(folder)
        paces = {name for name in hurried if name.endswith(("_SECONDS", "_PER_MINUTE"))}
        environment = {**os.environ, **{name: hurried[name] for name in hurried.keys() - paces}}
        environment |= {"TGSTUDIO_HOME": str(settings.home), "SESSION_KEY_1": base64.b64encode(VAULT_KEY).decode()}
        command = [str(Path(sys.executable).with_name("tgstudio")), "subscribe", "@firstlook", "--tenant", steps.TENANT]
        began = time.perf_counter()
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
            shown = 0.0
            while process.poll() is None:
                if not shown and newest_posts(lake, FeedQuery(), limit=FIRST_LOOK).height >= FIRST_LOOK:
                    shown = time.perf_counter() - began
                time.sleep(0.05)
        ended = time.perf_counter() - began
        assert process.returncode == 0 and shown, (folder / "log").read_text()
        return shown, ended
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
