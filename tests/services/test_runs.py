"""What Dagster's own web server says of runs, and how it is said that it does not answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import dagster as dg
import pytest

from tests.servers.dagster import DagsterServer
from tgstudio_dagster.core.errors import RunsError
from tgstudio_dagster.services.runs import RunsClient


@dg.op
def first_step() -> int:
    return 1


@dg.op
def second_step(value: int) -> None:
    if value:
        raise ValueError("it failed")


@dg.job
def two_steps() -> None:
    second_step(first_step())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as found:
        yield found


@pytest.fixture
def client(instance: dg.DagsterInstance) -> Iterator[RunsClient]:
    with DagsterServer(instance) as server:
        opened = RunsClient(server.path, "https://studio.example/dagster", timeout=30)
        yield opened
        opened.close()


def test_a_run_is_told_with_its_steps_times_and_page(client: RunsClient, instance: dg.DagsterInstance) -> None:
    result = two_steps.execute_in_process(instance=instance, tags={"order": "acme-1"}, raise_on_error=False)
    run = client.latest({"order": "acme-1"})
    assert run is not None
    assert (run.id, run.job, run.status, run.tags["order"]) == (result.run_id, "two_steps", "failed", "acme-1")
    assert [(step.name, step.status) for step in run.steps] == [("first_step", "done"), ("second_step", "failed")]
    times = [run.created, run.steps[0].started, run.steps[0].ended, run.steps[1].ended, run.ended]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    assert run.url == f"https://studio.example/dagster/runs/{run.id}"


def test_runs_are_chosen_by_all_their_tags_and_jobs_newest_first(
    client: RunsClient, instance: dg.DagsterInstance
) -> None:
    ids = [
        two_steps.execute_in_process(instance=instance, tags={"a": "1", "b": str(n)}, raise_on_error=False).run_id
        for n in range(3)
    ]
    assert [run.id for run in client.runs(tags={"a": "1"})] == ids[::-1]
    assert [run.id for run in client.runs(tags={"a": "1", "b": "1"})] == [ids[1]]
    assert [run.id for run in client.runs(jobs=("two_steps", "nosuch"), limit=2)] == ids[:0:-1]
    assert client.latest({"a": "2"}) is None


def test_stopping_a_run_that_has_ended_or_never_was_is_no_error(
    client: RunsClient, instance: dg.DagsterInstance
) -> None:
    run_id = two_steps.execute_in_process(instance=instance, raise_on_error=False).run_id
    client.terminate(run_id)
    client.terminate("00000000-0000-0000-0000-000000000000")


def test_a_server_that_does_not_answer_is_told_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(RunsError, match=r"does not answer .*tgstudio up"):
        RunsClient(tmp_path / "nobody.sock").latest({"order": "acme-1"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "does not answer"),
        (json.dumps({"errors": [{"message": "no such field"}]}).encode(), "refused a question: no such field"),
        (json.dumps({"data": {"runsOrError": {"__typename": "PythonError", "message": "locked"}}}).encode(), "locked"),
    ],
)
def test_an_answer_that_is_none_is_an_error(tmp_path: Path, body: bytes, said: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    class Server(UnixStreamServer):
        def get_request(self) -> tuple[Any, Any]:
            return self.socket.accept()[0], ("socket", 0)

    server = Server(str(tmp_path / "server.sock"), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(RunsError, match=said):
            RunsClient(tmp_path / "server.sock").runs()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
