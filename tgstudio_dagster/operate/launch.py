"""Runs started from the command line: the same jobs, in this process, recorded in the same instance as the daemon's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.orchestration.jobs import FETCH_MEDIA, FULFIL_ORDER, REFRESH, blocking_checks
from tgstudio_dagster.orchestration.partitions import order_key, orders, tenants
from tgstudio_dagster.orchestration.progress import Listener, listening
from tgstudio_dagster.orchestration.tags import ASKED_TAG, days_tags, order_tags

# The events are in the instance for Dagster's UI; a terminal needs only what went wrong, and `report` says that.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended; `failed_checks` names asset checks that did not pass."""

    run_id: str
    success: bool
    failed_checks: tuple[str, ...]
    error: str | None


def materialize_days(tenant: str, ranges: Sequence[DayRange], listener: Listener | None = None) -> RunOutcome:
    """Materialize everything up to rankings for a tenant's days, in one run; `listener` is told of every day written.

    The months of the ranges follow each other (`core/days.by_adjacent_months`).
    """
    with dg.DagsterInstance.get() as instance, listening(listener):
        instance.add_dynamic_partitions(str(tenants.name), [tenant])
        return _run(instance, REFRESH, tags=days_tags(tenant, ranges), partition_key=None)


def place_files(tenant: str, ranges: Sequence[DayRange]) -> RunOutcome:
    """Tell in `media` what became of the files of a tenant's days, in one run."""
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(tenants.name), [tenant])
        return _run(instance, FETCH_MEDIA, tags=days_tags(tenant, ranges), partition_key=None)


def fulfil_order(order: str, assets: Sequence[str], asked_at: str) -> RunOutcome:
    """Make these of an order's assets, in one run; `asked_at` is the order's `updated_at`: the wish that it answers."""
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(orders.name), [order])
        tags = order_tags(order_key(order).tenant, order) | {ASKED_TAG: asked_at}
        return _run(instance, FULFIL_ORDER, tags=tags, partition_key=order, assets=assets)


def _run(
    instance: dg.DagsterInstance,
    job: str,
    *,
    tags: dict[str, str],
    partition_key: str | None,
    assets: Sequence[str] | None = None,
) -> RunOutcome:
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    resolved = build_definitions().resolve_job_def(job)
    if assets is not None:
        chosen = {dg.AssetKey(name) for name in assets}
        resolved = resolved.get_subset(asset_selection=chosen, asset_check_selection=set(blocking_checks(assets)))
    result = resolved.execute_in_process(
        instance=instance,
        tags=tags,
        partition_key=partition_key,
        run_config=QUIET,
        raise_on_error=False,
    )
    failed = tuple(
        sorted(
            f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
            for evaluation in result.get_asset_check_evaluations()
            if not evaluation.passed
        )
    )
    errors = [event.event_specific_data for event in result.get_step_failure_events()]
    error = _root_message(errors[0]) if errors else None
    return RunOutcome(result.run_id, result.success, failed, error)


def _root_message(data: object) -> str:
    error = getattr(data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return "unknown error; see the run in Dagster's UI" if error is None else error.message.strip()
