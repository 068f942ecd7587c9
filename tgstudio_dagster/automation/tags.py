"""The tags a run carries, so that the queue, the sensors and a person can tell whose it is."""

from __future__ import annotations

from datetime import date

from tgstudio_dagster.partitions import TENANT_TAG, tenant_day_key

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
VERSION_TAG = "tgstudio/version"
"""What the run was asked to bring up to date: names the state it found, so that attempts on it can be counted."""
KIND_TAG = "tgstudio/kind"
HISTORY = "history"
"""Runs that read history: `dagster.yaml` lets two of them run at once, so that refreshes always find room."""


def range_tags(tenant: str, first: date, last: date) -> dict[str, str]:
    """Run tags that make one run of a tenant's days. A run for a range carries no tenant tag of Dagster's own."""
    return {
        RANGE_START: str(tenant_day_key(tenant, first)),
        RANGE_END: str(tenant_day_key(tenant, last)),
        TENANT_TAG: tenant,
    }
