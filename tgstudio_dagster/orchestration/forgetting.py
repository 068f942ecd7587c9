"""What Dagster's storage holds of a tenant, removed: its runs with their events and logs, and its partitions."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg

from tgstudio_dagster.orchestration.partitions import FOR_TAG, TENANT_TAG, orders, tenants


def forget_tenant(tenant: str) -> int:
    """Delete the tenant's runs, whatever their state, and its partitions; returns how many runs."""
    with dg.DagsterInstance.get() as instance:
        ids = _runs(instance, tenant)
        for run_id in ids:
            instance.delete_run(run_id)
            shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
        for key in instance.get_dynamic_partitions(str(orders.name)):
            if key.startswith(f"{tenant}-"):
                instance.delete_dynamic_partition(str(orders.name), key)
        if tenant in instance.get_dynamic_partitions(str(tenants.name)):
            instance.delete_dynamic_partition(str(tenants.name), tenant)
        return len(ids)


def runs_of(tenant: str) -> int:
    """How many runs of the tenant are left."""
    with dg.DagsterInstance.get() as instance:
        return len(_runs(instance, tenant))


def _runs(instance: dg.DagsterInstance, tenant: str) -> set[str]:
    return {run.run_id for tag in (TENANT_TAG, FOR_TAG) for run in instance.get_runs(dg.RunsFilter(tags={tag: tenant}))}
