"""How the runs of orders and bundles ended becomes the status of their rows.

Looked up for the rows that are unsettled, in the tick that all share: a sensor of Dagster's own for each way to end would
tick as often and cost as much while nobody has ordered anything.
"""

from __future__ import annotations

from typing import Literal

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.bundles import mark_bundle, unfinished_bundles
from tgstudio_dagster.catalog.work.orders import settle_order, unsettled_orders
from tgstudio_dagster.orchestration.failures import run_failure_reason
from tgstudio_dagster.orchestration.jobs import fulfil_order
from tgstudio_dagster.orchestration.partitions import ORDER_TAG
from tgstudio_dagster.orchestration.tags import ASKED_TAG, BUNDLE_TAG

STATUSES: dict[dg.DagsterRunStatus, Literal["done", "failed", "cancelled"]] = {
    dg.DagsterRunStatus.SUCCESS: "done",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "cancelled",
}


@dg.sensor(
    job=fulfil_order,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Says of orders and bundles how their runs ended.",
)
def endings_sensor(context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]) -> dg.SkipReason:
    """Starts nothing. A row whose run has said so itself is settled already, and is not looked at."""
    for order in unsettled_orders(catalog):
        run = _ended(context.instance, {ORDER_TAG: order.id})
        if run is not None:
            reason = _reason(context.instance, run)
            asked_at = run.tags.get(ASKED_TAG)
            settle_order(catalog, order.id, run.run_id, STATUSES[run.status], asked_at=asked_at, error=reason)
    for bundle in unfinished_bundles(catalog):
        run = _ended(context.instance, {BUNDLE_TAG: bundle.id})
        if run is not None and run.status is not dg.DagsterRunStatus.SUCCESS:
            mark_bundle(catalog, bundle.id, "failed", run_id=run.run_id, error=_reason(context.instance, run))
    return dg.SkipReason("starts nothing")


def _ended(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.DagsterRun | None:
    """The newest run with these tags, if it has ended."""
    runs = instance.get_runs(dg.RunsFilter(tags=tags), limit=1)
    return runs[0] if runs and runs[0].status in STATUSES else None


def _reason(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    return run_failure_reason(instance, run.run_id) if run.status is dg.DagsterRunStatus.FAILURE else None
