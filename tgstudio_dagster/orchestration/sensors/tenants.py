"""Sensors of tenants: what the catalog holds, what has landed and what is due becomes partitions and runs.

Thin by rule: read, call a pure decide() (tenants.py, refresh.py, reading.py, history.py), say what to run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from tgstudio_dagster.catalog.accounts.accounts import list_accounts
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import list_media_backlog
from tgstudio_dagster.catalog.follows.reading import tenant_read
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions, requests
from tgstudio_dagster.catalog.money.plans import limits_of
from tgstudio_dagster.catalog.people.tenants import list_tenants
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.orchestration.bundle_job import BUNDLE_PARTS, BUNDLE_SENSORS
from tgstudio_dagster.orchestration.decide import history, media, reading
from tgstudio_dagster.orchestration.decide import refresh as refresh_rule
from tgstudio_dagster.orchestration.decide import tenants as tenants_rule
from tgstudio_dagster.orchestration.jobs import fetch_media, refresh
from tgstudio_dagster.orchestration.partitions import ORDER_TAG, TENANT_TAG, tenants
from tgstudio_dagster.orchestration.sensors.alerts import run_failed
from tgstudio_dagster.orchestration.sensors.orders import ORDER_PARTS, ORDER_SENSORS
from tgstudio_dagster.orchestration.sensors.rules import rules_sensor
from tgstudio_dagster.orchestration.sensors.staleness import STALE_SENSORS
from tgstudio_dagster.orchestration.sensors.together import together
from tgstudio_dagster.orchestration.sensors.uploads import uploads_sensor
from tgstudio_dagster.orchestration.tags import HISTORY, KIND_TAG, VERSION_TAG, days_tags

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
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
    job=refresh,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a refresh for each tenant that has landings waiting, or is due to be read from Telegram by its "
    "plan, a live hint, a new subscription or the end of a flood wait. Cursor: the newest of those it has acted on.",
)
def refresh_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> dg.SensorResult:
    """One run per tenant at most; a tenant that is busy waits."""
    known = set(context.instance.get_dynamic_partitions(str(tenants.name)))
    slugs = [tenant.slug for tenant in list_tenants(catalog) if tenant.slug in known]
    busy = _busy(context.instance)
    failed = _attempts(context.instance, [dg.DagsterRunStatus.FAILURE])
    merges = refresh_rule.decide(
        [_pending(lake, slug) for slug in slugs],
        busy=busy,
        failed_attempts={tag: count for (_, tag), count in failed.items()},
    )
    now = datetime.now(UTC)
    reads = reading.decide(
        [_reading(catalog, slug, now) for slug in slugs],
        busy=busy | {merge.tenant for merge in merges},
        failed_attempts={f"{tenant}:{tag}": count for (tenant, tag), count in failed.items()},
        now=now,
    )
    watermark = max([read.version for read in reads if read.version != "first"], default=context.cursor)
    started = [*map(_run, merges), *map(_run, reads)]
    return dg.SensorResult(run_requests=started, cursor=watermark)


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads the history that new subscriptions ask for: one run per tenant and month, the newest first. "
    "Cursor: how far history has come.",
)
def subscriptions_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]
) -> dg.SensorResult | dg.SkipReason:
    """A backfill of each tenant's unread days, slice by slice; it goes on where a killed or flooded one has stopped."""
    known = set(context.instance.get_dynamic_partitions(str(tenants.name)))
    backlogs = [
        backlog
        for tenant in list_tenants(catalog)
        if tenant.slug in known
        for backlog in _backlogs(catalog, tenant.slug)
    ]
    if not backlogs:
        return dg.SkipReason("all history that was asked for is read")
    slices = history.decide(
        backlogs, busy=_busy(context.instance), attempts=_tries(context.instance), now=datetime.now(UTC)
    )
    watermark = max(f"{backlog.filled_from}" for backlog in backlogs)
    return dg.SensorResult(run_requests=[_run(one, {KIND_TAG: HISTORY}) for one in slices], cursor=watermark)


