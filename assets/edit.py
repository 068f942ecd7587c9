"""From an order to an original text and its pictures. One partition is one order.

Each step begins with `begin_order`, which says that the order is at work and ends the run of one that was cancelled.
"""

import dagster as dg
import polars as pl

from tgstudio_dagster import newsroom
from tgstudio_dagster.ai.protocols import Painter, Writer
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.orders import begin_order
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.newsroom import EDITOR_RESULTS, IMAGE_BRIEFS, IMAGES
from tgstudio_dagster.newsroom.brief import brief
from tgstudio_dagster.newsroom.editor import edit
from tgstudio_dagster.newsroom.painter import paint
from tgstudio_dagster.newsroom.sources import read_source
from tgstudio_dagster.orchestration.partitions import order_key, orders
from tgstudio_dagster.orchestration.specs import column_schema

GROUP = "edit"
OWNERS = ["team:newsroom"]


@dg.asset(
    partitions_def=orders,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python"},
    deps=["topics", "topic_messages", "messages"],
    description=f"{EDITOR_RESULTS.description}\n\nStale when a cited post is edited or deleted.",
    code_version=newsroom.VERSION,
    metadata=column_schema(EDITOR_RESULTS),
)
def editor_results(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    writer: dg.ResourceParam[Writer],
) -> pl.DataFrame:
    """The order's text, every sentence with its sources."""
    tenant, order_id = order_key(context.partition_key)
    order = begin_order(catalog, order_id, context.run_id)
    source = read_source(lake.tenant(tenant), order.day, topic_id=order.topic_id, messages=order.messages)
    return edit(
        writer,
        topic=source.topic,
        messages=source.messages,
        language=order.language,
        tone=order.tone,
        as_of=source.as_of,
        run_id=context.run_id,
    )


@dg.asset(
    partitions_def=orders,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python"},
    description=f"{IMAGE_BRIEFS.description}\n\nStale when the editor result changes.",
    code_version=newsroom.VERSION,
    metadata=column_schema(IMAGE_BRIEFS),
)
def image_briefs(
    context: dg.AssetExecutionContext, editor_results: pl.DataFrame, catalog: dg.ResourceParam[Catalog]
) -> pl.DataFrame:
    """One brief per image size that the order's platforms use."""
    order = begin_order(catalog, context.partition_key, context.run_id)
    return brief(editor_results.row(0, named=True), order.platforms)


@dg.asset(
    partitions_def=orders,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"pillow"},
    description=f"{IMAGES.description}\n\nA brief that was painted before is not painted again.",
    code_version=newsroom.VERSION,
    metadata=column_schema(IMAGES),
)
def images(
    context: dg.AssetExecutionContext,
    image_briefs: pl.DataFrame,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
    painter: dg.ResourceParam[Painter],
) -> pl.DataFrame:
    """The images, stored among the tenant's files."""
    tenant, order_id = order_key(context.partition_key)
    begin_order(catalog, order_id, context.run_id)
    store = lake.tenant(tenant)
    return paint(painter, image_briefs, store.put_file, store.read(IMAGES, order=order_id))
