"""The sensors on an ephemeral instance: rows, landings and due tenants become partitions and runs, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.builders import landing, put_order
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.principals import operator
from tgstudio_dagster.catalog.people.tenants import add_tenant, delete_tenant
from tgstudio_dagster.catalog.work.orders import create_order
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.fetched import SCHEMA
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.partitions import tenants
from tgstudio_dagster.orchestration.sensors.orders import orders_sensor
from tgstudio_dagster.orchestration.sensors.tenants import (
    landings_sensor,
    tenants_sensor,
)
from tgstudio_dagster.orchestration.tags import DAYS_TAG, RANGE_END, RANGE_START

DAY = date(2026, 3, 14)
NOW = datetime(2026, 3, 15, tzinfo=UTC)


class Ticks:
    """Evaluates sensors against one lake, catalog and instance; what they ask of partitions is done."""

    def __init__(self, lake: Lake, catalog: Catalog, instance: dg.DagsterInstance) -> None:
        self.lake, self.catalog, self.instance = lake, catalog, instance
        self.cursors: dict[str, str | None] = {}

    def tick(self, sensor: dg.SensorDefinition) -> dg.SensorResult | dg.SkipReason:
        needed = {"lake": self.lake, "catalog": self.catalog}
        resources = {name: needed[name] for name in sensor.required_resource_keys}
        with dg.build_sensor_context(
            self.instance,
            cursor=self.cursors.get(sensor.name),
            definitions=build_definitions(),
            resources=resources,
        ) as context:
            found = sensor(context)
        if isinstance(found, list):
            found = dg.SensorResult(run_requests=found)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        if isinstance(found, dg.SensorResult):
            self.cursors[sensor.name] = found.cursor
            for change in found.dynamic_partitions_requests or []:
                name = str(change.partitions_def_name)
                if isinstance(change, dg.AddDynamicPartitionsRequest):
                    self.instance.add_dynamic_partitions(name, list(change.partition_keys))
                else:
                    for key in change.partition_keys:
                        self.instance.delete_dynamic_partition(name, key)
        return found

    def runs(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
        found = self.tick(sensor)
        return list(found.run_requests or []) if isinstance(found, dg.SensorResult) else []

    def running(self, tenant: str) -> None:
        """A refresh of the tenant is in progress."""
        self.instance.create_run_for_job(
            build_definitions().resolve_job_def("refresh"), tags={"tenant": tenant}, status=dg.DagsterRunStatus.STARTED
        )

    def order(self, principal: Principal) -> str:
        return create_order(
            self.catalog, principal, topic_id="t-1", day=DAY, platforms=["tg"], language="ru", tone="neutral", now=NOW
        ).id


@pytest.fixture
def ticks(tmp_path: Path, catalog: Catalog) -> Iterator[Ticks]:
    add_tenant(catalog, "acme", "Acme")
    with dg.DagsterInstance.ephemeral() as instance:
        found = Ticks(Lake(str(tmp_path / "lake")), catalog, instance)
        found.tick(tenants_sensor)
        yield found


def test_tenants_become_partitions_and_closed_ones_leave(ticks: Ticks) -> None:
    assert ticks.instance.get_dynamic_partitions(str(tenants.name)) == ["acme"]
    add_tenant(ticks.catalog, "bravo", "Bravo")
    delete_tenant(ticks.catalog, "acme")
    ticks.tick(tenants_sensor)
    assert ticks.instance.get_dynamic_partitions(str(tenants.name)) == ["bravo"]
    assert isinstance(ticks.tick(tenants_sensor), dg.SkipReason)


def test_a_closed_tenant_s_partition_stays_while_its_run_lasts(ticks: Ticks) -> None:
    ticks.running("acme")
    delete_tenant(ticks.catalog, "acme")
    ticks.tick(tenants_sensor)
    assert ticks.instance.get_dynamic_partitions(str(tenants.name)) == ["acme"]


def test_an_idle_tenant_gets_no_run(ticks: Ticks) -> None:
    assert ticks.runs(landings_sensor) == []


def test_a_landing_becomes_one_run_of_its_tenant_s_range(ticks: Ticks) -> None:
    moment = datetime(2026, 3, 14, 9, tzinfo=UTC)
    ticks.lake.tenant("acme").land(landing({"date": moment, "observed_at": moment}))
    (request,) = ticks.runs(landings_sensor)
    assert request.tags["tenant"] == "acme"
    assert request.tags[RANGE_START] == request.tags[RANGE_END] == "2026-03|acme"
    assert request.tags[DAYS_TAG] == "2026-03-14"


def test_a_tenant_that_has_a_run_waits_with_what_landed(ticks: Ticks) -> None:
    moment = datetime(2026, 3, 14, 9, tzinfo=UTC)
    ticks.lake.tenant("acme").land(landing({"date": moment, "observed_at": moment}))
    ticks.running("acme")
    assert ticks.runs(landings_sensor) == []


def test_news_of_files_become_a_run_of_media_alone(ticks: Ticks) -> None:
    fetched = ticks.lake.tenant("acme").fetched
    fetched.land(DAY, pl.DataFrame(schema=SCHEMA).clear(1))
    (request,) = ticks.runs(landings_sensor)
    assert (request.job_name, request.tags[DAYS_TAG]) == ("fetch_media", str(DAY))
    fetched.drop(DAY, fetched.names(DAY))
    assert isinstance(ticks.tick(landings_sensor), dg.SkipReason)


def test_an_order_becomes_one_partition_and_one_run(ticks: Ticks) -> None:
    order = ticks.order(operator(ticks.catalog, "acme"))
    (request,) = ticks.runs(orders_sensor)
    assert request.partition_key == order
    assert ticks.instance.get_dynamic_partitions("orders") == [order]
    assert [again.run_key for again in ticks.runs(orders_sensor)] == [request.run_key]


def test_an_order_that_is_queued_again_runs_again(ticks: Ticks) -> None:
    order = ticks.order(operator(ticks.catalog, "acme"))
    (first,) = ticks.runs(orders_sensor)
    put_order(ticks.catalog, order, "failed", error="disk full")
    put_order(ticks.catalog, order, "queued")
    (second,) = ticks.runs(orders_sensor)
    assert second.run_key != first.run_key


def test_a_done_order_and_a_closed_tenant_s_order_start_nothing(ticks: Ticks) -> None:
    add_tenant(ticks.catalog, "bravo", "Bravo")
    put_order(ticks.catalog, ticks.order(operator(ticks.catalog, "acme")), "done")
    ticks.order(operator(ticks.catalog, "bravo"))
    delete_tenant(ticks.catalog, "bravo")
    assert ticks.runs(orders_sensor) == []
