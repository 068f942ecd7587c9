"""The walk over files: checkpoints, resuming, repeating, filters, folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from tests.telegram.conftest import Desk
from tests.telegram.exports import START, chat, lines, message, telethon, write
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.catalog.work.imports import list_imports
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources.source import Stretch
from tgstudio_dagster.telegram.sources.summary import Progress


def test_importing_again_skips_at_once_and_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(n) for n in range(1, 6)]))
    first = desk.load(path)
    before = desk.rows()
    second = desk.load(path)
    assert (first.landed, second.landed, second.skipped_files) == (5, 0, 1)
    assert_frame_equal(before, desk.rows())


def test_again_lands_the_same_landings(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(n) for n in range(1, 6)]))
    desk.load(path)
    before = desk.rows()
    assert desk.load(path, again=True).landed == 5
    assert desk.load(path, again=True).landed == 5
    assert_frame_equal(before, desk.rows())


def test_batches_give_what_one_batch_gives(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(n) for n in range(1, 60)]))
    steps: list[Progress] = []
    got = desk.load(path, batch=7, progress=steps.append)
    assert [step.done for step in steps] == [*range(7, 59, 7), 59]
    assert (steps[-1].total, got.landed, desk.rows()["msg_id"].to_list()) == (59, 59, list(range(1, 60)))


def test_an_import_cut_short_goes_on_where_it_stopped(desk: Desk, tmp_path: Path) -> None:
    made = [message(n) for n in range(1, 21)]
    made[10] = message(11, id="bad")
    made[17] = message(18, date_unixtime="0", date="")
    path = write(tmp_path, chat(made))

    def stop(step: Progress) -> None:
        if step.done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.load(path, batch=4, progress=stop)
    rest = desk.load(path, batch=4)
    assert (rest.read, rest.landed, rest.rejected) == (8, 7, 1)
    (job,) = list_imports(desk.catalog, "demo")
    assert (job.read, job.landed, job.rejected, job.status) == (20, 18, 2, "done")
    assert len(desk.rejects()) == 2
    assert desk.rows()["msg_id"].to_list() == [n for n in range(1, 21) if n not in (11, 18)]


def test_a_batch_that_was_landed_but_not_recorded_is_not_doubled(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, chat([message(n) for n in range(1, 9)]))
    real = desk.lake.land

    def land_and_die(frame: Any) -> Any:
        real(frame)
        raise KeyboardInterrupt

    monkeypatch.setattr(desk.lake, "land", land_and_die)
    with pytest.raises(KeyboardInterrupt):
        desk.load(path)
    monkeypatch.undo()
    assert desk.load(path).landed == 8
    assert desk.rows()["msg_id"].to_list() == list(range(1, 9))


_CHILD = """
import sys
from datetime import date, datetime, UTC
from pathlib import Path
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.telegram.sources.importer import import_path
path, catalog, lake = sys.argv[1:]
import_path(Path(path), tenant="demo", catalog=Catalog(catalog), lake=Lake(lake).tenant("demo"),
            settings=TenantSettings(), first_day=date(2020, 1, 1), now=datetime(2026, 6, 1, tzinfo=UTC), batch=20,
            progress=lambda step: print(step.done, flush=True))
"""


def test_killed_at_any_moment_the_next_run_completes(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path / "export", chat([message(n) for n in range(1, 400)]))
    command = [
        sys.executable,
        "-c",
        _CHILD,
        str(path),
        f"sqlite:///{tmp_path / 'catalog.sqlite'}",
        str(tmp_path / "lake"),
    ]
    for delay in (0.0, 0.013, 0.05):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    desk.load(path, batch=20)
    (job,) = list_imports(desk.catalog, "demo")
    assert (job.status, job.read, job.landed) == ("done", 399, 399)
    assert desk.rows()["msg_id"].to_list() == list(range(1, 400))


def test_every_export_and_dump_of_a_folder_is_imported_and_the_rest_is_named(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder, chat([message(1)]), "a/result.json")
    lines(folder, [telethon(2, "b")], "b/c/dump.jsonl")
    write(folder, {"rows": 5}, "b/package.json")
    got = desk.load(folder)
    assert (got.files, got.landed, got.ignored) == (2, 2, ["b/package.json"])


def test_one_bad_file_of_a_folder_does_not_stop_the_others(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder, {"chats": 5}, "a.json")
    write(folder, chat([message(1)]), "b.json")
    with pytest.raises(SourceError, match=r"a\.json"):
        desk.load(folder)
    assert desk.rows().height == 1


def test_the_observation_can_be_given(desk: Desk, tmp_path: Path) -> None:
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    desk.load(write(tmp_path, chat([message(1)])), observed_at=moment)
    assert desk.rows()["observed_at"].to_list() == [moment]


def test_filters_leave_rows_out_by_reason_and_store_none_of_their_files(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "b.jpg").write_bytes(b"b")
    made = [message(1, "bitcoin grows", photo="a.jpg"), message(2, "weather", photo="b.jpg"), message(3, "Bitcoin, ad")]
    got = desk.load(write(tmp_path, chat(made)), Filters(keywords=("bitcoin",), exclude_keywords=("ad",)))
    assert (got.landed, got.filtered, got.rejected) == (1, 2, 0)
    assert got.filtered_by == {"filter: keywords": 1, "filter: exclude_keywords": 1}
    assert len(list((tmp_path / "lake" / "files" / "tenant=demo").glob("*.jpg"))) == 1


def test_file_limits_list_the_file_without_storing_it(desk: Desk, tmp_path: Path) -> None:
    for name in ("big.jpg", "ok.jpg", "note.txt"):
        (tmp_path / name).write_bytes(b"x" * (100 if name == "big.jpg" else 5))
    made = [message(1, "", photo="big.jpg"), message(2, "", photo="ok.jpg"), message(3, "", file="note.txt")]
    desk.load(write(tmp_path, chat(made)), Filters(max_file_size=50, extensions=("jpg",)))
    statuses = [row[0]["status"] for row in desk.rows()["attachments"].to_list()]
    assert statuses == ["skipped: larger than max_file_size", "stored", "skipped: not one of extensions"]


def test_days_are_told(desk: Desk, tmp_path: Path) -> None:
    made = [message(1), message(2, date_unixtime=str(START + 86400))]
    assert desk.load(write(tmp_path, chat(made))).days == [date(2026, 3, 9), date(2026, 3, 10)]


def test_a_stretch_counts_from_nothing() -> None:
    assert (Stretch().read, Stretch().size, Stretch().single()) == (0, 0, [])
