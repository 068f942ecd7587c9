"""Uploads become runs; what a run lands is told by its row; a run that is killed is followed by another."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.builders import make_tenant
from tests.exports import desktop_export, packed
from tests.orchestration.test_sensors import Ticks
from tests.telegram.html_pages import entry, page
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.catalog.work.uploads import (
    MOST_ATTEMPTS,
    Upload,
    UploadProgress,
    begin_upload,
    cancel_upload,
    get_upload,
    note_progress,
    retry_upload,
    upload_lease,
)
from tgstudio_dagster.core.errors import StoppedError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.decide.uploads import Candidate, decide
from tgstudio_dagster.orchestration.sensors.uploads import uploads_sensor
from tgstudio_dagster.orchestration.tags import ATTEMPT_TAG, UPLOAD_TAG
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.uploads import Uploads

EDITOR = Principal("acme", None, "editor")
OPERATOR = Principal("acme", None, "operator")
KILLED = """
import functools, os, signal, sys
from datetime import date
from pathlib import Path
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.telegram.sources import importer, uploads
url, root, folder, upload, run = sys.argv[1:]
uploads._PROGRESS_SECONDS = 0.0
batches = 0
def dying(path, *, progress, **given):
    def step(told):
        global batches
        progress(told)
        batches += 1
        if batches == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    return importer.import_path(path, progress=step, batch=100, **given)
uploads.import_path = dying
uploads.carry_out(Catalog(url), Lake(root).tenant("acme"), upload, run, folder=Path(folder), first_day=date(2020, 1, 1))
"""


class Importing(Ticks):
    """Ticks of the uploads' sensor, and its job run in this process."""

    home: Path

    def hand_in(self, content: bytes, name: str = "result.json", who: Principal = EDITOR) -> str:
        return self.of(who).upload(name, io.BytesIO(content)).id

    def of(self, who: Principal = EDITOR) -> Uploads:
        return Studio.open(who, self.catalog, self.lake).uploads

    def row(self, upload: str) -> Upload:
        return get_upload(self.catalog, upload.partition("-")[0], upload)

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        job = build_definitions(lake=self.lake, catalog=self.catalog).resolve_job_def("import_upload")
        return job.execute_in_process(instance=self.instance, tags=request.tags, raise_on_error=False)

    def work(self) -> None:
        for request in self.runs(uploads_sensor):
            assert self.run(request).success

    def posts(self, tenant: str = "acme") -> int:
        lake = self.lake.tenant(tenant)
        frames = [lake.read_landings(lake.landings(day)) for day in lake.landing_days()]
        return sum(frame.n_unique(["channel_id", "msg_id"]) for frame in frames)


@pytest.fixture
def ticks(tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Importing]:
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    make_tenant(catalog, "acme")
    make_tenant(catalog, "bravo")
    with dg.DagsterInstance.ephemeral() as instance:
        importing = Importing(Lake(str(tmp_path / "lake")), catalog, instance)
        importing.home = tmp_path / "home"
        yield importing
    settings.cache_clear()


def test_an_upload_is_imported_and_its_bytes_go(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export(5))
    ticks.work()
    row = ticks.row(upload)
    assert (row.status, row.read, row.landed, row.rejected, row.attempts) == ("done", 5, 5, 0, 1)
    assert (str(row.first_day), str(row.last_day), row.position == row.total > 0) == ("2026-03-09", "2026-03-09", True)
    assert ticks.posts() == 5 and ticks.posts("bravo") == 0
    assert ticks.lake.tenant("acme").uploads.stored() == {}
    assert list((ticks.home / "uploads").iterdir()) == []


def test_a_run_is_started_once_however_often_the_sensor_looks(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export())
    first, second = ticks.runs(uploads_sensor), ticks.runs(uploads_sensor)
    assert [request.run_key for request in first] == [request.run_key for request in second] == [f"{upload}:0"]
    assert (first[0].tags[UPLOAD_TAG], first[0].tags[ATTEMPT_TAG]) == (upload, "0")
    ticks.run(first[0])
    assert isinstance(ticks.tick(uploads_sensor), dg.SkipReason)


