"""How the work is cut: tenants, days, tenant × day, orders, and the trailing window. Nothing is computed here.

A run works on a box of keys: one tenant and a range of days, or one order. Channels are a column, never a partition.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple, Protocol

import dagster as dg

from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.topics.window import WINDOW_DAYS

TENANT_TAG = "tenant"
ORDER_TAG = "order"
FOR_TAG = "tgstudio/for"
"""The tenant that a run was asked for by, where it may run beside the tenant's refresh: orders and bundles."""

tenants = dg.DynamicPartitionsDefinition(name="tenants")
days = dg.DailyPartitionsDefinition(start_date=settings().first_day, timezone="UTC", end_offset=1)
tenant_day = dg.MultiPartitionsDefinition({"tenant": tenants, "date": days})
orders = dg.DynamicPartitionsDefinition(name="orders")

# The mapping is beta in 1.13 and pinned; `tests/automation/test_partitions.py` guards how it behaves.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

trailing_window = dg.MultiPartitionMapping(
    {
        "tenant": dg.DimensionPartitionMapping("tenant", dg.IdentityPartitionMapping()),
        "date": dg.DimensionPartitionMapping(
            "date",
            dg.TimeWindowPartitionMapping(
                start_offset=1 - WINDOW_DAYS, end_offset=0, allow_nonexistent_upstream_partitions=True
            ),
        ),
    }
)


class TenantDay(NamedTuple):
    """One partition of a tenant × day asset."""

    tenant: str
    day: date


class OrderKey(NamedTuple):
    """One partition of an order asset; the key begins with the tenant's slug."""

    tenant: str
    order: str


class _HasPartitionKeys(Protocol):
    @property
    def partition_keys(self) -> Iterable[str]: ...


def tenant_days(context: _HasPartitionKeys) -> list[TenantDay]:
    """The run's tenant × day keys, by tenant and then day."""
    return sorted(parse_tenant_day(key) for key in context.partition_keys)


def parse_tenant_day(key: str) -> TenantDay:
    """A tenant × day key as Dagster gives it (`2026-03-15|acme`: dimensions in alphabetical order)."""
    if not isinstance(key, dg.MultiPartitionKey):
        key = tenant_day.get_partition_key_from_str(key)
    parts = key.keys_by_dimension
    return TenantDay(parts["tenant"], date.fromisoformat(parts["date"]))


def tenant_day_key(tenant: str, day: date) -> dg.MultiPartitionKey:
    """Dagster's key of a tenant's day."""
    return dg.MultiPartitionKey({"tenant": tenant, "date": day.isoformat()})


def order_key(key: str) -> OrderKey:
    """The tenant and the order that an order partition's key names."""
    return OrderKey(key.split("-", 1)[0], key)
