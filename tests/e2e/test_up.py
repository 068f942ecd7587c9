"""`tgstudio up`: Dagster answers on loopback, a backfill from its API is one run, and Ctrl-C ends every process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.builders import landing
from tests.cli.home import Home
from tests.servers.telegram import TelegramServer
from tgstudio_dagster.automation.tags import HISTORY, KIND_TAG
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.principals import operator
from tgstudio_dagster.catalog.reading import wake
from tgstudio_dagster.catalog.tenants import add_tenant
from tgstudio_dagster.lake.freshness import stale_days
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import RANKINGS
from tgstudio_dagster.settings import Settings
from tgstudio_dagster.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
DAYS = [date(2026, 3, 14), date(2026, 3, 15)]
COMMAND = [sys.executable, "-c", "from tgstudio_dagster.cli import main; main()", "up"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Up:
    """A running `tgstudio up` in a home of its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.settings = Settings(home=home)
        self.port, self.web_port = free_port(), free_port()
        self.environment = os.environ | environment
        self.environment |= {"TGSTUDIO_HOME": str(home), "TGSTUDIO_DAGSTER_PORT": str(self.port)}
        self.environment |= {"TGSTUDIO_WEB_PORT": str(self.web_port)}
        self.process = subprocess.Popen(COMMAND, env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            if "Ctrl-C" in line:
                break

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def runs(self) -> list[dict[str, Any]]:
        return self.ask("{runsOrError{... on Runs{results{status tags{key value}}}}}")["runsOrError"]["results"]

    def all_succeeded(self) -> bool:
        """Whether there are runs, and all of them have succeeded."""
        return {run["status"] for run in self.runs()} == {"SUCCESS"}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    home = tmp_path / "home"
    settings = Settings(home=home)
    add_tenant(Catalog.open(settings), "acme", "Acme")
    running = Up(home)
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)


def wait_for(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(1)


def test_it_refreshes_what_lands_fulfils_an_order_backfills_a_range_and_ends_cleanly(up: Up) -> None:
    assert any(f"http://127.0.0.1:{up.port}" in line for line in up.said)
    assert any(f"http://127.0.0.1:{up.web_port}" in line for line in up.said)
    with urllib.request.urlopen(f"http://127.0.0.1:{up.web_port}/login", timeout=30) as page:
        assert page.status == 200
    # The operator's password was shown, and is kept nowhere as it is.
    password = up.said[next(n for n, line in enumerate(up.said) if "login operator" in line) + 1].strip()
    assert len(password) == 20
    kept = [path for path in up.settings.home.rglob("*") if path.is_file()]
    assert not [path for path in kept if password.encode() in path.read_bytes()]
    catalog = Catalog.open(up.settings)
    lake = Lake.open(up.settings).tenant("acme")
    moments = [datetime(day.year, day.month, day.day, 9, tzinfo=UTC) for day in DAYS]
    lake.land(
        landing(
            *(
                {
                    "channel_id": channel,
                    "msg_id": number,
                    "date": moment,
                    "observed_at": moment,
                    "views": 5,
                    "text": f"The harbour bridge of day {number} was opened by the mayor after long repairs",
                }
                for number, moment in enumerate(moments, 1)
                for channel in (7, 8)
            )
        )
    )

    # What landed is picked up by the refresh sensor: one run of the tenant's range, or two where its tick came between
    # the two days' files.
    wait_for(lambda: not stale_days(lake) and up.all_succeeded(), 180, "the sensor's run did not succeed")
    assert lake.days(RANKINGS) == DAYS
    before = len(up.runs())

    # An order that waits in the catalog is fulfilled by its sensor, and marked done.
    studio = Studio(operator(catalog, "acme"), catalog, Lake.open(up.settings))
    topic = studio.topics(day=None, limit=1)["topic_id"][0]
    order = studio.order(topic, now=datetime(2026, 3, 16, tzinfo=UTC), platforms=["tg", "x"])
    wait_for(lambda: studio.orders()[0].status == "done", 120, "the order was not fulfilled")
    assert set(studio.packages(order.id)["platform"]) == {"tg", "x"}

    # A backfill as the UI starts it: two days of one tenant, one run.
    backfill = up.ask(
        """mutation($params: LaunchBackfillParams!) {
          launchPartitionBackfill(backfillParams: $params) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
          }
        }""",
        params={
            "assetSelection": [{"path": [name]} for name in ("messages", "message_versions", "message_stats", "media")],
            "partitionNames": [f"{day}|acme" for day in DAYS],
        },
    )["launchPartitionBackfill"]
    assert backfill["__typename"] == "LaunchBackfillSuccess", backfill
    wait_for(lambda: len(up.runs()) > before + 1 and up.all_succeeded(), 180, "the backfill did not succeed")
    assert len(up.runs()) == before + 2, "the backfill was not one run"

    family = psutil.Process(up.process.pid).children(recursive=True)
    assert len(family) >= 2
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_a_paired_tenant_is_read_its_history_filled_and_a_live_hint_followed(
    tmp_path: Path, telegram: TelegramServer
) -> None:
    home = Home(tmp_path / "home", telegram, tenant="acme")
    home.pair(telegram.add_user("Alice"))
    now = datetime.now(UTC)
    channel = telegram.add_channel("bignews", "Big News")
    telegram.post_many(
        channel, [f"post {n}" for n in range(200)], start=now - timedelta(days=40), step=timedelta(hours=4.5)
    )
    settings = Settings(home=home.folder)
    studio = Studio(operator(home.catalog, "acme"), home.catalog, Lake.open(settings))
    studio.subscribe(["@bignews"], since=(now - timedelta(days=38)).date())

    running = Up(home.folder, **home.environment)
    try:

        def texts() -> list[str]:
            found = studio.feed(
                first=(now - timedelta(days=41)).date(), last=now.date() + timedelta(days=1), limit=1000
            )
            return found["text"].to_list()

        wait_for(lambda: "post 199" in texts(), 120, "the wish was not settled and read")
        # The newest hundred come with the first reading, the rest with a run of the subscriptions sensor.
        wait_for(lambda: len(texts()) >= 185 and running.all_succeeded(), 180, "history was not filled")
        wanted = {f"post {n}" for n in range(16, 200)}  # the first day is the 38th before today
        assert wanted <= set(texts())
        assert len(texts()) == len(set(texts()))
        kinds = {tag["value"] for run in running.runs() for tag in run["tags"] if tag["key"] == KIND_TAG}
        assert kinds == {HISTORY}

        telegram.post(channel, "breaking")
        wake(home.catalog, "acme", now=datetime.now(UTC))
        wait_for(lambda: "breaking" in texts(), 90, "the hint was not followed")
        assert telegram.overlaps == []
    finally:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)


def test_a_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = os.environ | {
            "TGSTUDIO_HOME": str(tmp_path),
            "TGSTUDIO_DAGSTER_PORT": str(taken.getsockname()[1]),
        }
        found = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "TGSTUDIO_DAGSTER_PORT" in found.stderr
