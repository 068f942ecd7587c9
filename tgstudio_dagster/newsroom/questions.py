"""What a tenant's lake holds of packages."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tgstudio_dagster.lake.questions import ask
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS


def packages(lake: TenantLake, *, orders: Sequence[str] | None) -> pl.DataFrame:
    """Packages of the orders, or of all; columns as in `sql/packages.sql`."""
    frames = {}
    for table in (CONTENT_PACKAGES, EDITOR_RESULTS):
        named: Sequence[str | None] = [None] if orders is None else orders
        parts = [lake.read(table, order=order, with_partition=True).drop("tenant") for order in named]
        empty = table.empty().with_columns(pl.lit(None, pl.String).alias("order_id"))
        frames[table.name] = pl.concat([empty, *parts])
    return ask("packages", frames, {})
