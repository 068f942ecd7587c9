"""The sensor of stale packages: posts that a finished order cites and that were edited or deleted become an event."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.switches import NEWSROOM, tenants_with
from tgstudio_dagster.catalog.outbox.events import PackageStale, StaleSource, event_id, record
from tgstudio_dagster.catalog.work.orders import Order, orders_done
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.newsroom.stale_orders import stale_orders

LOOK_BACK = 30
"""Days that a finished order is watched; never longer than its events are kept, which say what was told already."""


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the outbox of packages whose cited posts were edited or deleted. Cursor: by tenant, the newest change "
    "of posts that was looked at.",
)
def stale_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> dg.SensorResult | dg.SkipReason:
    """Starts nothing. Reads a tenant's posts only where they have changed and it has packages that are watched."""
    since = datetime.now(UTC) - timedelta(days=min(LOOK_BACK, settings().outbox_days))
    orders: dict[str, list[Order]] = defaultdict(list)
    having = tenants_with(catalog, NEWSROOM)
    for order in orders_done(catalog, since):
        if order.goal == "packages" and order.tenant in having:
            orders[order.tenant].append(order)
    if not orders:
        return dg.SkipReason("no package is watched")
    seen: dict[str, float] = json.loads(context.cursor) if context.cursor else {}
    looked = {
        tenant: _look(catalog, lake.tenant(tenant), of_tenant, seen.get(tenant, 0.0))
        for tenant, of_tenant in sorted(orders.items())
    }
    return dg.SensorResult(cursor=json.dumps(looked))


def _look(catalog: Catalog, lake: TenantLake, orders: list[Order], seen: float) -> float:
    """Record what has become stale since; returns when the newest change was."""
    modified = lake.modified(MESSAGES)
    # A change of the very second that was looked at last may have come after the look.
    changed = {day for day, at in modified.items() if at >= seen}
    newest = max(modified.values(), default=seen)
    if newest == seen:
        return seen
    by_id = {order.id: order for order in orders}
    stale = stale_orders(lake, {order.id: order.day for order in orders}, changed)
    if not stale:
        return newest
    with catalog.tenant_session(lake.tenant, writing=True) as session:
        for order_id, sources in sorted(stale.items()):
            rows = [StaleSource(**key._asdict(), reason=reason) for key, reason in sorted(sources.items())]
            event = PackageStale(
                tenant=lake.tenant, order_id=order_id, platforms=list(by_id[order_id].platforms), sources=rows
            )
            record(session, event, id=event_id("stale", order_id, event.model_dump_json()))
    return newest


STALE_SENSORS = [stale_sensor]
