"""The alert of a failed run: a line in the log, and a POST of JSON to TGSTUDIO_ALERT_URL where one is set."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime

import dagster as dg

from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.orchestration.decide import alerts
from tgstudio_dagster.orchestration.failures import was_stopped
from tgstudio_dagster.orchestration.partitions import FOR_TAG, TENANT_TAG

TIMEOUT = 10.0
LOOK_BACK = 200
"""Failed runs of a job that are looked through for a series."""


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of failed runs: the 1st, 2nd, 4th, 8th … of a series, to the log and to TGSTUDIO_ALERT_URL.",
)
def run_failed(context: dg.RunFailureSensorContext) -> None:
    """Every job of the platform is watched. A webhook that can't be reached fails this tick, which is then repeated."""
    if was_stopped(context):
        return
    run = context.dagster_run
    tags = {tag: run.tags[tag] for tag in (TENANT_TAG, FOR_TAG) if tag in run.tags}
    tenant = next(iter(tags.values()), None)
    records = context.instance.get_run_records(
        dg.RunsFilter(job_name=run.job_name, statuses=[dg.DagsterRunStatus.FAILURE], tags=tags), limit=LOOK_BACK
    )
    times = {record.dagster_run.run_id: record.update_timestamp for record in records}
    at = times.pop(run.run_id, datetime.now(UTC))
    failure = alerts.Failure(run.run_id, run.job_name, tenant, context.failure_event.message or "unknown", at)
    message = alerts.decide(failure, times.values())
    if message is None:
        return
    context.log.error("run failed: %s", json.dumps(message, ensure_ascii=False))
    url = settings().alert_url
    if url is not None:
        body = json.dumps(message, ensure_ascii=False).encode()
        request = urllib.request.Request(  # noqa: S310 - the operator's own address
            url.get_secret_value(), data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            pass