def test_an_archive_may_not_reach_out_of_its_folder(ticks: Importing, tmp_path: Path) -> None:
    files = {"../../../../outside.json": b"{}", "/etc/outside.json": b"{}", "export/result.json": desktop_export()}
    upload = ticks.hand_in(packed(**files), "export.zip")
    ticks.work()
    assert ticks.row(upload).status == "done" and ticks.posts() == 5
    assert not list(tmp_path.rglob("outside.json"))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("notes.json", b'{"hello": 1}', "Telegram Desktop export"),
        ("export.zip", b"not a zip", "begins with 'not a zip'"),
        ("export.zip", packed(**{"result.json": desktop_export()})[:-40], "can't be unpacked"),
        ("export.zip", packed(**{"notes.txt": b"hello"}), "notes.txt (plain text, no JSON"),
        ("dump.jsonl.gz", b"\x1f\x8b broken", "can't be unpacked"),
        (
            "private.json",
            desktop_export(2).replace(b"public_channel", b"personal_chat"),
            "Nothing landed of 2 messages (",
        ),
        ("empty.json", desktop_export(0), "holds no messages"),
    ],
)
def test_a_bad_file_fails_with_its_reason_and_its_run_succeeds(
    ticks: Importing, name: str, content: bytes, why: str
) -> None:
    upload = ticks.hand_in(content, name)
    ticks.work()
    row = ticks.row(upload)
    assert row.status == "failed" and why in str(row.error)
    assert str(ticks.home) not in str(row.error) and upload not in str(row.error)
    assert ticks.lake.tenant("acme").uploads.stored() == {}


def test_where_nothing_landed_the_reasons_are_told_and_the_file_is_tried_again(ticks: Importing) -> None:
    private = desktop_export(2).replace(b"public_channel", b"personal_chat")
    first = ticks.hand_in(private)
    ticks.work()
    again = ticks.hand_in(private)
    ticks.work()
    for upload in (first, again):
        row = ticks.row(upload)
        assert (row.status, row.read, row.landed, row.filtered) == ("failed", 2, 0, 2)
        assert sum(row.filtered_by.values()) == 2


@pytest.mark.parametrize("name", ["result.json.gz", "messages.html"])
def test_a_packed_file_and_a_page_are_imported(ticks: Importing, name: str) -> None:
    upload = ticks.hand_in(
        gzip.compress(desktop_export(5)) if name.endswith(".gz") else page(entry(1, "a")).encode(), name
    )
    ticks.work()
    assert ticks.row(upload).status == "done" and ticks.posts() in (1, 5)


def test_what_is_left_out_is_told_with_its_reasons(ticks: Importing) -> None:
    export = desktop_export(3).replace(b'"id": 2,', b'"id": -2,')
    upload = ticks.hand_in(export)
    ticks.work()
    row = ticks.row(upload)
    assert (row.read, row.landed, row.filtered, row.rejected) == (3, 2, 1, 0)
    assert sum(row.filtered_by.values()) == 1


def test_the_same_file_again_lands_nothing_new(ticks: Importing) -> None:
    ticks.hand_in(desktop_export())
    ticks.work()
    again = ticks.hand_in(desktop_export())
    ticks.work()
    row = ticks.row(again)
    assert (row.status, row.read, row.landed, row.skipped_files, row.first_day) == ("done", 0, 0, 1, None)
    assert ticks.posts() == 5


def test_the_operators_path_goes_the_same_way_and_stays(ticks: Importing, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "result.json").write_bytes(desktop_export())
    upload = ticks.of(OPERATOR).from_path(str(folder)).id
    ticks.work()
    assert ticks.row(upload).status == "done" and ticks.posts() == 5
    assert (folder / "result.json").exists()


@pytest.mark.slow
def test_a_killed_run_is_followed_by_one_that_goes_on(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export(1_000))
    (request,) = ticks.runs(uploads_sensor)
    job = build_definitions().resolve_job_def("import_upload")
    dead = ticks.instance.create_run_for_job(job, tags=request.tags, status=dg.DagsterRunStatus.STARTED)
    url, root = ticks.catalog.url.render_as_string(hide_password=False), ticks.lake.root
    arguments = [url, root, str(ticks.home / "uploads"), upload, dead.run_id]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=dict(os.environ), check=False)
    assert killed.returncode == -signal.SIGKILL
    row = ticks.row(upload)
    assert (row.status, row.read) == ("running", 300)
    assert ticks.lake.tenant("acme").uploads.stored()
    # The dead run gives its slot back; the upload waits for the next tick.
    assert ticks.runs(uploads_sensor) == []
    ended = ticks.instance.get_run_by_id(dead.run_id)
    assert ended is not None and ended.status == dg.DagsterRunStatus.FAILURE
    (next_request,) = ticks.runs(uploads_sensor)
    assert next_request.run_key == f"{upload}:1"
    assert ticks.run(next_request).success
    row = ticks.row(upload)
    assert (row.status, row.read, row.landed, row.attempts) == ("done", 1_000, 1_000, 2)
    assert ticks.posts() == 1_000
    assert ticks.lake.tenant("acme").uploads.stored() == {} and list((ticks.home / "uploads").iterdir()) == []


