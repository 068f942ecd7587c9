"""Bundles: a request in the catalog becomes a run that writes its zip among the tenant's files, and says so in its row."""

import tempfile
from datetime import date
from pathlib import Path

import dagster as dg

from tgstudio_dagster import __version__
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.bundles import get_bundle, mark_bundle, pending_bundles
from tgstudio_dagster.lake.bundle import write_bundle
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.tags import BUNDLE_TAG, bundle_tags


@dg.op(description="Writes a tenant's tables of a range of days as a zip among the tenant's files.")
def write_bundle_file(
    context: dg.OpExecutionContext,
    lake: dg.ResourceParam[Lake],
    catalog: dg.ResourceParam[Catalog],
) -> None:
    """Which one the run's tag names; its row says how it ended, with its size."""
    bundle = context.run_tags.get(BUNDLE_TAG, "")
    tenant = bundle.partition("-")[0]
    wanted = get_bundle(catalog, tenant, bundle)
    mark_bundle(catalog, wanted.id, "running", run_id=context.run_id)
    store = lake.tenant(tenant)
    with tempfile.TemporaryDirectory(prefix="tgstudio-bundle-") as folder:
        target = Path(folder) / "bundle.zip"
        write_bundle(
            store,
            target,
            days=[date.fromordinal(n) for n in range(wanted.first.toordinal(), wanted.last.toordinal() + 1)],
            formats=("parquet", "csv") if wanted.format == "both" else (wanted.format,),
            bom=True,
            as_zip=True,
            code_version=__version__,
            tables=wanted.tables,
        )
        with target.open("rb") as file:
            stored = store.put_file(file, "zip")
    mark_bundle(catalog, wanted.id, "done", run_id=context.run_id, uri=stored.uri, size=stored.size)


@dg.job(
    name="build_bundle",
    executor_def=dg.in_process_executor,
    description="Builds one analyst's bundle that was asked for in the studio.",
)
def build_bundle() -> None:
    """One op: a bundle's rows are read partition by partition, there is nothing to share out."""
    write_bundle_file()


@dg.sensor(
    job=build_bundle,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for each bundle that waits in the catalog.",
)
def bundles_sensor(_context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog]) -> dg.SensorResult:
    """One run for each; a bundle's id is its run key."""
    waiting = pending_bundles(catalog)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=one.id,
                tags=bundle_tags(one.tenant, one.id),
            )
            for one in waiting
        ],
    )


BUNDLE_PARTS = [bundles_sensor]
