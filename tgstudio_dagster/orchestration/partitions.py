"""How the work is cut: tenants, months, tenant × month, orders, and the trailing window. Nothing is computed here.

Dagster's calendar is the month, the lake's the day: a run works on a box of keys (one tenant and a range of months, or
one order) and names the days in them (`run_days.py`). Channels are a column, never a partition.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple, Protocol

import dagster as dg

from tgstudio_dagster.core.settings import settings

TENANT_TAG = "tenant"
ORDER_TAG = "order"
FOR_TAG = "tgstudio/for"
"""The tenant that a run was asked for by, where it may run beside the tenant's refresh: orders and bundles."""
MONTH = "%Y-%m"

tenants = dg.DynamicPartitionsDefinition(name="tenants")
months = dg.MonthlyPartitionsDefinition(start_date=settings().first_day[:7], timezone="UTC", end_offset=1, fmt=MONTH)
tenant_month = dg.MultiPartitionsDefinition({"tenant": tenants, "month": months})
orders = dg.DynamicPartitionsDefinition(name="orders")

# The mapping is beta in 1.13 and pinned; `tests/orchestration/test_partitions.py` guards how it behaves.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

# A window of 7 days, and 30 days of what was learnt, reach into the month before and no further.
trailing_window = dg.MultiPartitionMapping(
    {
        "tenant": dg.DimensionPartitionMapping("tenant", dg.IdentityPartitionMapping()),
        "month": dg.DimensionPartitionMapping(
            "month",
            dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0, allow_nonexistent_upstream_partitions=True),
        ),
    }
)


class TenantMonth(NamedTuple):
    """One partition of a tenant × month asset; the month is named by its first day."""

    tenant: str
    month: date


class OrderKey(NamedTuple):
    """One partition of an order asset; the key begins with the tenant's slug."""

    tenant: str
    order: str


class _HasPartitionKeys(Protocol):
    @property
    def partition_keys(self) -> Iterable[str]: ...


def tenant_months(context: _HasPartitionKeys) -> list[TenantMonth]:
    """The run's tenant × month keys, by tenant and then month."""
    return sorted(parse_tenant_month(key) for key in context.partition_keys)


def parse_tenant_month(key: str) -> TenantMonth:
    """A tenant × month key as Dagster gives it (`2026-03|acme`: dimensions in alphabetical order)."""
    if not isinstance(key, dg.MultiPartitionKey):
        key = tenant_month.get_partition_key_from_str(key)
    parts = key.keys_by_dimension
    return TenantMonth(parts["tenant"], date.fromisoformat(f"{parts['month']}-01"))


def tenant_month_key(tenant: str, day: date) -> dg.MultiPartitionKey:
    """Dagster's key of the tenant's month that holds the day."""
    return dg.MultiPartitionKey({"tenant": tenant, "month": day.strftime(MONTH)})


def order_key(key: str) -> OrderKey:
    """The tenant and the order that an order partition's key names."""
    return OrderKey(key.split("-", 1)[0], key)
