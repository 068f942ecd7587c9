"""The sensor of uploads: what waits in the catalog becomes runs, and what a dead run has left is tried again.

How an upload ended is said by its run itself, so there is no sensor for that.
"""

from __future__ import annotations

from typing import Literal

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import is_held
from tgstudio_dagster.catalog.work.uploads import Upload, retry_upload, unfinished_uploads, upload_lease
from tgstudio_dagster.orchestration.decide import uploads as upload_rule
from tgstudio_dagster.orchestration.import_job import import_upload
from tgstudio_dagster.orchestration.tags import ATTEMPT_TAG, UPLOAD_TAG, upload_tags

SOON = 5
"""Seconds from tick to tick: somebody waits before a screen."""
_DIED = "The run that imported it has ended without a word (killed, or the machine went down); see Dagster's log of it."


@dg.sensor(
    job=import_upload,
    minimum_interval_seconds=SOON,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for each upload that waits in the catalog, one a tenant at a time; one whose run has died "
    "waits again, three times at most.",
)
def uploads_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]
) -> dg.SensorResult | dg.SkipReason:
    """Looks at the catalog, and only for uploads that are unfinished at leases and runs."""
    uploads = unfinished_uploads(catalog)
    if not uploads:
        return dg.SkipReason("no upload waits")
    candidates = [_candidate(context.instance, catalog, upload) for upload in uploads]
    busy = {tenant for tenant in {upload.tenant for upload in uploads} if is_held(catalog, f"import:{tenant}")}
    decision = upload_rule.decide(candidates, busy)
    for candidate in decision.over:
        _retry(context, catalog, candidate)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=start.run_key, tags=upload_tags(start.tenant, start.upload, start.attempts))
            for start in decision.starts
        ]
    )


def _candidate(instance: dg.DagsterInstance, catalog: Catalog, upload: Upload) -> upload_rule.Candidate:
    """The upload, and what became of its run: one at work holds a lease, one that has not begun is known to Dagster."""
    if upload.status == "running":
        alive = is_held(catalog, upload_lease(upload.id))
        return upload_rule.Candidate(upload.id, upload.tenant, upload.attempts, "alive" if alive else "over")
    run = _run(instance, upload.id, upload.attempts)
    state: Literal["none", "alive", "over"] = "none" if run is None else "over" if run.is_finished else "alive"
    return upload_rule.Candidate(upload.id, upload.tenant, upload.attempts, state)


def _retry(context: dg.SensorEvaluationContext, catalog: Catalog, candidate: upload_rule.Candidate) -> None:
    upload = retry_upload(catalog, candidate.upload, candidate.attempts, _DIED)
    context.log.warning(
        "upload %s: its run is over, it is %s after %d attempts", upload.id, upload.status, upload.attempts
    )
    run = context.instance.get_run_by_id(upload.run_id) if upload.run_id else None
    if run is not None and not run.is_finished:
        # A killed process leaves a run that never ends, and keeps one of Dagster's slots.
        context.instance.report_run_failed(run, _DIED)


def _run(instance: dg.DagsterInstance, upload_id: str, attempts: int) -> dg.DagsterRun | None:
    tags = {UPLOAD_TAG: upload_id, ATTEMPT_TAG: str(attempts)}
    return next(iter(instance.get_runs(dg.RunsFilter(tags=tags), limit=1)), None)
