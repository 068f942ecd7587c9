"""What Dagster says of runs, asked over GraphQL of its web server: steps, times, ends; and stopping one.

Front ends ask here and never import Dagster. What a run is for (which order, which bundle) stands in its tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx2

from tgstudio_dagster.core.errors import RunsError
from tgstudio_dagster.core.settings.machine import DAGSTER_PATH

StepState = Literal["waiting", "running", "done", "failed", "skipped"]
RunState = Literal["queued", "running", "done", "failed", "cancelled"]

TIMEOUT = 3.0
"""Seconds: a page that asks every second must not hang on a web server that is busy."""
_STEPS: dict[str, StepState] = {
    "IN_PROGRESS": "running",
    "SUCCESS": "done",
    "FAILURE": "failed",
    "SKIPPED": "skipped",
}
_RUNS: dict[str, RunState] = {
    "QUEUED": "queued",
    "NOT_STARTED": "queued",
    "MANAGED": "queued",
    "STARTING": "running",
    "STARTED": "running",
    "CANCELING": "running",
    "SUCCESS": "done",
    "FAILURE": "failed",
    "CANCELED": "cancelled",
}
_LIST = """
query TGStudioRuns($filter: RunsFilter!, $limit: Int!) {
  runsOrError(filter: $filter, limit: $limit) {
    __typename
    ... on Runs {
      results {
        runId jobName status creationTime startTime endTime
        tags { key value }
        stepStats { stepKey status startTime endTime }
      }
    }
    ... on Error { message }
  }
}
"""
_TERMINATE = """
mutation TGStudioTerminate($runId: String!) {
  terminateRun(runId: $runId) { __typename ... on Error { message } }
}
"""


@dataclass(frozen=True)
class Step:
    """One step of a run, by the table it makes; times are UTC, None where it has not come to that."""

    name: str
    status: StepState
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class Run:
    """One run. `steps` are those that have begun, in the order of their beginning; `url` is Dagster's own page of it."""

    id: str
    job: str
    status: RunState
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    tags: Mapping[str, str]
    steps: tuple[Step, ...]
    url: str


class RunsClient:
    """Dagster's web server at its socket; `pages` is where people see it. Every method raises RunsError where it does not
    answer, or answers with a fault."""

    def __init__(self, socket: Path, pages: str = DAGSTER_PATH, *, timeout: float = TIMEOUT) -> None:
        self.pages = pages
        self._client = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(socket)), base_url=f"http://dagster{DAGSTER_PATH}", timeout=timeout
        )

    def runs(self, *, tags: Mapping[str, str] | None = None, jobs: tuple[str, ...] = (), limit: int = 20) -> list[Run]:
        """Runs that carry all these tags, of one of these jobs (default: of any), newest first."""
        wanted = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        if not jobs:
            return self._list({"tags": wanted}, limit)
        found = [run for job in jobs for run in self._list({"tags": wanted, "pipelineName": job}, limit)]
        return sorted(found, key=lambda run: run.created or datetime.min.replace(tzinfo=UTC), reverse=True)[:limit]

    def latest(self, tags: Mapping[str, str]) -> Run | None:
        """The newest run that carries all these tags."""
        return next(iter(self.runs(tags=tags, limit=1)), None)

    def terminate(self, run_id: str) -> None:
        """Ask the run to stop; one that has ended already, or is not known, is no error."""
        answer = self._ask(_TERMINATE, {"runId": run_id})["terminateRun"]
        if answer["__typename"] in {"PythonError", "UnauthorizedError"}:
            raise RunsError(f"Dagster could not stop run {run_id}: {answer.get('message')}")

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def _list(self, wanted: dict[str, Any], limit: int) -> list[Run]:
        answer = self._ask(_LIST, {"filter": wanted, "limit": limit})["runsOrError"]
        if answer["__typename"] != "Runs":
            raise RunsError(f"Dagster could not list runs: {answer.get('message')}")
        return [self._run(row) for row in answer["results"]]

    def _run(self, row: dict[str, Any]) -> Run:
        steps = [
            Step(
                one["stepKey"],
                _STEPS.get(one["status"], "waiting"),
                _time(one["startTime"]),
                _time(one["endTime"]),
            )
            for one in row["stepStats"]
        ]
        return Run(
            id=row["runId"],
            job=row["jobName"],
            status=_RUNS.get(row["status"], "running"),
            created=_time(row["creationTime"]),
            started=_time(row["startTime"]),
            ended=_time(row["endTime"]),
            tags={tag["key"]: tag["value"] for tag in row["tags"]},
            steps=tuple(sorted(steps, key=lambda step: (step.started is None, step.started, step.name))),
            url=f"{self.pages}/runs/{row['runId']}",
        )

    def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.post("/graphql", json={"query": query, "variables": variables})
            answer.raise_for_status()
            body = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise RunsError(
                f"Dagster's web server does not answer ({type(error).__name__}); `tgstudio up` starts it."
            ).coded("dagster.silent") from error
        if body.get("errors") or not isinstance(body.get("data"), dict):
            reason = "; ".join(str(one.get("message")) for one in body.get("errors") or ()) or "no data"
            raise RunsError(f"Dagster refused a question: {reason}")
        data: dict[str, Any] = body["data"]
        return data


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
