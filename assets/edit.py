"""From an order to an original text and its pictures. One partition is one order.

Each step takes the run's turn at the order, which says that it is at work and ends the run of one that was cancelled or
that another run has. Models are called through the ledger only.
"""

import dagster as dg
import polars as pl

from tgstudio_dagster import newsroom
from tgstudio_dagster.ai.metered import MeteredModerator, MeteredPainter, MeteredWriter
from tgstudio_dagster.ai.protocols import Moderator, Painter, Writer
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.newsroom import EDITOR_RESULTS, IMAGE_BRIEFS, IMAGES
from tgstudio_dagster.newsroom.brief import briefs
from tgstudio_dagster.newsroom.editor import edit
from tgstudio_dagster.newsroom.painter import paint
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.image import Image, ImageBrief
from tgstudio_dagster.newsroom.sources import read_source
from tgstudio_dagster.orchestration.order_runs import ledger_of, order_turn
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
    tenant, _ = order_key(context.partition_key)
    with order_turn(context, catalog) as turn:
        order = turn.order
        source = read_source(lake.tenant(tenant), order.day, topic_id=order.topic_id, messages=order.messages)
        result = edit(
            MeteredWriter(writer, ledger_of(catalog, turn)),
            topic=source.topic,
            messages=source.messages,
            language=order.language,
            tone=order.tone,
            as_of=source.as_of,
            run_id=context.run_id,
        )
    return EditorResult.frame([result])


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
    with order_turn(context, catalog) as turn:
        (result,) = EditorResult.from_frame(editor_results)
        return ImageBrief.frame(briefs(result, turn.order.platforms))


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
    moderator: dg.ResourceParam[Moderator],
) -> pl.DataFrame:
    """The images, stored among the tenant's files."""
    tenant, order_id = order_key(context.partition_key)
    store = lake.tenant(tenant)
    with order_turn(context, catalog) as turn:
        ledger = ledger_of(catalog, turn)
        existing = Image.from_frame(store.read(IMAGES, order=order_id))
        return Image.frame(
            paint(
                MeteredPainter(painter, ledger, store),
                MeteredModerator(moderator, ledger),
                list(ImageBrief.from_frame(image_briefs)),
                store.put_file,
                list(existing),
            )
        )
