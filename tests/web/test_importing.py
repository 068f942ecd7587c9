"""Imports that are begun in the browser: whose they are, what may be imported, and what is seen of them."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NotFoundError, SourceError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import Settings, settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.services import importing
from tgstudio_dagster.services.importing import Import

EDITOR = Principal("acme", "u1", "editor")
OPERATOR = Principal("acme", None, "operator")
EXPORT = {
    "name": "Harbour", "type": "public_channel", "id": 555,
    "messages": [
        {"id": n, "type": "message", "date": "2026-03-09T10:00:00", "date_unixtime": str(1773050400 + n), "from": "Harbour",
         "from_id": "channel555", "text": f"Post {n}", "text_entities": []} for n in range(1, 6)
    ],
}  # fmt: skip


@pytest.fixture
def home(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TGSTUDIO_HOME", str(bare_home))
    settings.cache_clear()
    return bare_home


def export() -> io.BytesIO:
    return io.BytesIO(json.dumps(EXPORT).encode())


def only(home: Path, who: Principal = EDITOR) -> Import:
    (found,) = importing.imports(home, who)
    return found


def ended(home: Path, who: Principal = EDITOR) -> Import:
    wait(lambda: only(home, who).status != "running")
    return only(home, who)


def wait(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 120
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_an_uploaded_export_lands_and_the_upload_is_not_kept(home: Path) -> None:
    importing.upload(home, EDITOR, "result.json", export())
    one = ended(home)
    assert (one.status, one.read, one.landed) == ("done", 5, 5)
    assert Lake.open(Settings(home=home)).tenant("acme").landing_days() == one.days
    assert not list((home / "uploads").rglob("upload.*"))


def test_an_archive_may_not_reach_out_of_its_folder(home: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../../../outside.json", "{}")
        archive.writestr("/etc/outside.json", "{}")
        archive.writestr("export/result.json", json.dumps(EXPORT))
    packed.seek(0)
    importing.upload(home, EDITOR, "export.zip", packed)
    assert ended(home).status == "done"
    assert not list(home.parent.rglob("outside.json"))


def test_what_is_no_export_fails_and_says_what_is_understood(home: Path) -> None:
    importing.upload(home, EDITOR, "notes.json", io.BytesIO(b'{"hello": 1}'))
    one = ended(home)
    assert one.status == "failed"
    assert "Telegram Desktop export" in str(one.error)
    assert str(home) not in str(one.error)


def test_a_damaged_archive_fails(home: Path) -> None:
    importing.upload(home, EDITOR, "export.zip", io.BytesIO(b"not a zip"))
    assert ended(home).status == "failed"


def test_other_kinds_of_files_are_refused_at_once(home: Path) -> None:
    with pytest.raises(SourceError, match=r"result\.json"):
        importing.upload(home, EDITOR, "../../evil.sh", io.BytesIO(b""))
    assert importing.imports(home, EDITOR) == []


def test_a_viewer_may_not_import(home: Path) -> None:
    with pytest.raises(ForbiddenError):
        importing.upload(home, Principal("acme", "u2", "viewer"), "result.json", export())


def test_only_the_operator_imports_from_a_path(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_bytes(export().getvalue())
    with pytest.raises(ForbiddenError):
        importing.import_from(home, EDITOR, str(file))
    importing.import_from(home, OPERATOR, str(file))
    assert ended(home, OPERATOR).status == "done"
    assert file.exists()


def test_imports_are_their_tenants_alone(home: Path) -> None:
    importing.upload(home, EDITOR, "result.json", export())
    one, other = ended(home), Principal("other", "u3", "owner")
    assert importing.imports(home, other) == []
    with pytest.raises(NotFoundError):
        importing.forget(home, other, one.id)


def test_one_that_was_killed_is_stopped_and_goes_on(home: Path) -> None:
    importing.upload(home, EDITOR, "result.json", export())
    state = next((home / "uploads").rglob("state.json"))
    child = importing._CHILDREN[only(home).id]
    child.kill()
    child.wait()
    if only(home).status == "stopped":
        assert state.exists()
        importing.proceed(home, EDITOR, only(home).id)
    assert ended(home).status == "done"


def test_one_that_is_done_is_not_repeated_and_can_be_taken_off_the_list(home: Path) -> None:
    importing.upload(home, EDITOR, "result.json", export())
    one = ended(home)
    with pytest.raises(ConflictError):
        importing.proceed(home, EDITOR, one.id)
    importing.forget(home, EDITOR, one.id)
    assert importing.imports(home, EDITOR) == []
