"""What assets and sensors are handed, made from settings: the lake, the catalog, the models.

A resource is opened in the process that runs the step, never when the definitions are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import dagster as dg

from tgstudio_dagster.ai.offline.moderator import OfflineModerator
from tgstudio_dagster.ai.offline.painter import OfflinePainter
from tgstudio_dagster.ai.offline.writer import OfflineWriter
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.turns import check_run
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.frame_cache import FrameCache
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.io_manager import LakeIOManager
from tgstudio_dagster.orchestration.run_days import RunDays
from tgstudio_dagster.topics.sentence import Encoder, open_encoder


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake of the settings."""

    def create_resource(self, context: dg.InitResourceContext) -> Lake:
        """Opened for one run, whose steps share what they have read; nothing is touched before the first use."""
        return Lake.open(settings(), cache=FrameCache())


class CatalogResource(dg.ConfigurableResource[Catalog]):
    """The catalog of the settings."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Catalog]:
        """Open for one run, closed after it."""
        catalog = Catalog.open(settings())
        try:
            yield catalog
        finally:
            catalog.close()


class EncoderResource(dg.ConfigurableResource[Encoder | None]):
    """The sentence model of the settings, None for words alone."""

    def create_resource(self, context: dg.InitResourceContext) -> Encoder | None:
        """Its weights are read when the first text is."""
        return open_encoder(settings())


class WriterResource(dg.ConfigurableResource[OfflineWriter]):
    """Who writes texts."""

    def create_resource(self, context: dg.InitResourceContext) -> OfflineWriter:
        """The writer that needs no network."""
        return OfflineWriter()


class ModeratorResource(dg.ConfigurableResource[OfflineModerator]):
    """Who judges what is drawn and published."""

    def create_resource(self, context: dg.InitResourceContext) -> OfflineModerator:
        """The moderator that needs no network."""
        return OfflineModerator()


class PainterResource(dg.ConfigurableResource[OfflinePainter]):
    """Who draws pictures."""

    def create_resource(self, context: dg.InitResourceContext) -> OfflinePainter:
        """The painter that needs no network."""
        return OfflinePainter()


@dg.io_manager(required_resource_keys={"lake", "catalog"}, description="Reads and writes the lake's tables by day.")
def lake_io_manager(context: dg.InitResourceContext) -> LakeIOManager:
    """Of the run's lake; a run that the catalog no longer lets write is refused."""
    return LakeIOManager(context.resources.lake, partial(check_run, context.resources.catalog))


def default_resources() -> dict[str, object]:
    """The resources of a deployment by name; tests override any of them in `build_definitions`."""
    return {
        "lake": LakeResource(),
        "catalog": CatalogResource(),
        "encoder": EncoderResource(),
        "writer": WriterResource(),
        "moderator": ModeratorResource(),
        "painter": PainterResource(),
        "run_days": RunDays(),
        "io_manager": lake_io_manager,
    }
