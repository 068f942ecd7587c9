"""Sensors of orders: what waits in the catalog becomes runs, what is stopped ends. How runs ended: `endings.py`.

That an order is at work is said by its run's own first step (`begin_order` in assets/), so that nothing is said of a run
that never began.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.switches import NEWSROOM, tenants_with
from tgstudio_dagster.catalog.work.orders import Order, abandoned_orders, orders_to_stop, pending_orders, settle_order
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.newsroom.pipeline import made_of, missing
from tgstudio_dagster.orchestration.decide import orders as order_rule
from tgstudio_dagster.orchestration.jobs import blocking_checks, fulfil_order
from tgstudio_dagster.orchestration.partitions import ORDER_TAG, orders
from tgstudio_dagster.orchestration.tags import ASKED_TAG, order_tags

SOON = 5
"""Seconds from tick to tick: somebody waits before a screen."""
CANCELLED_LATELY = timedelta(hours=1)
"""How long a cancelled order is watched for a run that was asked for before, and begins after."""
ABANDONED = "The process that worked on it ({holder}: host:process:id) has ended before it was done; ask for it again."
STOPPABLE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.sensor(
    job=fulfil_order,
    minimum_interval_seconds=SOON,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for each order that waits in the catalog, of what its goal still lacks; one whose process is "
    "gone has failed. Cursor: the newest change among them.",
)
def orders_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> dg.SensorResult:
    """An order's id is its partition; its run key names the wish, so that an order queued again runs again."""
    for order in abandoned_orders(catalog):
        run = context.instance.get_run_by_id(order.run_id) if order.run_id else None
        if run is not None and run.is_finished:
            continue  # its process has ended with it: endings.py says how
        settle_order(catalog, order.id, order.run_id, "failed", error=ABANDONED.format(holder=order.holder))
    waiting = [
        order_rule.Waiting(
            order.id, order.tenant, order.updated_at, missing(order.goal, made_of(lake.tenant(order.tenant), order.id))
        )
        for order in _of_newsrooms(catalog, pending_orders(catalog))
    ]
    for wish in waiting:
        if not wish.missing:
            settle_order(catalog, wish.order, None, "done", asked_at=wish.changed_at.isoformat())
    starts = order_rule.decide(waiting, set(context.instance.get_dynamic_partitions(str(orders.name))))
    new = [start.order for start in starts if start.new_partition]
    watermark = max((wish.changed_at.isoformat() for wish in waiting), default=context.cursor)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=start.run_key,
                partition_key=start.order,
                asset_selection=[dg.AssetKey(name) for name in start.assets],
                asset_check_keys=blocking_checks(start.assets),
                tags=order_tags(start.tenant, start.order) | {ASKED_TAG: start.asked_at},
            )
            for start in starts
        ],
        dynamic_partitions_requests=[orders.build_add_request(new)] if new else [],
        cursor=watermark,
    )


@dg.sensor(
    minimum_interval_seconds=SOON,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs of orders whose users have stopped them, where the studio could not. Cursor: the newest stop.",
    job=fulfil_order,
)
def stops_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]
) -> dg.SensorResult | dg.SkipReason:
    """Starts nothing. A run that a person's stop came too late for has ended by then."""
    stopping = orders_to_stop(catalog, datetime.now(UTC) - CANCELLED_LATELY)
    if not stopping:
        return dg.SkipReason("no order is to be stopped")
    for order in stopping:
        runs = context.instance.get_runs(dg.RunsFilter(tags={ORDER_TAG: order.id}, statuses=STOPPABLE))
        for run in runs:
            context.instance.run_coordinator.cancel_run(run.run_id)
        if not runs and order.status == "running" and order.run_id is not None:
            _settle_ended(context.instance, catalog, order, order.run_id)
    return dg.SensorResult(cursor=max(str(order.cancel_at) for order in stopping))


def _of_newsrooms(catalog: Catalog, orders: list[Order]) -> list[Order]:
    """Those of tenants that have a newsroom; the others wait until it is switched on again."""
    having = tenants_with(catalog, NEWSROOM) if orders else frozenset()
    return [order for order in orders if order.tenant in having]


def _settle_ended(instance: dg.DagsterInstance, catalog: Catalog, order: Order, run_id: str) -> None:
    """A run of a process that vanished leaves no event: its order is not left running for ever."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        succeeded = run is not None and run.status == dg.DagsterRunStatus.SUCCESS
        settle_order(catalog, order.id, run_id, "done" if succeeded else "cancelled")


ORDER_PARTS = [orders_sensor, stops_sensor]
"""Asked in the tick that they share with others: somebody waits before a screen."""