def test_a_run_that_never_began_is_followed_by_another_three_times_at_most(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export())
    job = build_definitions().resolve_job_def("import_upload")
    for attempt in range(MOST_ATTEMPTS):
        (request,) = ticks.runs(uploads_sensor)
        assert request.run_key == f"{upload}:{attempt}"
        ticks.instance.create_run_for_job(job, tags=request.tags, status=dg.DagsterRunStatus.FAILURE)
        assert ticks.runs(uploads_sensor) == []
    row = ticks.row(upload)
    assert row.status == "failed" and "ended without a word" in str(row.error)


def test_what_the_store_says_is_the_reason_of_the_last_attempt(
    ticks: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = ticks.hand_in(desktop_export())
    ticks.lake.tenant("acme").uploads.drop(upload, "json")
    for _ in range(MOST_ATTEMPTS):
        (request,) = ticks.runs(uploads_sensor)
        assert not ticks.run(request).success
        assert ticks.runs(uploads_sensor) == []
    row = ticks.row(upload)
    assert row.status == "failed" and "cannot read" in str(row.error)


def test_a_cancelled_upload_stops_at_its_next_batch(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export())
    with lease(ticks.catalog, upload_lease(upload)):
        begin_upload(ticks.catalog, upload, "run-1")
        ticks.of().cancel(upload)
        with pytest.raises(StoppedError, match="cancelled"):
            note_progress(ticks.catalog, upload, "run-1", UploadProgress(read=1))
    assert isinstance(ticks.tick(uploads_sensor), dg.SkipReason)
    # Its bytes are swept by the tenant's next import, should its own run have died.
    ticks.hand_in(desktop_export(2))
    ticks.work()
    assert ticks.lake.tenant("acme").uploads.stored() == {}


def test_a_cancelled_uploads_run_that_comes_late_does_nothing(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export())
    (request,) = ticks.runs(uploads_sensor)
    cancel_upload(ticks.catalog, EDITOR, upload)
    assert ticks.run(request).success
    assert ticks.row(upload).status == "cancelled" and ticks.posts() == 0


def test_a_run_that_another_has_replaced_writes_nothing_more(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export())
    begin_upload(ticks.catalog, upload, "run-1")
    retry_upload(ticks.catalog, upload, 1, "died")
    begin_upload(ticks.catalog, upload, "run-2")
    with pytest.raises(StoppedError):
        note_progress(ticks.catalog, upload, "run-1", UploadProgress(read=9))
    assert retry_upload(ticks.catalog, upload, 1, "died").status == "running"
    assert ticks.row(upload).read == 0


def test_a_file_that_is_imported_by_the_command_is_waited_for(ticks: Importing) -> None:
    ticks.hand_in(desktop_export())
    other = ticks.of(Principal("bravo", None, "owner")).upload("result.json", io.BytesIO(desktop_export())).id
    with lease(ticks.catalog, "import:acme"):
        assert [request.tags[UPLOAD_TAG] for request in ticks.runs(uploads_sensor)] == [other]
    assert len(ticks.runs(uploads_sensor)) == 2


def test_an_import_elsewhere_puts_an_upload_back(ticks: Importing) -> None:
    upload = ticks.hand_in(desktop_export())
    (request,) = ticks.runs(uploads_sensor)
    with lease(ticks.catalog, "import:acme"):
        assert ticks.run(request).success
    assert ticks.row(upload).status == "waiting"
    ticks.work()
    assert ticks.row(upload).status == "done"


def test_a_tenant_has_one_import_at_a_time_oldest_first() -> None:
    waiting = [Candidate("b-2", "b", 0, "none"), Candidate("b-1", "b", 0, "none"), Candidate("c-1", "c", 0, "alive")]
    more = [Candidate("c-2", "c", 0, "none"), Candidate("d-1", "d", 2, "over"), Candidate("e-1", "e", 1, "none")]
    decision = decide([*waiting, *more], busy={"e"})
    assert [start.run_key for start in decision.starts] == ["b-1:0"]
    assert [candidate.upload for candidate in decision.over] == ["d-1"]
