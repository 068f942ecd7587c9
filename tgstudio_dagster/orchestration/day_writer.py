"""How a tenant × month asset writes: its days one at a time, oldest first, and one event for each table and month.

Checking, paths and atomic replacement live in `lake/store.py`. The data version of an event is the hash of the objects
that the run wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tgstudio_dagster.core.days import as_ranges, format_ranges, month_of
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.store import Lake, TenantLake, Written
from tgstudio_dagster.orchestration import progress
from tgstudio_dagster.orchestration.code_versions import CODE_VERSIONS
from tgstudio_dagster.orchestration.partitions import TenantMonth, tenant_month_key
from tgstudio_dagster.orchestration.run_days import TenantDay

Make = Callable[[TenantLake, date], Iterable[pl.DataFrame]]
"""Makes one day's frames, one for each table; each is written before the next is asked for."""
VERSION_DIGITS = 16
"""Hex digits of a data version: it is told with its event, and with that of everything made from it."""


@dataclass
class _Month:
    """What was written of one table's month."""

    written: dict[date, Written] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Numbers are whole under names of ours: Dagster's UI draws a plot of each, by partition."""
        rows = sum(result.rows for result in self.written.values())
        return {
            "days": format_ranges(as_ranges(self.written)),
            "rows": rows,
            "bytes": sum(result.bytes for result in self.written.values()),
            "days_written": len(self.written),
            "dagster/partition_row_count": rows,
        }


def write_days(
    context: dg.AssetExecutionContext,
    lake: Lake,
    keys: Sequence[TenantDay],
    tables: Sequence[Table],
    make: Make,
    metadata: Callable[[], Mapping[str, Any]] = dict,
) -> Iterator[dg.MaterializeResult[None]]:
    """Make and write each day, then yield a result for each table. `metadata` is asked at the end and told of the first.

    Of several tables a day's are written together, before the next day is begun: memory holds one day and what the lake
    keeps for the run.
    Raises ContractError or LakeError for the day that could not be written; those before it are.
    """
    months: dict[tuple[str, TenantMonth], _Month] = {}
    step = context.op_execution_context
    for number, key in enumerate(keys, start=1):
        store, month = lake.tenant(key.tenant), TenantMonth(key.tenant, month_of(key.day))
        for table, frame in zip(tables, make(store, key.day), strict=True):
            written = store.write(table, frame, day=key.day, code_version=CODE_VERSIONS[table.name])
            told = months.setdefault((table.name, month), _Month())
            told.written[key.day] = written
        progress.tell(progress.Step(step.op.name, key.day, number, len(keys), len(step.job_def.graph.nodes)))
    for (name, month), told in months.items():
        partition = str(tenant_month_key(*month))
        context.add_asset_metadata(told.metadata(), asset_key=name, partition_key=partition)
    for index, table in enumerate(tables):
        own = {month: told.written for (name, month), told in months.items() if name == table.name}
        yield dg.MaterializeResult(
            asset_key=table.name,
            metadata=dict(metadata()) if index == 0 else {},
            data_version=dg.DataVersion(_combined(own)),
        )


def _combined(months: Mapping[TenantMonth, Mapping[date, Written]]) -> str:
    """One data version for what a run wrote: the object's own hash, or for several days the hash of all of them."""
    versions = {
        f"{month.tenant} {day}": result.data_version for month, days in months.items() for day, result in days.items()
    }
    if len(versions) == 1:
        return next(iter(versions.values()))[:VERSION_DIGITS]
    lines = "\n".join(f"{key}={version}" for key, version in sorted(versions.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:VERSION_DIGITS]
