"""What leaves the platform: packages per platform, and the files made of them. One partition is one order."""

import dagster as dg
import polars as pl

from tgstudio_dagster import newsroom
from tgstudio_dagster.ai.metered import MeteredModerator
from tgstudio_dagster.ai.protocols import Moderator
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EXPORTS
from tgstudio_dagster.newsroom.export import FinishedOrder, package_files
from tgstudio_dagster.newsroom.publisher import publish, require_limits
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.image import Image
from tgstudio_dagster.newsroom.records.package import Package
from tgstudio_dagster.orchestration.order_runs import ledger_of, order_turn
from tgstudio_dagster.orchestration.partitions import order_key, orders
from tgstudio_dagster.orchestration.specs import column_schema

GROUP = "deliver"
OWNERS = ["team:newsroom"]


@dg.asset(
    partitions_def=orders,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python"},
    description=f"{CONTENT_PACKAGES.description}\n\nKey: platform. Every limit of the platform is checked and counted.",
    code_version=newsroom.VERSION,
    metadata=column_schema(CONTENT_PACKAGES),
)
def content_packages(
    context: dg.AssetExecutionContext,
    editor_results: pl.DataFrame,
    images: pl.DataFrame,
    catalog: dg.ResourceParam[Catalog],
    moderator: dg.ResourceParam[Moderator],
) -> pl.DataFrame:
    """The order's packages."""
    tenant, order_id = order_key(context.partition_key)
    with order_turn(context, catalog) as turn:
        settings = tenant_settings(catalog, tenant)
        (result,) = EditorResult.from_frame(editor_results)
        return Package.frame(
            publish(
                result,
                list(Image.from_frame(images)),
                turn.order.platforms,
                order=order_id,
                now=turn.order.created_at,
                zone=settings.zone,
                settings=settings,
                moderator=MeteredModerator(moderator, ledger_of(catalog, turn)),
            )
        )


@dg.asset(
    partitions_def=orders,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"json", "csv"},
    description=EXPORTS.description,
    code_version=newsroom.VERSION,
    metadata=column_schema(EXPORTS),
)
def exports(
    context: dg.AssetExecutionContext,
    content_packages: pl.DataFrame,
    editor_results: pl.DataFrame,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
) -> pl.DataFrame:
    """The order's packages as JSON and CSV among the tenant's files."""
    tenant, order_id = order_key(context.partition_key)
    with order_turn(context, catalog):
        (result,) = EditorResult.from_frame(editor_results)
        packages = list(Package.from_frame(content_packages))
        require_limits(packages)
        files = package_files(FinishedOrder.of(order_id, result, packages))
        stored = {kind: lake.tenant(tenant).put_file(content, kind) for kind, content in files.items()}
    return pl.DataFrame(
        [
            {
                "format": kind,
                "uri": file.uri,
                "sha256": file.sha256,
                "bytes": file.size,
                "packages": content_packages.height,
            }
            for kind, file in stored.items()
        ],
        schema=EXPORTS.schema,
    )
