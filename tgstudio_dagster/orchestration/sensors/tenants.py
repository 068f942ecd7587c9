"""Sensors of tenants: what the catalog holds and what has landed becomes partitions and runs.

Thin by rule: read, call a pure decide() (tenants.py, refresh.py, files.py), say what to run.
"""

from __future__ import annotations

from collections import Counter

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import list_tenants
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.orchestration.bundle_job import BUNDLE_PARTS
from tgstudio_dagster.orchestration.decide import files
from tgstudio_dagster.orchestration.decide import refresh as refresh_rule
from tgstudio_dagster.orchestration.decide import tenants as tenants_rule
from tgstudio_dagster.orchestration.jobs import FETCH_MEDIA, REFRESH, fetch_media, refresh
from tgstudio_dagster.orchestration.partitions import ORDER_TAG, TENANT_TAG, tenants
from tgstudio_dagster.orchestration.sensors.alerts import run_failed
from tgstudio_dagster.orchestration.sensors.endings import endings_sensor
from tgstudio_dagster.orchestration.sensors.orders import CANCELLED_LATELY, ORDER_PARTS
from tgstudio_dagster.orchestration.sensors.quiet import Quiet
from tgstudio_dagster.orchestration.sensors.rules import rules_sensor
from tgstudio_dagster.orchestration.sensors.staleness import STALE_SENSORS
from tgstudio_dagster.orchestration.sensors.together import together
from tgstudio_dagster.orchestration.sensors.uploads import uploads_sensor
from tgstudio_dagster.orchestration.tags import VERSION_TAG, days_tags

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
LOOK_BACK = 500
"""Runs looked through for earlier attempts."""


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes the partitions equal to the tenants of the catalog.",
    job=refresh,
)
def tenants_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]
) -> dg.SensorResult | dg.SkipReason:
    """Adds new tenants, takes deleted ones out of Dagster once they have no run. Starts nothing."""
    active = [tenant.slug for tenant in list_tenants(catalog)]
    known = context.instance.get_dynamic_partitions(str(tenants.name))
    if set(known) == set(active):
        return dg.SkipReason("no tenant was added or deleted")
    changes = tenants_rule.decide(active, known, _busy(context.instance))
    asked: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = [
        *([tenants.build_add_request(list(changes.add))] if changes.add else []),
        *([tenants.build_delete_request(list(changes.remove))] if changes.remove else []),
    ]
    return dg.SensorResult(dynamic_partitions_requests=asked)


@dg.sensor(
    jobs=[refresh, fetch_media],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a refresh for each tenant that has landings waiting, or tells in `media` what became of files.",
)
def landings_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> list[dg.RunRequest] | dg.SkipReason:
    """One run per tenant at most; a tenant that is busy waits. What has not landed starts nothing."""
    waiting = lake.waiting_tenants()
    if not waiting:
        return dg.SkipReason("nothing has landed")
    slugs = [tenant.slug for tenant in list_tenants(catalog) if tenant.slug in waiting]
    pending = [one for one in (_pending(lake, slug) for slug in slugs) if one.landings]
    news = [one for one in (_news(lake, slug) for slug in slugs) if one.days]
    if not pending and not news:
        return dg.SkipReason("nothing has landed")
    known = set(context.instance.get_dynamic_partitions(str(tenants.name)))
    busy = _busy(context.instance) | (set(slugs) - known)
    failed = _attempts(context.instance, [dg.DagsterRunStatus.FAILURE])
    merges = refresh_rule.decide(pending, busy=busy, failed_attempts={tag: count for (_, tag), count in failed.items()})
    places = files.decide(news, busy=busy | {merge.tenant for merge in merges})
    return [*(_run(one, REFRESH) for one in merges), *(_run(one, FETCH_MEDIA) for one in places)]


def _run(one: refresh_rule.Refresh | files.Place, job: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=one.run_key, job_name=job, tags=days_tags(one.tenant, one.days) | {VERSION_TAG: one.version}
    )


def _busy(instance: dg.DagsterInstance) -> set[str]:
    """Tenants that have a run over their days waiting or running; an order's run is over none."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return {run.tags[TENANT_TAG] for run in runs if TENANT_TAG in run.tags and ORDER_TAG not in run.tags}


def _attempts(instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus]) -> Counter[tuple[str, str]]:
    """Earlier runs by tenant and version."""
    runs = instance.get_runs(dg.RunsFilter(job_name=refresh.name, statuses=statuses), limit=LOOK_BACK)
    return Counter((run.tags.get(TENANT_TAG, ""), run.tags[VERSION_TAG]) for run in runs if VERSION_TAG in run.tags)


def _pending(lake: Lake, tenant: str) -> refresh_rule.Pending:
    store = lake.tenant(tenant)
    landings = {day: tuple(landing.name for landing in store.landings(day)) for day in store.landing_days()}
    return refresh_rule.Pending(tenant, landings, tuple(store.days(MESSAGES)) if landings else ())


def _news(lake: Lake, tenant: str) -> files.News:
    fetched = lake.tenant(tenant).fetched
    return files.News(tenant, {day: fetched.names(day) for day in fetched.days()})


# Dagster's daemon looks at its sensors every 5 s. An interval of 5 s is not over yet at every other look (measured: ticks 5
# or 10 s apart), so it is a little less.
work_sensor = together(
    "work_sensor",
    [endings_sensor, tenants_sensor, *ORDER_PARTS, *BUNDLE_PARTS, uploads_sensor, landings_sensor],
    seconds=4,
    description="Looks every few seconds for what people wait for, and starts it.",
    quiet=Quiet(CANCELLED_LATELY),
)
SENSORS = [
    work_sensor,
    rules_sensor,
    *STALE_SENSORS,
    run_failed,
]
