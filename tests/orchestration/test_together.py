"""One tick for several sensors: each part is asked, one that fails costs the others nothing."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.orchestration.sensors.tenants import SENSORS
from tgstudio_dagster.orchestration.sensors.together import together


@dg.op
def nothing() -> None:
    """An op."""


@dg.job
def first() -> None:
    nothing()


@dg.job
def second() -> None:
    nothing()


def part(name: str, job: dg.JobDefinition, answer: Any) -> dg.SensorDefinition:
    @dg.sensor(name=name, job=job)
    def found(context: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return found


def tick(*parts: dg.SensorDefinition) -> Any:
    sensor = together("both", parts, seconds=5, description="Both.")
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
        return sensor(context)


def test_what_each_part_wants_is_started_as_its_own_job() -> None:
    one = part("one", first, dg.RunRequest(run_key="a"))
    two = part("two", second, dg.SensorResult(run_requests=[dg.RunRequest(run_key="b")]))
    found = tick(one, part("idle", first, dg.SkipReason("nothing")), two)
    assert [(request.run_key, request.job_name) for request in found.run_requests] == [("a", "first"), ("b", "second")]


def test_where_no_part_wants_anything_the_tick_is_skipped() -> None:
    assert isinstance(tick(part("idle", first, dg.SkipReason("nothing")), part("empty", second, [])), dg.SkipReason)


def test_a_part_that_fails_costs_the_others_nothing() -> None:
    broken = part("broken", first, RuntimeError("out of order"))
    found = tick(broken, part("two", second, dg.RunRequest(run_key="b")))
    assert [request.run_key for request in found.run_requests] == ["b"]
    with pytest.raises(RuntimeError, match="out of order"):
        tick(broken, part("idle", second, dg.SkipReason("nothing")))


def test_one_sensor_alone_ticks_more_often_than_every_minute_and_starts_runs() -> None:
    quick = [
        sensor.name
        for sensor in SENSORS
        if (sensor.minimum_interval_seconds or 30) < 60 and not isinstance(sensor, dg.RunStatusSensorDefinition)
    ]
    assert quick == ["work_sensor"]
    assert {sensor.name for sensor in SENSORS} == {sensor.name for sensor in build_definitions().sensors or []}
