"""A process that is killed while Dagster makes its tables leaves a file that Dagster never mends."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tgstudio_dagster.core.half_made import drop_half_made


def database(path: Path, *statements: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def test_a_file_without_a_version_is_taken_away_and_a_whole_one_stays(tmp_path: Path) -> None:
    half = database(tmp_path / "history/runs/index.db", "create table event_logs (id integer)")
    empty = database(tmp_path / "schedules/schedules.db")
    whole = database(
        tmp_path / "history/runs.db",
        "create table alembic_version (version_num text)",
        "insert into alembic_version values ('1')",
    )
    assert set(drop_half_made(tmp_path, patience=0.0)) == {half, empty}
    assert not half.exists() and not empty.exists() and whole.exists()
    assert drop_half_made(tmp_path) == []


def test_a_file_that_another_process_holds_is_left_alone(tmp_path: Path) -> None:
    path = database(tmp_path / "history/runs.db", "create table runs (id integer)")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    try:
        assert drop_half_made(tmp_path, patience=0.0) == []
    finally:
        other.close()
    assert path.exists()
