"""Sensors of orders: what waits in the catalog becomes runs, how they end becomes the order's status."""

from __future__ import annotations

import dagster as dg

from tgstudio_dagster.automation import orders as order_rule
from tgstudio_dagster.automation.jobs import fulfil_order
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.orders import Status, mark_order, pending_orders
from tgstudio_dagster.partitions import ORDER_TAG, TENANT_TAG, orders


@dg.sensor(
    job=fulfil_order,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for each order that waits in the catalog. Cursor: the newest change among them.",
)
def orders_sensor(context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]) -> dg.SensorResult:
    """An order's id is its partition; its run key names the wish, so that an order queued again runs again."""
    waiting = [order_rule.Waiting(order.id, order.tenant, order.updated_at) for order in pending_orders(catalog)]
    starts = order_rule.decide(waiting, set(context.instance.get_dynamic_partitions(str(orders.name))))
    new = [start.order for start in starts if start.new_partition]
    watermark = max((one.changed_at.isoformat() for one in waiting), default=context.cursor)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=start.run_key,
                partition_key=start.order,
                tags={TENANT_TAG: start.tenant, ORDER_TAG: start.order},
            )
            for start in starts
        ],
        dynamic_partitions_requests=[orders.build_add_request(new)] if new else [],
        cursor=watermark,
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


ORDER_SENSORS = [orders_sensor, order_done, order_failed]
