"""What assets and sensors are handed, made from settings: the lake, the catalog, the models.

A resource is opened in the process that runs the step, never when the definitions are loaded.
"""

from __future__ import annotations

import dagster as dg

from tgstudio_dagster.ai.offline.painter import OfflinePainter
from tgstudio_dagster.ai.offline.writer import OfflineWriter
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.io_manager import LakeIOManager
from tgstudio_dagster.topics.sentence import open_encoder


def default_resources() -> dict[str, dg.ResourceDefinition]:
    """The resources of a deployment by name; tests override any of them in `build_definitions`."""
    return {
        "lake": dg.ResourceDefinition(lambda _: Lake.open(settings())),
        "catalog": dg.ResourceDefinition(lambda _: Catalog.open(settings())),
        "encoder": dg.ResourceDefinition(lambda _: open_encoder(settings())),
        "writer": dg.ResourceDefinition(lambda _: OfflineWriter()),
        "painter": dg.ResourceDefinition(lambda _: OfflinePainter()),
        "io_manager": dg.IOManagerDefinition(
            lambda context: LakeIOManager(context.resources.lake), required_resource_keys={"lake"}
        ),
    }
