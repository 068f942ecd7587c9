"""Dagster's way in and out of the lake: an asset returns frames, the partition's object is replaced.

Checking, paths and atomic replacement live in `store.py`; this module only maps partition keys to them and reports
what was written (rows, bytes, URI, preview; the content hash is the data version).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg
import polars as pl

from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import Lake, Written
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.orchestration.partitions import TenantDay, order_key
from tgstudio_dagster.orchestration.preview import preview
from tgstudio_dagster.topics.window import window_days


@dataclass(frozen=True)
class Frames:
    """What a tenant × day asset returns: each of the run's partitions with its frame, made one at a time."""

    items: Iterable[tuple[TenantDay, pl.DataFrame]]

    def __iter__(self) -> Iterator[tuple[TenantDay, pl.DataFrame]]:
        return iter(self.items)


class Upstream:
    """What a tenant × day asset is handed for an upstream table: its days, read when asked for and then kept."""

    def __init__(self, lake: Lake, table: Table) -> None:
        self.table = table
        self._read = cache(lambda tenant, day: lake.tenant(tenant).read(table, days=[day]))

    def day(self, key: TenantDay) -> pl.DataFrame:
        """One partition; no rows where it was never materialized."""
        frame: pl.DataFrame = self._read(*key)
        return frame

    def window(self, key: TenantDay) -> pl.DataFrame:
        """The partitions of the trailing window that ends with the key's day."""
        return pl.concat([self._read(key.tenant, day) for day in window_days(key.day)])


class LakeIOManager(dg.IOManager):
    """Stores every asset of this platform: the table is the asset's name, the object its partition."""

    def __init__(self, lake: Lake, fence: Callable[[str, str], None] | None = None) -> None:
        """`fence` is asked with the order and the run before an order's table is written, and raises where it must not."""
        self.lake = lake
        self._fence = fence

    def handle_output(self, context: dg.OutputContext, obj: Frames | pl.DataFrame) -> None:
        """Write each frame as its partition's object, checked against the contract first (ContractError)."""
        table = TABLES[context.asset_key.path[-1]]
        results: dict[str, Written] = {}
        frame = table.empty()
        if isinstance(obj, Frames):
            for (tenant, day), frame in obj:
                results[f"{tenant} {day}"] = self.lake.tenant(tenant).write(table, frame, day=day)
        else:
            tenant, order = order_key(context.partition_key)
            if self._fence is not None:
                self._fence(order, context.run_id)
            results[order] = self.lake.tenant(tenant).write(table, obj, order=order)
            frame = obj
        context.step_context.set_data_version(context.asset_key, dg.DataVersion(_combined(results)))
        context.add_output_metadata(_metadata(table, results, frame))

    def load_input(self, context: dg.InputContext) -> Upstream | pl.DataFrame:
        """An `Upstream` for tenant × day tables; the order's frame for order tables."""
        table = TABLES[context.asset_key.path[-1]]
        if table.partition == "tenant_day":
            return Upstream(self.lake, table)
        tenant, order = order_key(context.asset_partition_key)
        return self.lake.tenant(tenant).read(table, order=order)


def _combined(results: dict[str, Written]) -> str:
    """One data version for what a run wrote: the object's own hash, or for a range the hash of all of them."""
    if len(results) == 1:
        return next(iter(results.values())).data_version
    lines = "\n".join(f"{key}={result.data_version}" for key, result in sorted(results.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _metadata(table: Table, results: dict[str, Written], newest: pl.DataFrame) -> dict[str, Any]:
    last = next(reversed(results.values()), None)
    found: dict[str, Any] = {
        "dagster/row_count": sum(result.rows for result in results.values()),
        "bytes": sum(result.bytes for result in results.values()),
        "partitions": len(results),
    }
    if last is not None:
        found |= {"uri": last.uri, "content_hash": last.data_version}
    return found | {name: dg.MetadataValue.md(text) for name, text in preview(table, newest).items()}
