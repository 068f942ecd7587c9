"""What Dagster's storage keeps of a run: its materializations, checks, beginning and end; all of it where it failed.

A step writes some ten events of a kilobyte, most of which say that the next one is about to come. While a run lasts they
show how far it is; once it has succeeded nobody reads them, and at a refresh every few minutes they are most of what is
stored. `core/home.py` names these classes in the instance's configuration.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData

PLANNED = ("ASSET_MATERIALIZATION_PLANNED", "ASSET_CHECK_EVALUATION_PLANNED")
KEPT = frozenset(
    kind.value
    for kind in dg.DagsterEventType
    if kind.value.startswith(("PIPELINE_", "ASSET_")) and kind.value not in PLANNED
)
"""Event types that stay when a run has succeeded."""
NOISE = frozenset(
    {
        dg.DagsterEventType.RESOURCE_INIT_STARTED,
        dg.DagsterEventType.RESOURCE_INIT_SUCCESS,
        dg.DagsterEventType.LOADED_INPUT,
        dg.DagsterEventType.STEP_INPUT,
        dg.DagsterEventType.LOGS_CAPTURED,
    }
)
"""Event types that are never stored: nothing is decided by them."""
VERSIONS = "dagster/input_data_version/"
VERSION_DIGITS = 16
PAGE_BYTES = 8192
OF_THE_RUN_ALONE = frozenset(
    {
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.RUN_ENQUEUED,
        dg.DagsterEventType.RUN_DEQUEUED,
        dg.DagsterEventType.RUN_STARTING,
        dg.DagsterEventType.RUN_START,
    }
)
"""Event types that no sensor looks for: when a run began is in its row, too."""


class LeanEvents(SqlEventLogStorage):
    """An event storage that leaves out noise, stores the rest without repeating itself, and forgets steps that went well."""

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store the event unless it is noise; the end of a run that succeeded lets go of its steps."""
        if is_noise(event):
            return
        super().store_event(slim(event))
        if event.is_dagster_event and event.get_dagster_event().event_type is dg.DagsterEventType.RUN_SUCCESS:
            self.forget_steps(event.run_id)

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """As `store_event`, for materializations of one asset."""
        super().store_event_batch([slim(event) for event in events])

    def forget_steps(self, run_id: str) -> None:
        """Remove what a run that has succeeded need not tell any more; its warnings stay."""
        table: Any = SqlEventLogStorageTable
        warned = table.c.event.like(f'%"level": {logging.WARNING},%') | table.c.event.like(
            f'%"level": {logging.ERROR},%'
        )
        past = table.c.dagster_event_type.not_in(KEPT) | (table.c.dagster_event_type.is_(None) & ~warned)
        with self.index_connection() as connection:
            connection.execute(table.delete().where(table.c.run_id == run_id, past))


class LeanSqliteEvents(LeanEvents, SqliteEventLogStorage):
    """Events in SQLite. A run has a file of its own (220 kB before its first event) until it has succeeded.

    What is kept of it stands in the index, where Dagster puts a copy of it anyhow, and is read there from then on.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> LeanSqliteEvents:
        """As Dagster makes it from the instance's configuration."""
        return cls(inst_data=inst_data, **config_value)

    def store_event(self, event: dg.EventLogEntry) -> None:
        """As above; a run's first event makes its file."""
        if is_noise(event):
            return
        with super().run_connection(event.run_id) as connection:  # opening the file makes it
            if event.is_dagster_event and event.get_dagster_event().event_type in OF_THE_RUN_ALONE:
                # Where its page and a backfill look for them: rows that go again would leave holes in the index.
                connection.execute(self.prepare_insert_event(slim(event)))
                return
        super().store_event(event)

    def _initdb(self, engine: Any, for_index_shard: bool = False) -> None:
        """As Dagster makes its files; the index has larger pages: two materializations fill one of the usual size badly."""
        if for_index_shard:
            with closing(sqlite3.connect(self.path_for_shard(INDEX_SHARD_NAME))) as database:
                database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                database.execute("VACUUM")
        super()._initdb(engine, for_index_shard=for_index_shard)

    def delete_events(self, run_id: str) -> None:
        """Of a run that is deleted its file goes, too."""
        super().delete_events(run_id)
        self._remove_file(run_id)

    def run_connection(self, run_id: str | None = None) -> Any:
        """The run's file while it has one, else the index."""
        there = run_id is not None and Path(self.path_for_shard(run_id)).exists()
        return super().run_connection(run_id) if there else self.index_connection()

    def forget_steps(self, run_id: str) -> None:
        """Remove the run's file, and what its copy in the index need not tell any more."""
        super().forget_steps(run_id)
        self._remove_file(run_id)

    def _remove_file(self, run_id: str) -> None:
        file = self.path_for_shard(run_id)
        for name in (file, f"{file}-wal", f"{file}-shm"):
            with suppress(FileNotFoundError):
                Path(name).unlink()
        self._initialized_dbs.discard(run_id)


def is_noise(event: dg.EventLogEntry) -> bool:
    """Whether nobody misses the event: debug lines, and what Dagster says to itself where nothing went wrong."""
    if not event.is_dagster_event:
        return int(event.level) < logging.INFO
    told = event.get_dagster_event()
    if told.event_type is dg.DagsterEventType.ENGINE_EVENT:
        return told.engine_event_data.error is None
    return told.event_type in NOISE


def slim(event: dg.EventLogEntry) -> dg.EventLogEntry:
    """The event without what its columns and its run say as well: tags for log files, its message a second time.

    Of a materialization also the handles that repeat the step's key; versions of its inputs are cut to the digits that
    ours have: of partitions only their presence counts.
    """
    if not event.is_dagster_event:
        return event
    told = event.get_dagster_event()._replace(logging_tags={}, pid=None)
    if told.is_step_materialization:
        data = told.step_materialization_data
        tags = {
            name: value[:VERSION_DIGITS] if name.startswith(VERSIONS) else value
            for name, value in (data.materialization.tags or {}).items()
        }
        data = data._replace(materialization=data.materialization._replace(tags=tags))
        told = told._replace(event_specific_data=data, step_handle=None, node_handle=None, message=None)
    return event._replace(user_message="", dagster_event=told)
