"""The embedded home: the one folder that holds catalog, lake, Dagster's storage and logs on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.half_made import drop_half_made
from tgstudio_dagster.core.private import make_private
from tgstudio_dagster.core.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]


def prepare_home(settings: Settings) -> Path:
    """Create the home and its Dagster instance, and point DAGSTER_HOME at it; returns the instance's folder.

    The instance file is the project's `dagster.yaml`; where the catalog is PostgreSQL, so is Dagster's storage.
    Raises SettingsError where the folder cannot be made or the project's file is missing.
    """
    folder = settings.home.resolve() / "dagster"
    source = PROJECT / "dagster.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_private(settings.home.resolve())
        config: dict[str, Any] = yaml.safe_load(source.read_text())
        config |= _storage(settings, folder)
        text = yaml.safe_dump(config, sort_keys=False)
        target = folder / "dagster.yaml"
        if not target.exists() or target.read_text() != text:
            target.write_text(text)
        drop_half_made(folder)
    except OSError as error:
        raise FieldError(
            "TGSTUDIO_HOME", f"cannot prepare {folder} from {source}: {error}. Choose a folder you may write."
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    # Freshness is told in hours: to look every half minute, as Dagster does, would be most of what an idle daemon does.
    os.environ.setdefault("FRESHNESS_DAEMON_INTERVAL_SECONDS", "600")
    return folder


def _storage(settings: Settings, folder: Path) -> dict[str, Any]:
    """Where Dagster keeps runs, events and ticks; of events what `orchestration/lean_events.py` lets through."""
    if settings.catalog_url.startswith("postgresql"):
        kept = {"postgres_url": {"env": "TGSTUDIO_DATABASE_URL"}}
        runs, ticks = ("dagster_postgres", "PostgresRunStorage"), ("dagster_postgres", "PostgresScheduleStorage")
        events = ("tgstudio_dagster.orchestration.lean_events_postgres", "LeanPostgresEvents")
        return {
            name: {"module": module, "class": kind, "config": kept}
            for name, (module, kind) in (
                ("run_storage", runs),
                ("event_log_storage", events),
                ("schedule_storage", ticks),
            )
        }
    storage = {
        "run_storage": ("dagster._core.storage.runs", "SqliteRunStorage", "history"),
        "event_log_storage": ("tgstudio_dagster.orchestration.lean_events", "LeanSqliteEvents", "history/runs"),
        "schedule_storage": ("dagster._core.storage.schedules", "SqliteScheduleStorage", "schedules"),
    }
    return {
        name: {"module": module, "class": kind, "config": {"base_dir": str(folder / place)}}
        for name, (module, kind, place) in storage.items()
    }
