"""A failed run is told ever less often in a series: to the outbox, and from there to the address that is set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from tests.builders import make_tenant
from tests.outbox.office import running
from tests.servers.receiver import Receiver
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.models import OutboxDelivery, OutboxEvent
from tgstudio_dagster.core.errors import StoppedError
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.orchestration.failures import failure_reason
from tgstudio_dagster.orchestration.partitions import FOR_TAG, TENANT_TAG
from tgstudio_dagster.orchestration.sensors.alerts import run_failed
from tgstudio_dagster.outbox.alerts import AlertSubscriber
from tgstudio_dagster.outbox.dispatcher import Dispatcher
from tgstudio_dagster.outbox.service import build_dispatcher


@dg.op
def broken() -> None:
    raise RuntimeError("the disk is full")


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    broken()


@dg.op
def stopped() -> None:
    raise StoppedError("Order acme-1 was cancelled.")


@dg.job(executor_def=dg.in_process_executor)
def stopping() -> None:
    stopped()


def fail(
    catalog: Catalog, instance: dg.DagsterInstance, job: dg.JobDefinition, tags: dict[str, str], *, ticks: int = 1
) -> dg.RunFailureSensorContext:
    """A run of the job, and what the sensor makes of its end, however often it is told of it."""
    result = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failed",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        resources={"catalog": catalog},
    ).for_run_failure()
    for _ in range(ticks):
        run_failed(context)
    return context


def recorded(catalog: Catalog) -> list[OutboxEvent]:
    with catalog.reading() as session:
        return list(session.scalars(select(OutboxEvent).order_by(OutboxEvent.n)))


def test_failures_of_a_tenant_are_told_the_first_second_and_fourth_time(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")
    with dg.DagsterInstance.ephemeral() as instance:
        fail(catalog, instance, failing, {})
        for _ in range(4):
            fail(catalog, instance, failing, {TENANT_TAG: "acme"}, ticks=2)
        fail(catalog, instance, failing, {TENANT_TAG: "gone"})
    events = recorded(catalog)
    assert [event.data["number"] for event in events if event.tenant == "acme"] == [1, 2, 4]
    assert [event.tenant for event in events if event.tenant != "acme"] == [None, None]
    assert {(event.kind, event.data["job"]) for event in events} == {("run.failed", "failing")}


def test_work_that_its_user_stopped_is_no_failure_to_tell_of(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")
    with dg.DagsterInstance.ephemeral() as instance:
        contexts = [fail(catalog, instance, job, {FOR_TAG: "acme"}) for job in (stopping, failing)]
        reasons = [str(failure_reason(context)).split(": ")[-1] for context in contexts]
    assert reasons == ["Order acme-1 was cancelled.", "the disk is full"]
    assert [(event.data["job"], event.tenant) for event in recorded(catalog)] == [("failing", "acme")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def test_the_alert_address_is_posted_each_failure_of_any_tenant(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog, "acme")
    url = SecretStr(f"{receiver.url}/hook?token=secret")
    with running(build_dispatcher(catalog, Settings(alert_url=url))), dg.DagsterInstance.ephemeral() as instance:
        fail(catalog, instance, failing, {TENANT_TAG: "acme"})
        receiver.wait_for(1)
        fail(catalog, instance, failing, {})
        receiver.wait_for(2)
    first, second = receiver.posts
    assert first.path == "/hook?token=secret"
    assert {name: first.json[name] for name in ("job", "tenant", "number")} == {
        "job": "failing",
        "tenant": "acme",
        "number": 1,
    }
    assert "the disk is full" in first.json["error"] and first.json["run_id"] and first.json["at"]
    assert second.json["tenant"] is None


def test_an_alert_that_is_not_taken_is_tried_again_and_its_address_is_not_told(
    catalog: Catalog, receiver: Receiver
) -> None:
    receiver.answers = [500, 200]
    subscriber = AlertSubscriber(SecretStr(f"{receiver.url}/hook?token=secret"))
    subscriber.delays = (timedelta(seconds=0.1),)
    dispatcher = Dispatcher(
        catalog, {"alerts": subscriber}, of_machine={"alerts": ["run.failed"]}, keep=timedelta(days=1), poll=0.05
    )
    with running(dispatcher), dg.DagsterInstance.ephemeral() as instance:
        fail(catalog, instance, failing, {})
        receiver.wait_for(2)
    with catalog.reading() as session:
        told = session.scalars(select(OutboxDelivery)).all()
    assert [(row.subscriber, row.attempts) for row in told] == [("alerts", 2)]
    assert "token" not in str([row.error for row in told])
