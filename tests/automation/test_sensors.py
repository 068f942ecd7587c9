"""The sensors on an ephemeral instance: rows and landings become partitions and runs, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from tests.builders import landing
from tgstudio_dagster.automation.sensors import orders_sensor, refresh_sensor
from tgstudio_dagster.automation.tags import RANGE_END, RANGE_START
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.orders import create_order, mark_order
from tgstudio_dagster.catalog.principals import Principal, operator
from tgstudio_dagster.catalog.tenants import add_tenant, delete_tenant
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake

DAY = date(2026, 3, 14)
NOW = datetime(2026, 3, 15, tzinfo=UTC)


class Ticks:
    """Evaluates sensors against one lake, catalog and instance."""

    def __init__(self, lake: Lake, catalog: Catalog, instance: dg.DagsterInstance) -> None:
        self.lake, self.catalog, self.instance = lake, catalog, instance

    def tick(self, sensor: dg.SensorDefinition) -> dg.SensorResult:
        needed = {"lake": self.lake, "catalog": self.catalog}
        resources = {name: needed[name] for name in sensor.required_resource_keys}
        with dg.build_sensor_context(self.instance, definitions=build_definitions(), resources=resources) as context:
            found = sensor(context)
        assert isinstance(found, dg.SensorResult)
        return found

    def order(self, principal: Principal) -> str:
        return create_order(
            self.catalog, principal, topic_id="t-1", day=DAY, platforms=["tg"], language="ru", tone="neutral", now=NOW
        ).id


@pytest.fixture
def ticks(tmp_path: Path, catalog: Catalog) -> Iterator[Ticks]:
    add_tenant(catalog, "acme", "Acme")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(Lake(str(tmp_path / "lake")), catalog, instance)


def test_a_new_tenant_becomes_a_partition_and_an_idle_one_gets_no_run(ticks: Ticks) -> None:
    found = ticks.tick(refresh_sensor)
    assert found.run_requests == []
    assert [list(request.partition_keys) for request in found.dynamic_partitions_requests or []] == [["acme"]]


def test_a_landing_becomes_one_run_of_its_tenant_s_range(ticks: Ticks) -> None:
    moment = datetime(2026, 3, 14, 9, tzinfo=UTC)
    ticks.lake.tenant("acme").land(landing({"date": moment, "observed_at": moment}))
    (request,) = ticks.tick(refresh_sensor).run_requests or []
    assert request.tags["tenant"] == "acme"
    assert request.tags[RANGE_START] == request.tags[RANGE_END] == "2026-03-14|acme"


def test_an_order_becomes_one_partition_and_one_run(ticks: Ticks) -> None:
    order = ticks.order(operator(ticks.catalog, "acme"))
    found = ticks.tick(orders_sensor)
    assert [(request.run_key, request.partition_key) for request in found.run_requests or []] == [(order, order)]
    assert [list(request.partition_keys) for request in found.dynamic_partitions_requests or []] == [[order]]


def test_a_done_order_and_a_closed_tenant_s_order_start_nothing(ticks: Ticks) -> None:
    add_tenant(ticks.catalog, "bravo", "Bravo")
    mark_order(ticks.catalog, ticks.order(operator(ticks.catalog, "acme")), "done")
    ticks.order(operator(ticks.catalog, "bravo"))
    delete_tenant(ticks.catalog, "bravo")
    assert ticks.tick(orders_sensor).run_requests == []
