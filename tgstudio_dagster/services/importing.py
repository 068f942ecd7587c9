"""Imports that are begun in the browser: an upload, or (by the operator) a path of this machine, each in a process of its own.

Every import is a folder `uploads/<tenant>/<id>/` of the home with its `state.json`, so that it is seen after a reload and
goes on after a restart; what was imported is telegram/sources/importer.py's matter, when it is worked on the sensors'.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

import msgspec
import psutil

from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NotFoundError, SourceError, TGStudioError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal

SUFFIXES = (".json", ".jsonl", ".zip")
_STATE = "state.json"
_MOST_FILES = 500_000
_SPARE_BYTES = 2**30
"""Left free on the disk by what is unpacked."""


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """An import and how far it is: `done` of `total` elements of the file it is at; the counts are of messages and posts.

    `stopped` is one whose process has ended before it was through: it can be continued.
    """

    id: str
    tenant: str
    name: str
    source: str
    begun_at: datetime
    status: Literal["running", "done", "failed", "stopped"] = "running"
    pid: int | None = None
    pid_started: float | None = None
    done: int = 0
    total: int = 0
    read: int = 0
    landed: int = 0
    rejected: int = 0
    days: list[date] = []
    error: str | None = None


def upload(home: Path, principal: Principal, name: str, content: BinaryIO) -> Import:
    """Keep what was uploaded, and begin to import it.

    Raises ForbiddenError for a viewer, SourceError for a file that is no .json, .jsonl or .zip.
    """
    _may_import(principal)
    file = PurePosixPath(name.replace("\\", "/")).name
    suffix = PurePosixPath(file).suffix.lower()
    if suffix not in SUFFIXES:
        raise SourceError(
            f"{file}: upload result.json of Telegram Desktop, a dump (.jsonl), or the export's folder as .zip."
        )
    begun = _new(home, principal, file, "")
    target = _folder(home, begun) / f"upload{suffix}"
    with target.open("wb") as kept:
        shutil.copyfileobj(content, kept, 2**20)
    return _start(home, msgspec.structs.replace(begun, source=str(target)))


def import_from(home: Path, principal: Principal, path: str) -> Import:
    """Begin to import a file or folder of this machine.

    Raises ForbiddenError for anybody but the operator: a path reaches other tenants' files. SourceError where it is not.
    """
    if principal.role != "operator":
        raise ForbiddenError(
            "only the operator may import from a path of this machine; upload the file instead.", field="role"
        )
    source = Path(path.strip()).expanduser()
    if not path.strip() or not source.exists():
        raise SourceError(f"{path}: no such file or folder on this machine.")
    return _start(home, _new(home, principal, source.name, str(source.resolve())))


def proceed(home: Path, principal: Principal, import_id: str) -> Import:
    """Go on with an import that was stopped or failed. Raises NotFoundError, ConflictError where it runs or is through."""
    _may_import(principal)
    one = _named(home, principal, import_id)
    if one.status in ("running", "done"):
        raise ConflictError(f"This import is {one.status}.")
    return _start(home, one)


def forget(home: Path, principal: Principal, import_id: str) -> None:
    """Take an import off the list; what it has imported stays. Raises NotFoundError, ConflictError while it runs."""
    _may_import(principal)
    one = _named(home, principal, import_id)
    if one.status == "running":
        raise ConflictError("This import is running; wait for its end.")
    shutil.rmtree(_folder(home, one))


def imports(home: Path, principal: Principal) -> list[Import]:
    """The tenant's imports that were begun in the browser, newest first."""
    states = (_root(home, principal.tenant)).glob(f"*/{_STATE}")
    found = [_seen(state) for state in states]
    return sorted(found, key=lambda one: one.id, reverse=True)


