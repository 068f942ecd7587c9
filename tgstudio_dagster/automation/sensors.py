"""Sensors: what is decided in the catalog, or has landed in the lake, becomes partitions and runs.

Thin by rule: read, call a pure decide(), say what to run. The decisions live in `refresh.py` and `orders.py`.
"""

from __future__ import annotations

from collections import Counter

import dagster as dg

from tgstudio_dagster.automation import refresh as refresh_rule
from tgstudio_dagster.automation.jobs import fulfil_order, refresh
from tgstudio_dagster.automation.tags import VERSION_TAG, range_tags
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.orders import Status, mark_order, pending_orders
from tgstudio_dagster.catalog.tenants import list_tenants
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import MESSAGES
from tgstudio_dagster.partitions import ORDER_TAG, TENANT_TAG, orders, tenants

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds new tenants as partitions, and starts a refresh for each tenant that has landings waiting.",
)
def refresh_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> dg.SensorResult:
    """One run per tenant and tick at most; a tenant that is busy waits."""
    slugs = [tenant.slug for tenant in list_tenants(catalog)]
    known = set(context.instance.get_dynamic_partitions(str(tenants.name)))
    new = [slug for slug in slugs if slug not in known]
    runs = context.instance.get_runs(dg.RunsFilter(job_name=refresh.name, statuses=UNFINISHED))
    failed = context.instance.get_runs(
        dg.RunsFilter(job_name=refresh.name, statuses=[dg.DagsterRunStatus.FAILURE]), limit=500
    )
    decisions = refresh_rule.decide(
        [_pending(lake, slug) for slug in slugs],
        busy={run.tags[TENANT_TAG] for run in runs if TENANT_TAG in run.tags},
        failed_attempts=Counter(run.tags[VERSION_TAG] for run in failed if VERSION_TAG in run.tags),
    )
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=one.run_key,
                tags=range_tags(one.tenant, one.days.first, one.days.last) | {VERSION_TAG: one.version},
            )
            for one in decisions
        ],
        dynamic_partitions_requests=[tenants.build_add_request(new)] if new else [],
    )


def _pending(lake: Lake, tenant: str) -> refresh_rule.Pending:
    store = lake.tenant(tenant)
    landings = {day: tuple(landing.name for landing in store.landings(day)) for day in store.landing_days()}
    return refresh_rule.Pending(tenant, landings, tuple(store.days(MESSAGES)) if landings else ())


@dg.sensor(
    job=fulfil_order,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for each order that waits in the catalog.",
)
def orders_sensor(context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]) -> dg.SensorResult:
    """An order's id is its partition and its run key: it is fulfilled once, however often the tick sees it."""
    waiting = pending_orders(catalog)
    known = set(context.instance.get_dynamic_partitions(str(orders.name)))
    new = [order.id for order in waiting if order.id not in known]
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=order.id, partition_key=order.id, tags={TENANT_TAG: order.tenant, ORDER_TAG: order.id}
            )
            for order in waiting
        ],
        dynamic_partitions_requests=[orders.build_add_request(new)] if new else [],
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[fulfil_order],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks an order done when its run has succeeded.",
)
def order_done(context: dg.RunStatusSensorContext, catalog: dg.ResourceParam[Catalog]) -> None:
    """Says in the catalog that the order's packages are there."""
    _mark(context, catalog, "done", None)


@dg.run_failure_sensor(
    monitored_jobs=[fulfil_order],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks an order failed, with the reason, when its run has failed.",
)
def order_failed(context: dg.RunFailureSensorContext, catalog: dg.ResourceParam[Catalog]) -> None:
    """Says in the catalog why the order was not fulfilled."""
    _mark(context, catalog, "failed", context.failure_event.message)


def _mark(context: dg.RunStatusSensorContext, catalog: Catalog, status: Status, error: str | None) -> None:
    order = context.dagster_run.tags.get(ORDER_TAG)
    if order is not None:
        mark_order(catalog, order, status, run_id=context.dagster_run.run_id, error=error)


SENSORS = [refresh_sensor, orders_sensor, order_done, order_failed]
