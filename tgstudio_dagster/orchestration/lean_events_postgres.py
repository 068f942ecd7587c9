"""`lean_events.py` on PostgreSQL: a module of its own, so that the embedded profile loads no driver."""

from __future__ import annotations

from dagster_postgres import PostgresEventLogStorage

from tgstudio_dagster.orchestration.lean_events import LeanEvents


class LeanPostgresEvents(LeanEvents, PostgresEventLogStorage):
    """Events of runs in the catalog's database."""