def work(home: Path, tenant: str, import_id: str) -> None:
    """Carry an import out, in the process that was started for it."""
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.catalog.people.tenants import tenant_settings
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.lake.store import Lake
    from tgstudio_dagster.telegram.sources.importer import Progress, import_path

    folder = _root(home, tenant) / import_id
    state = msgspec.json.decode((folder / _STATE).read_bytes(), type=Import)
    machine = settings()
    catalog = Catalog.open(machine)

    def progress(step: Progress) -> None:
        nonlocal state
        state = msgspec.structs.replace(
            state, done=step.done, total=step.total, read=step.read, landed=step.landed, rejected=step.rejected
        )
        _write(folder, state)

    try:
        summary = import_path(
            _unpacked(folder, Path(state.source)),
            tenant=tenant,
            catalog=catalog,
            lake=Lake.open(machine).tenant(tenant),
            settings=tenant_settings(catalog, tenant),
            first_day=date.fromisoformat(machine.first_day),
            now=utc_now(),
            progress=progress,
        )
        counts = {"read": summary.read, "landed": summary.landed, "rejected": summary.rejected}
        state = msgspec.structs.replace(state, status="done", days=summary.days, error=None, **counts)
        for kept in folder.iterdir():
            # What was uploaded is in the lake now, media too.
            if kept.name == "files":
                shutil.rmtree(kept)
            elif kept.name.startswith("upload."):
                kept.unlink()
    except (TGStudioError, OSError, zipfile.BadZipFile) as error:
        text = str(error).replace(f"{folder}/", "").replace("upload.", f"{Path(state.name).stem}.")
        state = msgspec.structs.replace(state, status="failed", error=text)
    _write(folder, state)


def _unpacked(folder: Path, source: Path) -> Path:
    """The source, unpacked where it is an uploaded archive. Raises SourceError where it is too large or damaged."""
    if source.suffix.lower() != ".zip" or source.parent != folder:
        return source
    target = folder / "files"
    with zipfile.ZipFile(source) as archive:
        members = [one for one in archive.infolist() if not one.is_dir()]
        size = sum(one.file_size for one in members)
        room = shutil.disk_usage(folder).free - _SPARE_BYTES
        if len(members) > _MOST_FILES or size > room:
            raise SourceError(
                f"The archive holds {len(members)} files of {size} bytes, more than this machine has room for; "
                "upload result.json alone, or ask the operator."
            )
        for member in members:
            # extract() drops drive letters, leading slashes and `..`, and writes a link as a plain file.
            archive.extract(member, target)
    return target


def _start(home: Path, one: Import) -> Import:
    folder = _folder(home, one)
    one = msgspec.structs.replace(one, status="running", error=None, pid=None, pid_started=None)
    _write(folder, one)
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(home), one.tenant, one.id],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    _CHILDREN[one.id] = child
    return one


_CHILDREN: dict[str, subprocess.Popen[bytes]] = {}
"""Started by this process: asked for their end, so that none stays a zombie."""


def _seen(state: Path) -> Import:
    """The state as it is: one that runs no more without having said its end was stopped."""
    child = _CHILDREN.get(state.parent.name)
    ended = child is not None and child.poll() is not None
    one = msgspec.json.decode(state.read_bytes(), type=Import)
    if ended:
        _CHILDREN.pop(one.id, None)
    if one.status == "running" and (ended or (child is None and not _alive(one))):
        return msgspec.structs.replace(one, status="stopped")
    return one


def _alive(one: Import) -> bool:
    if one.pid is None or not psutil.pid_exists(one.pid):
        return False
    try:
        return psutil.Process(one.pid).create_time() == one.pid_started
    except psutil.Error:
        return False


def _new(home: Path, principal: Principal, name: str, source: str) -> Import:
    one = Import(id=new_id(), tenant=principal.tenant, name=name[:200], source=source, begun_at=utc_now())
    _folder(home, one).mkdir(parents=True)
    return one


def _named(home: Path, principal: Principal, import_id: str) -> Import:
    for one in imports(home, principal):
        if one.id == import_id:
            return one
    raise NotFoundError(f"There is no import {import_id!r} of this tenant.")


def _write(folder: Path, state: Import) -> None:
    fresh = folder / f"{_STATE}.new"
    fresh.write_bytes(msgspec.json.encode(state))
    fresh.replace(folder / _STATE)


def _root(home: Path, tenant: str) -> Path:
    return home.resolve() / "uploads" / tenant


def _folder(home: Path, one: Import) -> Path:
    return _root(home, one.tenant) / one.id


def _may_import(principal: Principal) -> None:
    if not principal.may_edit:
        raise ForbiddenError("a viewer may read, not import; ask an editor or an owner of the tenant.", field="role")


def _main(home: str, tenant: str, import_id: str) -> None:
    folder = _root(Path(home), tenant) / import_id
    me = psutil.Process()
    state = msgspec.json.decode((folder / _STATE).read_bytes(), type=Import)
    _write(folder, msgspec.structs.replace(state, pid=me.pid, pid_started=me.create_time()))
    work(Path(home), tenant, import_id)


if __name__ == "__main__":
    _main(*sys.argv[1:])
