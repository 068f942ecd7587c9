"""The one assembly point: assets, checks, jobs, sensors and resources become Dagster's definitions here."""

from __future__ import annotations

from typing import Any

import dagster as dg

import assets
from assets.ingest import landings
from tgstudio_dagster.capabilities import load_all
from tgstudio_dagster.core.private import keep_private
from tgstudio_dagster.orchestration.bundle_job import build_bundle
from tgstudio_dagster.orchestration.checks import CHECKS
from tgstudio_dagster.orchestration.import_job import import_upload
from tgstudio_dagster.orchestration.jobs import JOBS
from tgstudio_dagster.orchestration.nightly import SCHEDULES
from tgstudio_dagster.orchestration.resources import default_resources
from tgstudio_dagster.orchestration.retention import clean_up
from tgstudio_dagster.orchestration.sensors.tenants import SENSORS

# Dagster's processes begin here: whatever they write is its owner's alone.
keep_private()


def build_definitions(**overrides: Any) -> dg.Definitions:
    """The platform's definitions; `overrides` replace resources by name (lake, catalog, writer, painter, io_manager)."""
    return dg.Definitions(
        assets=[*dg.load_assets_from_package_module(assets), landings, *_assets()],
        asset_checks=CHECKS,
        jobs=[*JOBS, build_bundle, import_upload, clean_up, *_of_capabilities("jobs")],
        schedules=SCHEDULES,
        sensors=[*SENSORS, *_of_capabilities("sensors")],
        resources=default_resources() | overrides,
        executor=dg.in_process_executor,
    )


def _assets() -> list[Any]:
    """The assets of capabilities that are not the studio's own."""
    modules = [module for _, module in load_all("assets")]
    return list(dg.load_assets_from_modules(modules)) if modules else []


def _of_capabilities(what: str) -> list[Any]:
    return [definition for _, definitions in load_all(what) for definition in definitions]


@dg.definitions
def definitions() -> dg.Definitions:
    """What `workspace.yaml` and `dagster` load."""
    return build_definitions()
