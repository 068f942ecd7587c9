"""Dagster's way in and out of the lake for orders: an asset is handed frames and returns one, its object is replaced.

Checking, paths and atomic replacement live in `lake/store.py`; this module maps an order's key to them and reports what
was written (the content's hash is the data version). Tenant × month assets write through `day_writer.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import polars as pl

from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.orchestration.code_versions import CODE_VERSIONS
from tgstudio_dagster.orchestration.partitions import order_key


class LakeIOManager(dg.IOManager):
    """Stores the assets of orders: the table is the asset's name, the object its partition."""

    def __init__(self, lake: Lake, fence: Callable[[str, str], None] | None = None) -> None:
        """`fence` is asked with the order and the run before an order's table is written, and raises where it must not."""
        self.lake = lake
        self._fence = fence

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Write the frame as its order's object, checked against the contract first (ContractError)."""
        table = TABLES[context.asset_key.path[-1]]
        tenant, order = order_key(context.partition_key)
        if self._fence is not None:
            self._fence(order, context.run_id)
        written = self.lake.tenant(tenant).write(table, obj, order=order, code_version=CODE_VERSIONS[table.name])
        context.step_context.set_data_version(context.asset_key, dg.DataVersion(written.data_version))
        context.add_output_metadata({"dagster/row_count": written.rows, "bytes": written.bytes, "uri": written.uri})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """The order's frame."""
        table = TABLES[context.asset_key.path[-1]]
        tenant, order = order_key(context.asset_partition_key)
        return self.lake.tenant(tenant).read(table, order=order)
