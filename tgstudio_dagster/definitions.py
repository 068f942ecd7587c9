"""The one assembly point: assets, checks, jobs, sensors and resources become Dagster's definitions here."""

from __future__ import annotations

from typing import Any

import dagster as dg

import assets
from assets.ingest import landings
from tgstudio_dagster.orchestration.bundle_job import build_bundle
from tgstudio_dagster.orchestration.checks import CHECKS
from tgstudio_dagster.orchestration.jobs import JOBS
from tgstudio_dagster.orchestration.resources import default_resources
from tgstudio_dagster.orchestration.sensors.tenants import SENSORS


def build_definitions(**overrides: Any) -> dg.Definitions:
    """The platform's definitions; `overrides` replace resources by name (lake, catalog, writer, painter, io_manager)."""
    return dg.Definitions(
        assets=[*dg.load_assets_from_package_module(assets), landings],
        asset_checks=CHECKS,
        jobs=[*JOBS, build_bundle],
        sensors=SENSORS,
        resources=default_resources() | overrides,
        executor=dg.in_process_executor,
    )


@dg.definitions
def definitions() -> dg.Definitions:
    """What `workspace.yaml` and `dagster` load."""
    return build_definitions()
