"""Orders and bundles that wait become runs of what they lack; a stop ends a run; a run's end is the row's."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tests.builders import make_tenant, put_order
from tests.orchestration.test_sensors import Ticks
from tests.services.desk import DAY, NOW, TOPIC, fill
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.holders import Holder
from tgstudio_dagster.catalog.work.bundles import create_bundle, get_bundle, mark_bundle
from tgstudio_dagster.catalog.work.orders import (
    Order,
    begin_order,
    cancel_order,
    create_order,
    get_order,
    pending_orders,
    requeue_order,
)
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.newsroom import EDITOR_RESULTS
from tgstudio_dagster.orchestration.bundle_job import bundles_sensor
from tgstudio_dagster.orchestration.partitions import FOR_TAG, ORDER_TAG, TENANT_TAG
from tgstudio_dagster.orchestration.sensors.endings import endings_sensor
from tgstudio_dagster.orchestration.sensors.orders import orders_sensor, stops_sensor
from tgstudio_dagster.orchestration.tags import ASKED_TAG, BUNDLE_TAG, bundle_tags

ACME = Principal("acme", None, "owner")


@pytest.fixture
def ticks(tmp_path: Path, catalog: Catalog) -> Iterator[Ticks]:
    make_tenant(catalog, "acme")
    lake = Lake(str(tmp_path / "lake"))
    fill(lake.tenant("acme"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(lake, catalog, instance)


def order(ticks: Ticks, goal: str = "packages") -> str:
    return create_order(
        ticks.catalog,
        ACME,
        topic_id=TOPIC,
        day=DAY,
        platforms=["tg"],
        language="ru",
        tone="neutral",
        goal=goal,
        now=NOW,
    ).id


def asked(request: dg.RunRequest) -> list[str]:
    return [key.to_user_string() for key in request.asset_selection or []]


def test_a_run_is_of_what_the_goal_needs_and_waits_for_no_refresh(ticks: Ticks) -> None:
    text = order(ticks, "text")
    (request,) = ticks.runs(orders_sensor)
    assert asked(request) == ["editor_results"]
    assert (request.tags[ORDER_TAG], request.tags[FOR_TAG]) == (text, "acme")
    assert TENANT_TAG not in request.tags
    assert request.tags[ASKED_TAG] == get_order(ticks.catalog, "acme", text).updated_at.isoformat()


def test_a_raised_goal_is_a_run_of_what_is_missing(ticks: Ticks) -> None:
    one = order(ticks, "text")
    ticks.lake.tenant("acme").write(EDITOR_RESULTS, EDITOR_RESULTS.empty(), order=one)
    put_order(ticks.catalog, one, "done")
    requeue_order(ticks.catalog, ACME, one, goal="images", images=1, now=NOW + timedelta(hours=1))
    (request,) = ticks.runs(orders_sensor)
    assert asked(request) == ["image_briefs", "images"]


def test_an_order_that_lacks_nothing_is_done_without_a_run(ticks: Ticks) -> None:
    one = order(ticks, "text")
    ticks.lake.tenant("acme").write(EDITOR_RESULTS, EDITOR_RESULTS.empty(), order=one)
    assert ticks.runs(orders_sensor) == []
    assert get_order(ticks.catalog, "acme", one).status == "done"


def test_a_stop_that_came_while_a_run_waited_ends_it(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = order(ticks), order(ticks)
    ended: list[str] = []
    monkeypatch.setattr(type(ticks.instance.run_coordinator), "cancel_run", lambda _, run_id: ended.append(run_id))
    job = build_definitions().resolve_job_def("refresh")
    runs = [
        ticks.instance.create_run_for_job(job, tags={ORDER_TAG: name}, status=dg.DagsterRunStatus.NOT_STARTED)
        for name in (one, other)
    ]
    assert isinstance(ticks.tick(stops_sensor), dg.SkipReason)
    cancel_order(ticks.catalog, ACME, one, now=datetime.now(UTC))
    ticks.tick(stops_sensor)
    assert ended == [runs[0].run_id]


@pytest.mark.parametrize(
    ("ended", "status"),
    [(None, "cancelled"), ("FAILURE", "cancelled"), ("CANCELED", "cancelled"), ("SUCCESS", "cancelled")],
)
def test_an_order_whose_run_vanished_is_not_left_running(ticks: Ticks, ended: str | None, status: str) -> None:
    one = order(ticks)
    run_id = "gone"
    if ended is not None:
        job = build_definitions().resolve_job_def("refresh")
        run = ticks.instance.create_run_for_job(job, tags={ORDER_TAG: one}, status=dg.DagsterRunStatus[ended])
        run_id = run.run_id
    begin_order(ticks.catalog, one, run_id)
    cancel_order(ticks.catalog, ACME, one, now=datetime.now(UTC))
    ticks.tick(stops_sensor)
    assert get_order(ticks.catalog, "acme", one).status == status


def test_a_cancel_between_two_ticks_is_not_overwritten_by_an_order_that_lacks_nothing(
    ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = order(ticks, "text")
    ticks.lake.tenant("acme").write(EDITOR_RESULTS, EDITOR_RESULTS.empty(), order=one)

    def cancel_meanwhile(catalog: Catalog) -> list[Order]:
        waiting = pending_orders(catalog)
        cancel_order(catalog, ACME, one, now=datetime.now(UTC))
        return waiting

    monkeypatch.setattr("tgstudio_dagster.orchestration.sensors.orders.pending_orders", cancel_meanwhile)
    assert ticks.runs(orders_sensor) == []
    assert get_order(ticks.catalog, "acme", one).status == "cancelled"


def test_an_order_whose_process_is_gone_has_failed_and_says_so(ticks: Ticks) -> None:
    one = order(ticks)
    begin_order(ticks.catalog, one, "r1", holder=Holder("elsewhere:1:x", 0.0), ttl=0.0)
    assert ticks.runs(orders_sensor) == []
    failed = get_order(ticks.catalog, "acme", one)
    assert (failed.status, failed.run_id) == ("failed", "r1")
    assert "elsewhere:1:x" in (failed.error or "")
    requeue_order(ticks.catalog, ACME, one, goal="packages", images=0, now=NOW + timedelta(hours=1))
    assert len(ticks.runs(orders_sensor)) == 1


def build(ticks: Ticks, bundle: str) -> dg.ExecuteInProcessResult:
    hold = dg.ResourceDefinition.hardcoded_resource
    job = build_definitions(lake=hold(ticks.lake), catalog=hold(ticks.catalog)).resolve_job_def("build_bundle")
    return job.execute_in_process(instance=ticks.instance, tags=bundle_tags("acme", bundle), raise_on_error=False)


def test_a_bundle_that_waits_becomes_a_zip_among_the_tenant_s_files(ticks: Ticks) -> None:
    wanted = create_bundle(
        ticks.catalog, ACME, first=DAY, last=DAY, tables=["messages", "topics"], format="parquet", now=NOW
    )
    (request,) = ticks.runs(bundles_sensor)
    assert request.tags[BUNDLE_TAG] == wanted.id
    assert build(ticks, wanted.id).success
    done = get_bundle(ticks.catalog, "acme", wanted.id)
    assert (done.status, done.uri is not None) == ("done", True)
    assert done.uri is not None
    with ticks.lake.tenant("acme").open_file(done.uri) as file, zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == ["manifest.json", "messages.parquet", "topics.parquet"]
    assert ticks.lake.tenant("acme").file_size(done.uri) == done.bytes
    assert ticks.runs(bundles_sensor) == []


def test_a_bundle_that_cannot_be_built_stands_as_its_run_left_it(ticks: Ticks) -> None:
    wanted = create_bundle(
        ticks.catalog, ACME, first=date(2026, 3, 1), last=date(2026, 3, 1), tables=["nosuch"], format="csv", now=NOW
    )
    assert not build(ticks, wanted.id).success
    assert get_bundle(ticks.catalog, "acme", wanted.id).status == "running"
    assert mark_bundle(ticks.catalog, wanted.id, "failed", error="no table").error == "no table"


@pytest.mark.parametrize(("ended", "status"), [("SUCCESS", "done"), ("FAILURE", "failed"), ("CANCELED", "cancelled")])
@pytest.mark.parametrize("begun", [True, False], ids=["begun", "never begun"])
def test_how_a_run_ended_is_said_of_its_order(ticks: Ticks, ended: str, status: str, begun: bool) -> None:
    one = order(ticks)
    (request,) = ticks.runs(orders_sensor)
    job = build_definitions().resolve_job_def("fulfil_order")
    run = ticks.instance.create_run_for_job(job, tags=request.tags, status=dg.DagsterRunStatus.STARTED)
    if begun:
        begin_order(ticks.catalog, one, run.run_id)
    ticks.tick(endings_sensor)
    assert get_order(ticks.catalog, "acme", one).status == ("running" if begun else "queued")
    ticks.instance.delete_run(run.run_id)
    ticks.instance.create_run_for_job(job, run_id=run.run_id, tags=request.tags, status=dg.DagsterRunStatus[ended])
    ticks.tick(endings_sensor)
    assert get_order(ticks.catalog, "acme", one).status == status


def test_an_order_whose_process_ended_with_its_run_is_not_taken_for_abandoned(ticks: Ticks) -> None:
    one = order(ticks)
    (request,) = ticks.runs(orders_sensor)
    job = build_definitions().resolve_job_def("fulfil_order")
    run = ticks.instance.create_run_for_job(job, tags=request.tags, status=dg.DagsterRunStatus.SUCCESS)
    begin_order(ticks.catalog, one, run.run_id, ttl=0.0)
    ticks.tick(orders_sensor)
    assert get_order(ticks.catalog, "acme", one).status == "running"
    ticks.tick(endings_sensor)
    assert get_order(ticks.catalog, "acme", one).status == "done"


def test_a_run_of_an_earlier_wish_says_nothing_of_the_next(ticks: Ticks) -> None:
    one = order(ticks)
    (request,) = ticks.runs(orders_sensor)
    job = build_definitions().resolve_job_def("fulfil_order")
    ticks.instance.create_run_for_job(job, tags=request.tags, status=dg.DagsterRunStatus.FAILURE)
    put_order(ticks.catalog, one, "failed")
    put_order(ticks.catalog, one, "queued")
    ticks.tick(endings_sensor)
    assert get_order(ticks.catalog, "acme", one).status == "queued"


def test_a_bundle_whose_run_failed_says_why(ticks: Ticks) -> None:
    wanted = create_bundle(
        ticks.catalog, ACME, first=date(2026, 3, 1), last=date(2026, 3, 1), tables=["nosuch"], format="csv", now=NOW
    )
    assert not build(ticks, wanted.id).success
    ticks.tick(endings_sensor)
    failed = get_bundle(ticks.catalog, "acme", wanted.id)
    assert failed.status == "failed" and failed.error is not None and "nosuch" in failed.error
