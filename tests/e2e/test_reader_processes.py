"""Real processes that read one tenant: at once, killed at any moment, one after the death of another."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.servers.ready import ReadyProcess, ready_python
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel
from tests.telegram.paired import VAULT_KEY
from tests.telegram.reads import Reads, fill, posted, reads
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, session_lease
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.core.errors import LeaseHeldError
from tgstudio_dagster.lake.tables.posts import MEDIA
from tgstudio_dagster.telegram.mtproto.files import AHEAD, PART
from tgstudio_dagster.telegram.mtproto.messages import PAGE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SEED = 5
WORKER = "from tests.e2e.reading_worker import main; import sys; main(*sys.argv[1:])"
BATCH = 500
MESSAGES = 5_000
KILLS = 6
PACE = 0.15
"""Seconds that a page takes: a lake on a busy machine keeps up with it, else batches grow behind it (landing.py)."""


class Home:
    """A tenant in a home of its own, and processes that work in it."""

    def __init__(self, desk: Reads, folder: Path, database_url: str) -> None:
        self.desk, self.folder = desk, folder
        self.environment = {
            **os.environ,
            **desk.telegram.environment(folder),
            "TGSTUDIO_HOME": str(folder),
            "TGSTUDIO_DATABASE_URL": database_url,
            "TELEGRAM_BATCH_MESSAGES": str(BATCH),
            "SESSION_KEY_1": base64.b64encode(VAULT_KEY).decode(),
            "TGSTUDIO_READER_PORT": "0",
        }
        self.processes: list[ReadyProcess] = []

    def load(self, work: str) -> ReadyProcess:
        """A process that has loaded everything and waits for `go`."""
        worker = ready_python().start(WORKER, work, self.desk.tenant, env=self.environment, stderr=subprocess.STDOUT)
        self.processes.append(worker)
        return worker

    def start(self, work: str) -> ReadyProcess:
        """A process at work."""
        worker = self.load(work)
        go(worker)
        return worker

    def kill_after(self, work: str, method: str, calls: int) -> bool:
        """Start the work, kill it when it has made so many calls more; whether it was still at work."""
        before = len(self.desk.telegram.calls(method))
        worker = self.start(work)
        while worker.poll() is None and len(self.desk.telegram.calls(method)) < before + calls:
            time.sleep(0.002)
        alive = worker.poll() is None
        worker.kill()
        worker.wait()
        return alive

    def finish(self, work: str) -> float:
        """Do the work to its end; returns its seconds, loading left out."""
        worker = self.load(work)
        go(worker)
        started = time.monotonic()
        done(worker)
        return time.monotonic() - started


def go(worker: ReadyProcess) -> None:
    assert worker.stdout is not None and worker.stdin is not None
    assert worker.stdout.readline() == "ready\n"
    worker.stdin.write("\n")
    worker.stdin.flush()


def done(worker: ReadyProcess) -> None:
    told, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, told


def opened(catalog: Catalog, telegram: TelegramServer, folder: Path) -> Iterator[Home]:
    url = catalog.url.render_as_string(hide_password=False)
    home = Home(reads(catalog, telegram, folder), folder, url)
    yield home
    for worker in home.processes:
        worker.kill()
        worker.communicate()


@pytest.fixture
def home(catalog: Catalog, telegram: TelegramServer, tmp_path: Path) -> Iterator[Home]:
    """On SQLite and on PostgreSQL in turn."""
    yield from opened(catalog, telegram, tmp_path)


@pytest.fixture
def local(reading_catalog: Catalog, telegram: TelegramServer, tmp_path: Path) -> Iterator[Home]:
    """On SQLite: what the database does not decide."""
    yield from opened(reading_catalog, telegram, tmp_path)


@pytest.fixture
def reading_catalog(tmp_path: Path, sqlite_template: Path) -> Iterator[Catalog]:
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    yield catalog
    catalog.close()


def asked(telegram: TelegramServer) -> Counter[tuple[int, int]]:
    """How often each message of histories without missing ids was asked for on the way down."""
    counted: Counter[tuple[int, int]] = Counter()
    for call in telegram.calls("messages.getHistory"):
        channel, first = call.request.peer.channel_id, call.request.offset_id
        if first > 1 and not call.request.add_offset:
            counted.update((channel, number) for number in range(max(1, first - PAGE), first))
    return counted


def test_processes_that_read_at_once_take_turns_and_read_everything_once(home: Home, telegram: TelegramServer) -> None:
    desk = home.desk
    channels = [telegram.add_channel("news"), telegram.add_channel(title="Own", private=True)]
    account = desk.account(telegram.add_user())
    for channel in channels:
        fill(telegram, channel, 1200, start=desk.now() - timedelta(days=30), step=timedelta(minutes=10))
        desk.follow(account, channel)
    telegram.latency = 0.01
    workers = [home.load("read") for _ in range(3)]
    for worker in workers:
        go(worker)
    for worker in workers:
        done(worker)
    for channel in channels:
        assert desk.texts(channel) == posted(telegram, channel)
    assert telegram.overlaps == []
    counted = asked(telegram)
    assert counted.keys() == {(channel.id, number) for channel in channels for number in range(1, 1101)}
    assert set(counted.values()) == {1}


def test_a_history_of_five_thousand_survives_kill_after_kill(local: Home, telegram: TelegramServer) -> None:
    desk, rng = local.desk, random.Random(SEED)
    channel = telegram.add_channel("news")
    fill(telegram, channel, MESSAGES, start=desk.now() - timedelta(days=60), step=timedelta(minutes=15))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    telegram.latency = PACE
    killed = sum(local.kill_after("read", "messages.getHistory", rng.randint(6, 14)) for _ in range(KILLS))
    before_the_end = desk.cursor(account, channel).gaps
    seconds = local.finish("read")
    counted = asked(telegram)
    again = sum(counted.values()) - len(counted)
    print(f"killed {killed} times, {again} of {len(counted)} messages asked for again, the end took {seconds:.1f} s")
    assert killed == KILLS and before_the_end
    # A batch, and the pages that came while it was on its way to the lake.
    assert again <= KILLS * (BATCH + 2 * PAGE)
    assert desk.texts(channel) == posted(telegram, channel)
    assert desk.cursor(account, channel).gaps == ()
    assert telegram.overlaps == []


def test_what_is_new_survives_kill_after_kill(local: Home, telegram: TelegramServer) -> None:
    desk, rng = local.desk, random.Random(SEED)
    channel = telegram.add_channel("news")
    telegram.post(channel, "the first")
    desk.follow(desk.account(telegram.add_user()), channel)
    local.finish("read")
    telegram.latency = PACE
    fill(telegram, channel, MESSAGES // 2, start=desk.now() - timedelta(days=3), step=timedelta(minutes=1))
    telegram.forget_calls()
    killed = sum(local.kill_after("read", "messages.getHistory", rng.randint(6, 14)) for _ in range(2))
    local.finish("read")
    pages = Counter(call.request.offset_id for call in telegram.calls("messages.getHistory") if call.request.add_offset)
    again = sum(pages.values()) - len(pages)
    print(f"killed {killed} times, {again} of {len(pages)} pages asked for again")
    assert killed == 2 and again <= killed * (BATCH // PAGE + 2)
    assert desk.texts(channel) == posted(telegram, channel)
    assert telegram.overlaps == []


def test_files_go_on_where_a_killed_process_left_them(local: Home, telegram: TelegramServer) -> None:
    desk, rng = local.desk, random.Random(SEED)
    channel = telegram.add_channel("news")
    sizes = [12_000_000, 7_000_001, 3_000_000, *([40_000] * 12)]
    sent = {}
    for size in sizes:
        data = rng.randbytes(size)
        sent[telegram.post(channel, media=telegram.add_file(data, name="file.bin"))] = data
    desk.follow(desk.account(telegram.add_user()), channel)
    local.finish("read")
    desk.merge()
    telegram.latency = 0.02
    killed = sum(local.kill_after("fetch", "upload.getFile", rng.randint(8, 16)) for _ in range(3))
    local.finish("fetch")
    calls = Counter((call.request.location.id, call.request.offset) for call in telegram.calls("upload.getFile"))
    again = sum(calls.values()) - len(calls)
    print(f"killed {killed} times, {again} of {len(calls)} parts asked for again")
    assert killed == 3 and len(calls) == sum(-(-size // PART) for size in sizes)
    # Of each of the files that were on their way, the parts that were, and one that was not yet on the disk.
    assert again <= killed * desk.paired.settings.media_parallel * (AHEAD + 1)
    rows = {row["msg_id"]: row for row in desk.lake.read(MEDIA).iter_rows(named=True)}
    for number, data in sent.items():
        assert (rows[number]["status"], rows[number]["sha256"]) == ("stored", hashlib.sha256(data).hexdigest())
        with desk.lake.open_file(rows[number]["uri"]) as content:
            assert content.read() == data
    folder = local.folder / "lake" / "files" / f"tenant={desk.tenant}"
    assert len(list(folder.iterdir())) == len(sizes)
    assert telegram.overlaps == []


def test_a_dead_readers_session_is_taken_over_at_once(home: Home, telegram: TelegramServer) -> None:
    desk = home.desk
    channel = telegram.add_channel("news")
    telegram.post(channel, "a post")
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    name = session_lease(account.id)
    telegram.fail("messages.getHistory", silent=True)
    heir = home.load("read")
    holder = home.start("read")
    while not telegram.calls("messages.getHistory"):
        time.sleep(0.01)
    with pytest.raises(LeaseHeldError), lease(desk.paired.catalog, name):
        pass
    go(heir)
    time.sleep(1)
    assert len(telegram.calls("messages.getHistory")) == 1, "it waits for its turn"
    holder.kill()
    killed = time.time()
    holder.wait()
    done(heir)
    print(f"taken over after {telegram.calls('messages.getHistory')[1].at - killed:.2f} s")
    assert telegram.calls("messages.getHistory")[1].at - killed < 5
    assert desk.texts(channel) == {1: "a post"}
    assert telegram.overlaps == []
    with lease(desk.paired.catalog, name):
        pass


def test_the_reader_survives_kill_after_kill_and_loses_and_doubles_nothing(
    local: Home, telegram: TelegramServer
) -> None:
    desk, rng = local.desk, random.Random(SEED)
    channel = telegram.add_channel("news")
    fill(telegram, channel, MESSAGES // 2, start=desk.now() - timedelta(days=60), step=timedelta(minutes=30))
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    telegram.latency = PACE
    killed = 0
    for _ in range(4):
        killed += local.kill_after("reader", "messages.getHistory", rng.randint(3, 8))
        telegram.post(channel, f"posted after kill {killed}")
    began = time.monotonic()
    calls = len(telegram.calls("messages.getHistory"))
    reader = local.start("reader")
    wait_until(lambda: len(telegram.calls("messages.getHistory")) > calls, 30)
    taken_over = time.monotonic() - began
    telegram.post(channel, "posted while it reads history")
    wait_until(lambda: desk.cursor(account, channel).gaps == () and _newest_is_read(desk, account, channel), 120)
    reader.send_signal(signal.SIGTERM)
    assert reader.wait(20) == 0
    again = sum(asked(telegram).values()) - len(asked(telegram))
    print(f"killed {killed} times, taken over in {taken_over:.1f} s with loading, {again} messages asked for again")
    assert killed == 4
    assert desk.texts(channel) == posted(telegram, channel)
    assert telegram.overlaps == []
    assert again <= killed * (BATCH + 2 * PAGE)


def test_a_killed_reader_is_taken_over_by_the_one_that_stands_by(home: Home, telegram: TelegramServer) -> None:
    desk = home.desk
    channel = telegram.add_channel("news")
    telegram.post(channel, "a post")
    account = desk.account(telegram.add_user())
    desk.follow(account, channel)
    holder, heir = home.load("reader"), home.load("reader")
    go(holder)
    wait_until(lambda: len(telegram.calls("updates.getState")) > 0, 30)
    go(heir)
    time.sleep(2)
    holder.kill()
    killed = time.time()
    holder.wait()
    telegram.post(channel, "after the death")
    wait_until(lambda: desk.cursor(account, channel).last_msg_id == 2, 60)
    print(f"taken over after {time.time() - killed:.2f} s")
    assert time.time() - killed < 60, "the lease's time"
    assert desk.texts(channel) == {1: "a post", 2: "after the death"}
    assert telegram.overlaps == []
    heir.send_signal(signal.SIGTERM)
    assert heir.wait(20) == 0


def _newest_is_read(desk: Reads, account: TgAccount, channel: Channel) -> bool:
    return desk.cursor(account, channel).last_msg_id == max(desk.telegram.messages(channel))


def wait_until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)
