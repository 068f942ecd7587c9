"""Objects are replaced whole or not at all, whatever fails: the disk, the writer, the process, the store."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.builders import messages
from tests.servers.s3 import BUCKET, S3Server
from tgstudio_dagster.errors import LakeError
from tgstudio_dagster.lake import objects as objects_module
from tgstudio_dagster.lake.objects import LocalObjects, Objects, S3Objects, S3Options
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import MESSAGES

DAY = date(2026, 3, 9)
PATH = "messages/tenant=acme/date=2026-03-09/part-0.parquet"
Root = tuple[str, dict[str, str] | None]


@pytest.fixture
def objects(lake_root: Root) -> Objects:
    root, options = lake_root
    return S3Objects(root, S3Options(**options)) if options else LocalObjects(root)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; the test is skipped where this user may not mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def put(store: Objects, content: bytes, path: str = PATH, *, replace: bool = True) -> None:
    def fill(file: BinaryIO) -> str:
        file.write(content)
        return path

    store.put(fill, replace=replace)


def content(store: Objects, path: str = PATH) -> bytes:
    with store.open(path) as file:
        return file.read()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_put_replaces_the_object_or_leaves_it_as_asked(objects: Objects) -> None:
    put(objects, b"one")
    put(objects, b"two", replace=False)
    assert content(objects) == b"one"
    put(objects, b"three")
    assert content(objects) == b"three"
    assert list(objects.list("messages")) == [PATH]


def test_an_object_that_is_not_there_is_an_error_to_read_and_none_to_delete(objects: Objects) -> None:
    with pytest.raises(LakeError):
        content(objects)
    objects.delete(PATH)
    assert not objects.exists(PATH)
    assert objects.list("messages") == {}


def test_objects_are_fetched_in_the_order_asked_for(objects: Objects) -> None:
    paths = [f"messages/{n}" for n in range(20)]
    for path in paths:
        put(objects, path.encode(), path)
    wanted = paths[::-1]
    assert [(path, file.read()) for path, file in objects.fetch(wanted)] == [(path, path.encode()) for path in wanted]


def test_a_writer_that_fails_half_way_leaves_the_old_object(objects: Objects) -> None:
    put(objects, b"old")

    def fill(file: BinaryIO) -> str:
        file.write(b"ne")
        raise ValueError("the writer broke")

    with pytest.raises(ValueError, match="the writer broke"):
        objects.put(fill)
    assert content(objects) == b"old"


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "mend"), [(errno.ENOSPC, "The disk is full"), (errno.EACCES, "right"), (errno.EIO, "Check the disk")]
)
def test_a_failing_disk_leaves_the_old_object_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, mend: str
) -> None:
    store = LocalObjects(str(tmp_path))
    put(store, b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(LakeError, match=mend):
        put(store, b"new")
    assert content(store) == b"old"
    assert files(tmp_path) == [PATH]


def test_a_disk_that_is_really_full_leaves_the_old_object_and_no_rubbish(small_disk: Path) -> None:
    lake = Lake(str(small_disk)).tenant("acme")
    old = messages({"text": "old"})
    lake.write(MESSAGES, old, day=DAY)
    with pytest.raises(LakeError, match="The disk is full"):
        lake.put_file(os.urandom(2**20), "jpg")
    with pytest.raises(LakeError, match="The disk is full"):
        lake.write(MESSAGES, messages({"text": os.urandom(2**19).hex()}), day=DAY)
    assert lake.read(MESSAGES, days=[DAY]).equals(old)
    assert files(small_disk) == [PATH]


def test_what_a_killed_writer_left_is_swept_by_the_next_and_is_never_listed(tmp_path: Path) -> None:
    script = f"""
import os, signal
from tgstudio_dagster.lake.objects import LocalObjects
def fill(file):
    file.write(b"half"); file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
LocalObjects({str(tmp_path)!r}).put(fill)
"""
    store = LocalObjects(str(tmp_path))
    put(store, b"old")
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert len(files(tmp_path)) == 2
    assert list(store.list("")) == [PATH]
    assert content(store) == b"old"
    put(store, b"new")
    assert files(tmp_path) == [PATH]


def test_what_a_living_writer_is_writing_is_not_swept(tmp_path: Path) -> None:
    store = LocalObjects(str(tmp_path))

    def fill(file: BinaryIO) -> str:
        put(store, b"inner", "inner")
        file.write(b"outer")
        return "outer"

    store.put(fill)
    assert (content(store, "inner"), content(store, "outer")) == (b"inner", b"outer")


def test_rubbish_of_another_host_is_swept_after_a_day(tmp_path: Path) -> None:
    store = LocalObjects(str(tmp_path))
    put(store, b"x")
    old, young = (tmp_path / objects_module.TEMP_FOLDER / f"elsewhere-1-{name}" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"")
    day_ago = time.time() - objects_module.STALE_SECONDS - 60
    os.utime(old, (day_ago, day_ago))
    put(store, b"y")
    assert (old.exists(), young.exists()) == (False, True)


def test_a_folder_that_may_not_be_made_is_an_error_with_a_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LakeError, match="cannot write below"):
        put(LocalObjects(str(tmp_path / "file")), b"x")


def test_an_unreachable_s3_is_an_error_soon_and_without_the_secret() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = S3Objects("s3://lake", S3Options(f"http://127.0.0.1:{port}", "key", "a-secret"))
    started = time.monotonic()
    for attempt in (lambda: put(store, b"x"), lambda: store.list("messages")):
        with pytest.raises(LakeError, match="TGSTUDIO_S3_ENDPOINT_URL") as caught:
            attempt()
        assert "a-secret" not in str(caught.value)
    assert time.monotonic() - started < 30


def test_a_wrong_key_is_an_error_not_an_empty_lake(s3: S3Server) -> None:
    lake = Lake(f"s3://{BUCKET}/x", s3=S3Options(**{**s3.options, "secret_access_key": "wrong"})).tenant("acme")
    with pytest.raises(LakeError, match="the keys"):
        lake.days(MESSAGES)
