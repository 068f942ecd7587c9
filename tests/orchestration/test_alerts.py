"""The alert of a failed run reaches the address that is set, ever less often in a series."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from tgstudio_dagster.core.errors import StoppedError
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.orchestration.failures import failure_reason
from tgstudio_dagster.orchestration.partitions import FOR_TAG, TENANT_TAG
from tgstudio_dagster.orchestration.sensors.alerts import run_failed


class Inbox(HTTPServer):
    """An address of loopback that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Post)
        self.got: list[dict[str, object]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Inbox)
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    server = Inbox()
    monkeypatch.setenv("TGSTUDIO_ALERT_URL", f"http://127.0.0.1:{server.server_port}/hook?token=secret")
    settings.cache_clear()
    yield server
    server.shutdown()
    server.server_close()
    settings.cache_clear()


@dg.op
def broken() -> None:
    raise RuntimeError("the disk is full")


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    broken()


def test_failures_of_a_tenant_are_told_the_first_second_and_fourth_time(inbox: Inbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(4):
            result = failing.execute_in_process(instance=instance, raise_on_error=False, tags={TENANT_TAG: "acme"})
            context = dg.build_run_status_sensor_context(
                sensor_name="run_failed",
                dagster_event=result.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=result.dagster_run,
            ).for_run_failure()
            run_failed(context)
    assert [one["number"] for one in inbox.got] == [1, 2, 4]
    assert {(one["job"], one["tenant"]) for one in inbox.got} == {("failing", "acme")}


@dg.op
def stopped() -> None:
    raise StoppedError("Order acme-1 was cancelled.")


@dg.job(executor_def=dg.in_process_executor)
def stopping() -> None:
    stopped()


def test_work_that_its_user_stopped_is_no_failure_to_tell_of(inbox: Inbox) -> None:
    reasons = []
    with dg.DagsterInstance.ephemeral() as instance:
        for job in (stopping, failing):
            result = job.execute_in_process(instance=instance, raise_on_error=False, tags={FOR_TAG: "acme"})
            context = dg.build_run_status_sensor_context(
                sensor_name="run_failed",
                dagster_event=result.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=result.dagster_run,
            ).for_run_failure()
            reasons.append(failure_reason(context))
            run_failed(context)
    assert [(one["job"], one["tenant"]) for one in inbox.got] == [("failing", "acme")]
    assert [str(reason).split(": ")[-1] for reason in reasons] == ["Order acme-1 was cancelled.", "the disk is full"]
