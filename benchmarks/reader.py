"""One reader with many accounts, of which few have news: its memory and CPU, against the test's Telegram.

    python -m benchmarks.reader [ACCOUNTS] [SECONDS]

The reader is the real process; the server lives in this one, so that only the reader is measured. Each account is of a
tenant of its own and follows one channel; a fiftieth of the channels gets a post every ten seconds. What 1,000 accounts
would take is extrapolated in the open: a reader without an account is measured first, and what each account adds to it is
taken as the same however many there are. Memory is USS, what the process has for itself alone.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel
from tests.telegram.paired import VAULT_KEY, paired
from tgstudio_dagster.catalog.database import Catalog

NEWS_SHARE = 0.02
NEWS_SECONDS = 10.0
SETTLE_SECONDS = 10.0
WHOLE = 1_000


def main(accounts: int = 100, seconds: int = 60) -> None:
    """Measure a reader without an account and one with so many, and print."""
    server = TelegramServer().start()
    empty = measure(server, [], Path(tempfile.mkdtemp(prefix="tgstudio_bench_")), seconds=10)
    folder = Path(tempfile.mkdtemp(prefix="tgstudio_bench_"))
    full = measure(server, make_tenants(server, folder, accounts), folder, seconds=seconds)
    server.stop()
    each = [(whole - none) / accounts for whole, none in zip(full, empty, strict=True)]
    print(f"no account:     {empty[0]:6.0f} MB, {empty[1]:5.2f} % of a core")
    print(f"{accounts:4} accounts:  {full[0]:6.0f} MB, {full[1]:5.2f} % of a core, connected and listening")
    print(f"extrapolated to {WHOLE}: {empty[0] + WHOLE * each[0]:.0f} MB, {empty[1] + WHOLE * each[1]:.1f} % of a core")


def make_tenants(server: TelegramServer, folder: Path, accounts: int) -> list[Channel]:
    """Tenants with an account and a channel each; returns the channels."""
    catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
    catalog.upgrade()
    channels = []
    for number in range(accounts):
        desk = paired(catalog, server, folder, f"t{number}")
        user, channel = server.add_user(), server.add_channel(f"channel{number:04}")
        server.post(channel, "the first post")
        desk.subscription(desk.account(user), channel, user)
        channels.append(channel)
    catalog.close()
    return channels


def measure(server: TelegramServer, channels: list[Channel], folder: Path, *, seconds: int) -> tuple[float, float]:
    """MB and percent of a core of a reader, when all its accounts have been read once and listen."""
    environment = (
        os.environ
        | server.environment(folder)
        | {
            "TGSTUDIO_HOME": str(folder),
            "TGSTUDIO_READER_PORT": "0",
            "TELEGRAM_PAGE_SECONDS": "1",
            "SESSION_KEY_1": base64.b64encode(VAULT_KEY).decode(),
        }
    )
    server.forget_calls()
    with (folder / "log").open("wb") as log:
        reader = subprocess.Popen([sys.executable, "-m", "tgstudio_dagster.reader"], env=environment, stderr=log)
    try:
        process = psutil.Process(reader.pid)
        _until(lambda: len(server.calls("updates.getState")) >= len(channels))
        time.sleep(SETTLE_SECONDS)
        before, began, number = sum(process.cpu_times()[:2]), time.monotonic(), 0
        while time.monotonic() - began < seconds:
            for channel in channels[: round(NEWS_SHARE * len(channels))]:
                server.post(channel, f"news {number}")
            number += 1
            time.sleep(NEWS_SECONDS)
        spent = sum(process.cpu_times()[:2]) - before
        return process.memory_full_info().uss / 1e6, 100 * spent / (time.monotonic() - began)
    finally:
        reader.send_signal(signal.SIGTERM)
        reader.wait(30)


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("the reader has not come to rest within ten minutes; its log says why")
        time.sleep(0.2)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