@dg.sensor(
    job=fetch_media,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fetches files that posts still wait for: after a flood, a new day's quota, or a run whose time was up. "
    "Cursor: the newest day that waits.",
)
def media_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]
) -> dg.SensorResult | dg.SkipReason:
    """One run for each tenant whose files may be tried again."""
    known = set(context.instance.get_dynamic_partitions(str(tenants.name)))
    backlogs = [
        media.Backlog(tenant.slug, row.day, row.files, row.not_before)
        for tenant in list_tenants(catalog)
        if tenant.slug in known
        for row in list_media_backlog(catalog, tenant.slug)
    ]
    if not backlogs:
        return dg.SkipReason("no file waits")
    found = media.decide(backlogs, busy=_busy(context.instance), now=datetime.now(UTC))
    return dg.SensorResult(run_requests=[_run(one) for one in found], cursor=str(max(one.day for one in backlogs)))


def _run(
    one: refresh_rule.Refresh | reading.Read | history.Slice | media.Fetch, tags: dict[str, str] | None = None
) -> dg.RunRequest:
    days = one.days if isinstance(one.days, tuple) else (one.days,)
    return dg.RunRequest(
        run_key=one.run_key, tags=days_tags(one.tenant, days) | {VERSION_TAG: one.version} | (tags or {})
    )


def _busy(instance: dg.DagsterInstance) -> set[str]:
    """Tenants that have a run over their days waiting or running; an order's run is over none."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return {run.tags[TENANT_TAG] for run in runs if TENANT_TAG in run.tags and ORDER_TAG not in run.tags}


def _attempts(instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus]) -> Counter[tuple[str, str]]:
    """Earlier runs by tenant and version."""
    runs = instance.get_runs(dg.RunsFilter(job_name=refresh.name, statuses=statuses), limit=LOOK_BACK)
    return Counter((run.tags.get(TENANT_TAG, ""), run.tags[VERSION_TAG]) for run in runs if VERSION_TAG in run.tags)


def _tries(instance: dg.DagsterInstance) -> dict[str, history.Attempts]:
    """Finished history runs by `tenant:version`; those that changed something have left their version behind."""
    found: dict[str, list[datetime]] = defaultdict(list)
    filters = dg.RunsFilter(job_name=refresh.name, statuses=FINISHED, tags={KIND_TAG: HISTORY})
    for record in instance.get_run_records(filters, limit=LOOK_BACK):
        tags = record.dagster_run.tags
        found[f"{tags.get(TENANT_TAG)}:{tags.get(VERSION_TAG)}"].append(record.update_timestamp)
    return {version: history.Attempts(len(times), max(times).astimezone(UTC)) for version, times in found.items()}


def _pending(lake: Lake, tenant: str) -> refresh_rule.Pending:
    store = lake.tenant(tenant)
    landings = {day: tuple(landing.name for landing in store.landings(day)) for day in store.landing_days()}
    return refresh_rule.Pending(tenant, landings, tuple(store.days(MESSAGES)) if landings else ())


def _reading(catalog: Catalog, tenant: str, now: datetime) -> reading.Reading:
    last = tenant_read(catalog, tenant)
    follows = list_subscriptions(catalog, tenant)
    accounts = [account for account in list_accounts(catalog, tenant) if account.status == "active"]
    asked = [
        request.not_before or request.created_at
        for request in requests(catalog, tenant, status="queued")
        if request.not_before is None or request.not_before <= now
    ]
    return reading.Reading(
        tenant,
        wanted=bool(accounts) and (bool(asked) or any(one.status == "active" for one in follows)),
        every=timedelta(minutes=limits_of(catalog, tenant).refresh_minutes),
        started_at=last.started_at,
        asked_at=max([*asked, *([last.woken_at] if last.woken_at else [])], default=None),
        waits_until=last.waits_until,
    )


def _backlogs(catalog: Catalog, tenant: str) -> list[history.Backlog]:
    return history.backlogs(
        tenant,
        list_subscriptions(catalog, tenant),
        earliest=date.fromisoformat(settings().first_day),
        waits_until=tenant_read(catalog, tenant).waits_until,
    )


work_sensor = together(
    "work_sensor",
    [tenants_sensor, *ORDER_PARTS, *BUNDLE_PARTS, uploads_sensor, refresh_sensor],
    seconds=5,
    description="Looks every few seconds for what people wait for, and starts it.",
)
SENSORS = [
    work_sensor,
    subscriptions_sensor,
    media_sensor,
    rules_sensor,
    *ORDER_SENSORS,
    *BUNDLE_SENSORS,
    *STALE_SENSORS,
    run_failed,
]
