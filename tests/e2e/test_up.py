"""`tgstudio up`: what lands is refreshed, orders are worked, tenants are read, a backfill is one run, Ctrl-C ends all.

One `up` for all of the module's tests, each with a tenant of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time as time_module
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import psutil
import pytest

from tests.builders import landing, make_tenant
from tests.cli.home import Home
from tests.e2e.up import COMMAND, Up, wait_for
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel
from tests.services.desk import DAY, TOPIC, fill
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.principals import operator
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.catalog.work.rules import TopicRule
from tgstudio_dagster.lake.freshness import stale_days
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.topics import RANKINGS
from tgstudio_dagster.newsroom.pipeline import made_of
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.runs import RunsClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DAYS = [date(2026, 3, 14), date(2026, 3, 15)]
BRIDGE = "The harbour bridge of day %d was opened by the mayor after long repairs"
READER = "reader"
"""The tenant that has an account at the test server."""


@pytest.fixture(scope="module")
def telegram() -> Iterator[TelegramServer]:
    """The module's own small Telegram. A mistake of the server itself fails its tests."""
    server = TelegramServer().start()
    yield server
    server.stop()
    assert not server.failures, server.failures


@pytest.fixture(scope="module")
def home(telegram: TelegramServer, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the tenant that can be read, of which nothing is followed yet."""
    return Home(tmp_path_factory.mktemp("up") / "home", telegram, tenant=READER)


@pytest.fixture(scope="module")
def up(home: Home) -> Iterator[Up]:
    running = Up(home.folder, **home.environment)
    yield running
    running.interrupt()


@dataclass
class Tenants:
    """Three studios of the running `up`, each with something that it is to do by itself, begun at once: it mostly waits."""

    acme: Studio
    """Two days of posts have landed."""
    newsroom: Studio
    """A topic's text is ordered, and a bundle of its day."""
    order: str
    bundle: str
    reader: Studio
    """A channel with a long history is to be followed."""
    channel: Channel


@pytest.fixture(scope="module")
def tenants(home: Home, telegram: TelegramServer, up: Up) -> Iterator[Tenants]:
    catalog, lake = Catalog.open(up.settings), Lake.open(up.settings)
    runs = RunsClient(up.settings.dagster_socket_path, timeout=30)
    now = datetime.now(UTC)
    add_tenant(catalog, "acme", "Acme")
    posts = [
        {
            "channel_id": channel,
            "msg_id": number,
            "date": moment,
            "observed_at": moment,
            "views": 5,
            "text": BRIDGE % number,
        }
        for number, moment in enumerate((datetime.combine(day, time(9), UTC) for day in DAYS), 1)
        for channel in (7, 8)
    ]
    lake.tenant("acme").land(landing(*posts))

    newsroom = Studio.open(make_tenant(catalog, "newsroom", platforms=("tg",)), catalog, lake, runs=runs)
    fill(newsroom.scope.lake)
    order = newsroom.orders.request(TOPIC, now=now, goal="text")
    bundle = newsroom.bundles.request(DAY, DAY, ["messages"], "csv", now=now)

    alice = telegram.add_user("Alice")
    home.pair(alice)
    channel = telegram.add_channel("bignews", "Big News")
    telegram.join(channel, alice)  # Telegram tells of channels that an account has joined
    telegram.post_many(
        channel, [f"post {n}" for n in range(200)], start=now - timedelta(days=9), step=timedelta(hours=1)
    )
    reader = Studio.open(operator(catalog, READER), catalog, lake)
    reader.follows.request(["@bignews"], since=(now - timedelta(days=8)).date())
    acme = Studio.open(operator(catalog, "acme"), catalog, lake, runs=runs)
    yield Tenants(acme, newsroom, order.id, bundle.id, reader, channel)
    runs.close()
    catalog.close()


def test_it_says_where_it_is_and_shows_the_operators_password_once(up: Up) -> None:
    assert any(f"http://127.0.0.1:{up.web_port}/dagster" in line for line in up.said)
    assert any(f"http://127.0.0.1:{up.web_port}" in line for line in up.said)
    with urllib.request.urlopen(f"http://127.0.0.1:{up.web_port}/login", timeout=30) as page:
        assert page.status == 200
    # The operator's password was shown, and is kept nowhere as it is.
    password = up.said[next(n for n, line in enumerate(up.said) if "login operator" in line) + 1].strip()
    assert len(password) == 20
    kept = [path for path in up.settings.home.rglob("*") if path.is_file()]
    assert not [path for path in kept if password.encode() in path.read_bytes()]


def test_it_refreshes_what_lands_fulfils_an_order_and_backfills_a_range(up: Up, tenants: Tenants) -> None:
    studio = tenants.acme

    # What landed is picked up by the refresh sensor: one run of the tenant's range, or two where its tick came between
    # the two days' files.
    wait_for(lambda: not stale_days(studio.scope.lake) and up.all_succeeded("acme"), "the sensor's run did not succeed")
    assert studio.scope.lake.days(RANKINGS) == DAYS
    before = len(up.runs("acme"))

    # An order that waits in the catalog is fulfilled by its sensor, and marked done.
    topic = studio.topics.all(day=None, limit=1)["topic_id"][0]
    order = studio.orders.request(topic, now=datetime(2026, 3, 16, tzinfo=UTC), platforms=["tg", "x"])
    wait_for(lambda: studio.orders.all()[0].status == "done", "the order was not fulfilled")
    assert set(studio.packages.all(order.id)["platform"]) == {"tg", "x"}
    assert [run.status for run in studio.usage.runs() if run.tags.get("order") == order.id] == ["done"]

    # A backfill as the UI starts it: two days of one tenant, one run.
    backfill = up.ask(
        """mutation($params: LaunchBackfillParams!) {
          launchPartitionBackfill(backfillParams: $params) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
          }
        }""",
        params={
            "assetSelection": [{"path": [name]} for name in ("messages", "message_versions", "message_stats", "media")],
            "partitionNames": [f"{DAYS[0]:%Y-%m}|acme"],
        },
    )["launchPartitionBackfill"]
    assert backfill["__typename"] == "LaunchBackfillSuccess", backfill
    wait_for(lambda: len(up.runs("acme")) > before and up.all_succeeded("acme"), "the backfill did not succeed")
    assert len(up.runs("acme")) == before + 1, "the backfill was not one run"


def test_an_order_is_worked_raised_and_stopped_a_rule_fires_and_a_bundle_is_built(tenants: Tenants) -> None:
    studio, order = tenants.newsroom, tenants.order

    def is_(wanted: str, order: str) -> bool:
        return studio.orders.status(order).order.status == wanted

    wait_for(lambda: is_("done", order), "the text was not written")
    status = studio.orders.status(order)
    assert [(step.name, step.status) for step in status.steps] == [("editor_results", "done")]
    assert status.steps[0].started is not None
    assert status.run_url is not None
    studio.orders.raise_goal(order, "images", datetime.now(UTC))
    stopped = studio.orders.request(TOPIC, now=datetime.now(UTC)).id
    wait_for(lambda: any(run.tags.get("order") == stopped for run in studio.usage.runs()), "no run was started")
    studio.orders.cancel(stopped, datetime.now(UTC))
    wait_for(lambda: is_("cancelled", stopped), "the order was not stopped")

    wait_for(lambda: is_("done", order), "the images were not drawn")
    assert made_of(studio.scope.lake, order) == {"editor_results", "image_briefs", "images"}
    # The stopped one's run may have been asked to end before it began, or have seen the stop itself.
    wait_for(lambda: not {"queued", "running"} & {run.status for run in studio.usage.runs()}, "its run goes on")
    assert "exports" not in made_of(studio.scope.lake, stopped)

    wait_for(lambda: studio.bundles.all()[0].status == "done", "the bundle was not built")
    file = studio.bundles.open(tenants.bundle)
    with file.stream as stream, zipfile.ZipFile(stream) as archive:
        assert sorted(archive.namelist()) == ["manifest.json", "messages.csv"]

    studio.rules.put("Lead", TopicRule(max_rank=1, goal="text"), now=datetime.now(UTC))
    wait_for(lambda: [one.status for one in studio.orders.all() if one.rule_id] == ["done"], "the rule ordered nothing")


def test_a_paired_tenant_is_read_its_history_filled_and_a_live_hint_followed(
    telegram: TelegramServer, up: Up, tenants: Tenants
) -> None:
    studio, today = tenants.reader, datetime.now(UTC).date()

    def texts() -> list[str]:
        found = studio.posts.rows(first=today - timedelta(days=10), last=today + timedelta(days=1), limit=1000)
        return found["text"].to_list()

    wait_for(lambda: "post 199" in texts(), "the wish was not settled and read")
    # The newest hundred come with the first reading, the rest with the reader's slices of history.
    wait_for(lambda: len(texts()) >= 176 and up.all_succeeded(READER), "history was not filled")
    wanted = {f"post {n}" for n in range(24, 200)}  # the first day is the 8th before today
    assert wanted <= set(texts())
    assert len(texts()) == len(set(texts()))

    # What is heard is read, merged and shown; nothing that did not land starts a run.
    wait_for(lambda: telegram.calls("updates.getState") != [], "nobody listens")
    seconds = []
    for number in range(5):
        # At rest: a post that comes while the tenant's topics are computed waits for that run's end.
        wait_for(lambda: up.all_succeeded(READER), "a run did not succeed")
        telegram.post(tenants.channel, f"breaking {number}")
        posted = time_module.monotonic()
        wait_for(lambda number=number: f"breaking {number}" in texts(), "what was heard was not read")
        seconds.append(time_module.monotonic() - posted)
    print("from a post to its row in the feed:", ", ".join(f"{one:.1f} s" for one in sorted(seconds)))
    wait_for(lambda: up.all_succeeded(READER), "a run did not succeed")
    runs = len(up.runs(READER))
    time_module.sleep(20)
    assert len(up.runs(READER)) == runs, "a run was started with nothing new"
    assert telegram.overlaps == []
    events = up.ask(
        """{assetOrError(assetKey: {path: ["landings"]}) {... on Asset {assetMaterializations(limit: 10) {partition}}}}"""
    )["assetOrError"]["assetMaterializations"]
    assert {event["partition"].partition("|")[2] for event in events} == {READER}


def seconds_to_begin(studio: Studio) -> float:
    """How long a new order waits before its first step begins."""
    order = studio.orders.request(TOPIC, now=datetime.now(UTC), goal="text").id
    requested = time_module.monotonic()
    wait_for(lambda: studio.orders.status(order).order.status != "queued", "the order did not begin")
    waited = time_module.monotonic() - requested
    wait_for(lambda: studio.orders.status(order).order.status == "done", "the order was not fulfilled")
    return waited


def test_an_order_begins_at_once_while_three_tenants_wait_for_telegram(
    home: Home, telegram: TelegramServer, up: Up, tenants: Tenants
) -> None:
    catalog, lake = Catalog.open(up.settings), Lake.open(up.settings)
    alone = min(seconds_to_begin(tenants.newsroom) for _ in range(2))
    channel = telegram.add_channel("slow", "Slow")
    telegram.post_many(
        channel,
        [f"slow {n}" for n in range(50)],
        start=datetime.now(UTC) - timedelta(hours=5),
        step=timedelta(minutes=1),
    )
    users = [telegram.add_user(f"Slow {n}") for n in range(3)]
    for number, user in enumerate(users):
        # Each page takes 20 s, and a reading asks for several: two minutes each.
        telegram.fail("messages.getHistory", user=user, delay=20, times=None)
        slug = f"slow{number}"
        add_tenant(catalog, slug, slug.title())
        home.pair(user, tenant=slug)
        Studio.open(operator(catalog, slug), catalog, lake).follows.request(["@slow"], since=None)
    for user in users:
        wait_for(lambda user=user: telegram.calls("messages.getHistory", user=user) != [], "nobody reads for them")

    # Ten seconds, or what the machine takes for an order that is alone: the tests beside this one hold the cores, too.
    most = max(10.0, 1.5 * alone)
    seconds = []
    while len(seconds) < 6 and (not seconds or seconds[-1] > most):
        seconds.append(seconds_to_begin(tenants.newsroom))
    print(f"from an order to its first step: {alone:.1f} s alone;", ", ".join(f"{wait:.1f} s" for wait in seconds))
    assert min(seconds) <= most
    catalog.close()


def test_a_reader_that_is_killed_lives_again(up: Up) -> None:
    def health() -> dict[str, object] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{up.reader_port}/healthz", timeout=5) as answer:
                found: dict[str, object] = json.load(answer)
                return found
        except OSError:
            return None

    wait_for(lambda: (health() or {}).get("status") == "reading", "the reader is not well")
    (reader,) = [
        process
        for process in psutil.Process(up.process.pid).children(recursive=True)
        if process.cmdline()[-1:] == ["tgstudio_dagster.reader"]
    ]
    reader.kill()
    wait_for(
        lambda: not reader.is_running() and (health() or {}).get("status") == "reading", "it was not started again"
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{up.reader_port}/metrics", timeout=5) as answer:
        assert b"tgstudio_readings_total" in answer.read()


def test_the_end_of_the_code_server_ends_nothing_else(up: Up) -> None:
    family = psutil.Process(up.process.pid).children(recursive=True)
    (code,) = [process for process in family if "grpc" in process.cmdline()]
    code.kill()
    wait_for(
        lambda: "RepositoryLocation" in str(up.ask("{workspaceOrError{... on Workspace{locationEntries{"
                "locationOrLoadError{__typename}}}}}")), "the code server did not come again",
    )  # fmt: skip
    assert up.process.poll() is None


def test_a_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = os.environ | {
            "TGSTUDIO_HOME": str(tmp_path),
            "TGSTUDIO_WEB_PORT": str(taken.getsockname()[1]),
        }
        found = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "TGSTUDIO_WEB_PORT" in found.stderr


def test_ctrl_c_ends_every_process(up: Up) -> None:
    family = psutil.Process(up.process.pid).children(recursive=True)
    assert len(family) >= 2
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
