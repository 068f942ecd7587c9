"""What Dagster is told of every asset, from the one place where its table is described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.orchestration.code_versions import CODE_VERSIONS
from tgstudio_dagster.orchestration.partitions import tenant_month, trailing_window

ONE_RUN = dg.BackfillPolicy.single_run()
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=3650), warn_window=timedelta(hours=26))
"""Of what is made again at every reading: a day without any tenant's is a warning, never a failure. An asset is all tenants'
at once: where one account fails and the other tenants read nothing, red would be everybody's. Whose reading stopped stands
in the events of `landings`, by tenant, and on the studio's pages.
"""


def month_specs(
    tables: Iterable[Table],
    *,
    group: str,
    owner: str,
    kinds: set[str],
    deps: Sequence[str | dg.AssetDep] = (),
    notes: str = "",
    skippable: bool = False,
    fresh: bool = False,
    links: Mapping[str, Any] | None = None,
) -> list[dg.AssetSpec]:
    """Specs of tenant × month assets that one step makes; `notes` follow the table's description and its key.

    `links` are metadata of the asset: told once, not with every event.
    """
    return [
        dg.AssetSpec(
            table.name,
            deps=deps,
            description=f"{table.description}\n\nKey: {', '.join(table.key)}. {notes}".strip(),
            group_name=group,
            owners=[owner],
            kinds=kinds,
            partitions_def=tenant_month,
            code_version=CODE_VERSIONS[table.name],
            metadata=column_schema(table) | dict(links or {}),
            freshness_policy=FRESH if fresh else None,
            skippable=skippable,
        )
        for table in tables
    ]


def window(*tables: Table) -> list[dg.AssetDep]:
    """Tables that are read over the trailing window: of the month and the one before."""
    return [dg.AssetDep(table.name, partition_mapping=trailing_window) for table in tables]


def column_schema(table: Table) -> dict[str, Any]:
    """The table's columns, types and meanings, as Dagster's UI shows them."""
    columns = [
        dg.TableColumn(
            name, str(column.dtype), column.description, constraints=dg.TableColumnConstraints(nullable=column.nullable)
        )
        for name, column in table.columns.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}
