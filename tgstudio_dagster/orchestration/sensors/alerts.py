"""The alert of a failed run: a line in the log, and an event in the outbox, which subscribers are told of."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.events import RunFailed, event_id, record
from tgstudio_dagster.catalog.people.tenants import list_tenants
from tgstudio_dagster.orchestration.decide import alerts
from tgstudio_dagster.orchestration.failures import failure_reason, was_stopped
from tgstudio_dagster.orchestration.partitions import FOR_TAG, TENANT_TAG

LOOK_BACK = 200
"""Failed runs of a job that are looked through for a series."""


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of failed runs: the 1st, 2nd, 4th, 8th … of a series, to the log and to the outbox.",
)
def run_failed(context: dg.RunFailureSensorContext, catalog: dg.ResourceParam[Catalog]) -> None:
    """Every job of the platform is watched. A tick that is repeated records nothing twice."""
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
    failure = alerts.Failure(run.run_id, run.job_name, tenant, failure_reason(context) or "unknown", at)
    message = alerts.decide(failure, times.values())
    if message is None:
        return
    context.log.error("run failed: %s", json.dumps(asdict(failure) | asdict(message), default=str, ensure_ascii=False))
    known = {row.slug for row in list_tenants(catalog)}
    with catalog.session() as session:
        event = RunFailed(
            # What is no tenant (any more) is the machine's.
            tenant=tenant if tenant in known else None,
            job=failure.job,
            run_id=failure.run_id,
            error=message.error,
            failed_at=failure.at,
            number=message.number,
        )
        record(session, event, id=event_id("run", failure.run_id))
