"""The tags a run carries, so that the queue, the sensors and a person can tell whose it is, and of which days."""

from __future__ import annotations

from collections.abc import Sequence

from tgstudio_dagster.core.days import DayRange, format_ranges
from tgstudio_dagster.orchestration.partitions import FOR_TAG, ORDER_TAG, TENANT_TAG, tenant_month_key

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
DAYS_TAG = "tgstudio/days"
"""The days of a run's months that it works on, as `core/days.py` writes them; without it, all of them."""
VERSION_TAG = "tgstudio/version"
"""What the run was asked to bring up to date: names the state it found, so that attempts on it can be counted."""
ASKED_TAG = "tgstudio/asked"
"""When what the run answers was last asked for: `updated_at` of the order."""
BUNDLE_TAG = "tgstudio/bundle"
UPLOAD_TAG = "tgstudio/upload"
ATTEMPT_TAG = "tgstudio/attempt"
"""How many runs had begun the upload before this one was asked for."""


def days_tags(tenant: str, ranges: Sequence[DayRange]) -> dict[str, str]:
    """Run tags that make one run of a tenant's days. A run for a range carries no tenant tag of Dagster's own."""
    return {
        RANGE_START: str(tenant_month_key(tenant, min(days.first for days in ranges))),
        RANGE_END: str(tenant_month_key(tenant, max(days.last for days in ranges))),
        DAYS_TAG: format_ranges(ranges),
        TENANT_TAG: tenant,
    }


def order_tags(tenant: str, order: str) -> dict[str, str]:
    """Run tags of an order's run. It carries no tenant tag: what somebody waits for needn't wait for a reading."""
    return {FOR_TAG: tenant, ORDER_TAG: order, "dagster/priority": "5"}


def bundle_tags(tenant: str, bundle: str) -> dict[str, str]:
    """Run tags of a bundle's run."""
    return {FOR_TAG: tenant, BUNDLE_TAG: bundle}


def upload_tags(tenant: str, upload: str, attempts: int) -> dict[str, str]:
    """Run tags of an upload's import."""
    return {FOR_TAG: tenant, UPLOAD_TAG: upload, ATTEMPT_TAG: str(attempts)}
