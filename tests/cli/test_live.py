"""`tgstudio send` shows what it posts and asks; `tgstudio listen`, a process of its own, hears, gives way, and ends well."""

from __future__ import annotations

import base64
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import VAULT_KEY, Paired, paired
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.cli import app
from tgstudio_dagster.core.settings import Settings, settings, telegram_settings
from tgstudio_dagster.lake.store import Lake

run = CliRunner().invoke


@pytest.fixture
def desk(tmp_path: Path, telegram: TelegramServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paired]:
    """A tenant that may send, at home in a folder of its own, as the environment says."""
    for name, value in telegram.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SESSION_KEY_1", base64.b64encode(VAULT_KEY).decode())
    monkeypatch.setenv("TERM", "dumb")
    settings.cache_clear()
    telegram_settings.cache_clear()
    catalog = Catalog.open(Settings(home=tmp_path / "home"))
    yield paired(catalog, telegram, tmp_path, sending=True)
    catalog.close()
    settings.cache_clear()
    telegram_settings.cache_clear()


@pytest.fixture
def alice(telegram: TelegramServer) -> User:
    return telegram.add_user("Alice")


@pytest.fixture
def news(desk: Paired, telegram: TelegramServer, alice: User) -> Channel:
    channel = telegram.add_channel("bignews", "Big [News]", admins=[alice])
    desk.subscription(desk.account(alice), channel, alice)
    return channel


def _send(*more: str, text: str = "Hello [b]world[/b]", answer: str | None = None) -> tuple[int, str, str]:
    result = run(app, ["send", "--tenant", "demo", "--to", "@bignews", "--text", text, *more], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_send_shows_what_goes_where_and_posts_when_told_to(news: Channel, telegram: TelegramServer) -> None:
    code, out, shown = _send(answer="y\n")
    assert code == 0
    for part in ("Big [News] (@bignews, channel)", "Alice", "Hello [b]world[/b]", "--key"):
        assert part in shown
    (msg_id,) = telegram.messages(news)
    assert f"posted: https://t.me/bignews/{msg_id}" in out


def test_send_posts_nothing_when_told_not_to(news: Channel, telegram: TelegramServer) -> None:
    code, _, _ = _send(answer="n\n")
    assert code == 1
    assert telegram.messages(news) == {}


def test_the_key_that_send_shows_makes_a_second_try_harmless(news: Channel, telegram: TelegramServer) -> None:
    _, first, shown = _send("--yes", "--json")
    key = re.search(r"^key\s+(\w{26}) ", shown, re.MULTILINE)
    assert key is not None
    _, second, _ = _send("--yes", "--json", "--key", key[1])
    assert json.loads(second) == json.loads(first) | {"again": True}
    assert len(telegram.messages(news)) == 1


@pytest.fixture
def listening(desk: Paired, news: Channel) -> Iterator[subprocess.Popen[str]]:
    """`tgstudio listen` as a process."""
    command = [sys.executable, "-c", "from tgstudio_dagster.cli import main; main()", "listen", "--tenant", "demo"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_listen_tells_what_it_hears_gives_way_to_send_and_ends_well(
    desk: Paired, news: Channel, telegram: TelegramServer, alice: User, listening: subprocess.Popen[str]
) -> None:
    lines = _lines(listening)
    _until(lines, "listening")
    while len(telegram.calls("updates.getState", user=alice)) < 2:
        time.sleep(0.05)
    post = telegram.post(news, "breaking")
    assert f"new  Big [News]: {post}" in _until(lines, "new")
    landed = Lake.open(settings()).tenant(desk.tenant)
    deadline = time.monotonic() + 20
    while "breaking" not in {
        text for day in landed.landing_days() for text in landed.read_landings(landed.landings(day))["text"]
    }:
        assert time.monotonic() < deadline, "what was heard was not read"
        time.sleep(0.1)

    assert _send("--yes")[0] == 0
    _until(lines, "giving way")
    _until(lines, "listening")

    listening.send_signal(signal.SIGINT)
    assert listening.wait(15) == 0
    assert telegram.overlaps == []


def test_listen_says_that_its_account_is_lost_and_ends_with_what_to_do(
    news: Channel, telegram: TelegramServer, alice: User, listening: subprocess.Popen[str]
) -> None:
    lines = _lines(listening)
    _until(lines, "listening")
    telegram.revoke(alice)
    telegram.drop_connections()
    told = _until(lines, "lost")
    assert "Alice" in told and "Pair it again" in told
    assert listening.wait(30) == 1
    assert listening.stderr is not None
    assert "No account is left to listen with: `tgstudio login --tenant demo`" in listening.stderr.read()


def _lines(process: subprocess.Popen[str]) -> queue.Queue[str]:
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _until(lines: queue.Queue[str], word: str) -> str:
    """The next line that holds the word."""
    while word not in (line := lines.get(timeout=20)):
        pass
    return line
