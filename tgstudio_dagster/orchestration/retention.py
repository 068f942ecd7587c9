"""What is deleted after TGSTUDIO_RETENTION_DAYS: finished runs with the room that they took, and kept answers of models.

The newest materialization of every tenant's month stays, with its run, however old it is: the calendar in Dagster's UI
shows it, and what is stale is told from it. Orders are told from the catalog and the lake, so their runs and keys go.
Runs by itself each night; the lake is never touched.
"""

import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from tgstudio_dagster.ai.ledger import trim
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.orchestration.partitions import ORDER_TAG, orders, tenants

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
BATCH = 200
WORTH = 0.2
"""Share of a SQLite file that must be empty before it is written anew."""


@dataclass(frozen=True)
class Pruned:
    """What was let go of: runs, and bytes of SQLite files."""

    runs: int
    bytes: int


def prune(instance: dg.DagsterInstance, before: datetime) -> Pruned:
    """Delete the runs that ended before the moment and hold no newest materialization; then make the files smaller."""
    kept = newest_runs(instance)
    past = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=FINISHED, updated_before=before))
        if run.run_id not in kept
    ]
    for run in past:
        instance.delete_run(run.run_id)
        if ORDER_TAG in run.tags:
            instance.delete_dynamic_partition(str(orders.name), run.tags[ORDER_TAG])
        # Output that the version before kept of each run.
        shutil.rmtree(Path(instance.storage_directory()) / run.run_id, ignore_errors=True)
    folder = Path(instance.root_directory)
    return Pruned(len(past), sum(map(compact, [*folder.glob("history/**/*.db"), *folder.glob("schedules/*.db")])))


def newest_runs(instance: dg.DagsterInstance) -> set[str]:
    """Runs that hold the newest materialization of a month of a tenant there is."""
    known = set(instance.get_dynamic_partitions(str(tenants.name)))
    found: set[str] = set()
    for key in instance.get_asset_keys():
        rows = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        ids = [row for partition, row in rows.items() if is_month_of(partition, known)]
        for start in range(0, len(ids), BATCH):
            some = dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[start : start + BATCH])
            found |= {record.run_id for record in instance.fetch_materializations(some, limit=BATCH).records}
    return found


def is_month_of(partition: str, tenants: Collection[str]) -> bool:
    """Whether the key is one of today's calendar: `2026-03|acme`. Keys of days are of the versions before months."""
    month, _, tenant = partition.partition("|")
    return tenant in tenants and len(month) == len("2026-03")


def compact(path: Path) -> int:
    """Write a SQLite file anew where much of it is empty; returns the bytes saved. One that is in use waits for next time."""
    before = path.stat().st_size
    try:
        with closing(sqlite3.connect(path, timeout=5)) as database:
            pages, empty = (
                database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
            )
            if empty <= WORTH * pages:
                return 0
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        return 0
    return before - path.stat().st_size


@dg.op(description="Deletes runs and events that are older than TGSTUDIO_RETENTION_DAYS, and the room that they took.")
def prune_runs(context: dg.OpExecutionContext) -> None:
    """Says in the run's log what went."""
    pruned = prune(context.instance, datetime.now(UTC) - timedelta(days=settings().retention_days))
    context.log.info("%d runs deleted, files smaller by %d bytes", pruned.runs, pruned.bytes)


@dg.op(description="Deletes the answers of models that were kept for longer than TGSTUDIO_RETENTION_DAYS.")
def trim_answers(context: dg.OpExecutionContext, catalog: dg.ResourceParam[Catalog]) -> None:
    """Says in the run's log how many."""
    deleted = trim(catalog, datetime.now(UTC) - timedelta(days=settings().retention_days))
    context.log.info("%d kept answers of models deleted", deleted)


@dg.job(
    name="clean_up",
    executor_def=dg.in_process_executor,
    description="Keeps Dagster's storage and the catalog from growing.",
)
def clean_up() -> None:
    """Two ops."""
    prune_runs()
    trim_answers()


clean_up_nightly = dg.ScheduleDefinition(
    name="clean_up_nightly",
    job=clean_up,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Lets go of old runs and events each night.",
)
