"""Orders, rules and bundles with everything running: sensors start runs, progress comes from Dagster, a stop is obeyed."""

from __future__ import annotations

import signal
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.builders import make_tenant
from tests.e2e.test_up import Up, wait_for
from tests.studio.desk import DAY, TOPIC, fill
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.rules import TopicRule
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.newsroom.steps import made_of
from tgstudio_dagster.runs import RunsClient
from tgstudio_dagster.settings import Settings
from tgstudio_dagster.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """The studio of a tenant with one topic, beside a running `tgstudio up`."""
    settings = Settings(home=tmp_path / "home")
    catalog, lake = Catalog.open(settings), Lake.open(settings)
    owner = make_tenant(catalog, "acme", platforms=("tg",))
    fill(lake.tenant("acme"))
    running = Up(settings.home)
    runs = RunsClient(f"http://127.0.0.1:{running.port}", timeout=30)
    yield Studio(owner, catalog, lake, runs=runs)
    runs.close()
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)


def test_an_order_is_worked_raised_and_stopped_a_rule_fires_and_a_bundle_is_built(studio: Studio) -> None:
    order = studio.order(TOPIC, now=datetime.now(UTC), goal="text")
    bundle = studio.request_bundle(DAY, DAY, ["messages"], "csv", now=datetime.now(UTC))
    wait_for(lambda: studio.order_status(order.id).order.status == "done", 120, "the text was not written")
    status = studio.order_status(order.id)
    assert [(step.name, step.status) for step in status.steps] == [("editor_results", "done")]
    assert status.steps[0].started is not None
    assert status.run_url is not None

    studio.raise_goal(order.id, "images", datetime.now(UTC))
    wait_for(lambda: studio.order_status(order.id).order.status == "done", 120, "the images were not drawn")
    assert made_of(studio.lake, order.id) == {"editor_results", "image_briefs", "images"}

    wait_for(lambda: studio.bundles()[0].status == "done", 60, "the bundle was not built")
    file = studio.open_bundle(bundle.id)
    with file.stream as stream, zipfile.ZipFile(stream) as archive:
        assert sorted(archive.namelist()) == ["manifest.json", "messages.csv"]

    stopped = studio.order(TOPIC, now=datetime.now(UTC))
    wait_for(lambda: any(run.tags.get("order") == stopped.id for run in studio.recent_runs()), 60, "no run was started")
    studio.cancel(stopped.id, datetime.now(UTC))
    wait_for(lambda: studio.order_status(stopped.id).order.status == "cancelled", 60, "the order was not stopped")
    # Its run may have been asked to end before it began, or have seen the stop itself.
    wait_for(lambda: not {"queued", "running"} & {run.status for run in studio.recent_runs()}, 90, "its run goes on")
    assert "exports" not in made_of(studio.lake, stopped.id)

    studio.put_rule("Lead", TopicRule(max_rank=1, goal="text"), now=datetime.now(UTC))
    wait_for(
        lambda: [one.status for one in studio.orders() if one.rule_id] == ["done"], 120, "the rule ordered nothing"
    )
