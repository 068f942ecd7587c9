"""What a failing store leaves: the old object, no temporary file, and an error with the path and the mend."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.builders import landing, messages
from tests.servers.s3 import S3Server
from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake import objects
from tgstudio_dagster.lake.objects import TEMP_FOLDER, LocalObjects
from tgstudio_dagster.lake.store import Lake, S3Options
from tgstudio_dagster.lake.tables.posts import MESSAGES

DAY = date(2026, 3, 9)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let this process write a file beyond the size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def temporary(root: Path) -> list[str]:
    return sorted(path.name for path in (root / TEMP_FOLDER).iterdir())


def test_a_write_that_does_not_fit_leaves_the_old_object_and_no_temporary_file(tmp_path: Path) -> None:
    acme = Lake(str(tmp_path)).tenant("acme")
    acme.write(MESSAGES, messages({"text": "old"}), day=DAY)
    with largest_file(4096), pytest.raises(LakeError, match=rf"cannot write below {tmp_path}: .*raise the limit"):
        acme.write(MESSAGES, messages(*({"text": os.urandom(50).hex()} for _ in range(500))), day=DAY)
    assert acme.read(MESSAGES, days=[DAY])["text"].to_list() == ["old"]
    assert temporary(tmp_path) == []
    with largest_file(4096), pytest.raises(LakeError):
        acme.put_file(os.urandom(100_000), "bin")
    with largest_file(1000), pytest.raises(LakeError):
        acme.land(landing({}))
    assert temporary(tmp_path) == []
    assert acme.landing_days() == []
    assert LocalObjects(str(tmp_path)).list("files") == {}


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "The disk is full: make room and run it again"),
        (errno.EACCES, "Give the user who runs this the right"),
        (errno.EROFS, "The file system is read-only: mount it writable"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, mend: str, call: str
) -> None:
    acme = Lake(str(tmp_path)).tenant("acme")
    acme.write(MESSAGES, messages({"text": "old"}), day=DAY)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        if call == "fsync":
            patched.setattr(objects.os, "fsync", fail)
        else:
            patched.setattr(Path, "replace", fail)
        with pytest.raises(LakeError, match=f"{os.strerror(number)}. Nothing was replaced. {mend}") as caught:
            acme.write(MESSAGES, messages({"text": "new"}), day=DAY)
    assert str(tmp_path) in str(caught.value)
    assert acme.read(MESSAGES, days=[DAY])["text"].to_list() == ["old"]
    assert temporary(tmp_path) == []


def test_a_root_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("not a folder")
    acme = Lake(str(tmp_path / "lake")).tenant("acme")
    with pytest.raises(LakeError, match="cannot write below"):
        acme.write(MESSAGES, messages({}), day=DAY)


WRITER = """
import sys
from tgstudio_dagster.lake.objects import LocalObjects
def fill(file):
    file.write(b"half"); file.flush()
    print("writing", flush=True); sys.stdin.read()
    return "messages/tenant=acme/date=2026-03-09/part-0.parquet"
LocalObjects(sys.argv[1]).put(fill)
"""


def test_what_a_killed_writer_left_is_no_object_and_goes_with_the_next_write(tmp_path: Path) -> None:
    acme = Lake(str(tmp_path)).tenant("acme")
    acme.write(MESSAGES, messages({"text": "old"}), day=DAY)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
    killed, alive = writers
    killed.kill()
    killed.wait()
    try:
        assert len(temporary(tmp_path)) == 2
        assert acme.read(MESSAGES)["text"].to_list() == ["old"]
        acme.put_file(b"next", "txt")
        assert len(temporary(tmp_path)) == 1
        assert f"-{alive.pid}-" in temporary(tmp_path)[0]
    finally:
        alive.kill()
        alive.communicate()


def test_another_hosts_temporary_file_goes_when_it_is_old(tmp_path: Path) -> None:
    store = LocalObjects(str(tmp_path))
    folder = tmp_path / TEMP_FOLDER
    folder.mkdir()
    for name, age in {"elsewhere-1-a": 0, "elsewhere-1-b": objects.STALE_SECONDS + 60}.items():
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    (folder / f"{objects._HOST}-{os.getpid()}-ofanearlierprocess").write_bytes(b"x")
    store.put(lambda file: _write(file, b"x", "a/b"))
    assert temporary(tmp_path) == ["elsewhere-1-a"]


def _write(file: BinaryIO, content: bytes, path: str) -> str:
    file.write(content)
    return path


def test_readers_see_one_whole_object_or_the_other_while_it_is_replaced(tmp_path: Path) -> None:
    acme = Lake(str(tmp_path)).tenant("acme")
    frames = [messages(*({"msg_id": n, "text": str(size)} for n in range(size))) for size in (10, 2000)]
    acme.write(MESSAGES, frames[0], day=DAY)
    done = threading.Event()

    def replace() -> None:
        for n in range(30):
            acme.write(MESSAGES, frames[n % 2], day=DAY)
        done.set()

    writer = threading.Thread(target=replace)
    writer.start()
    reads = 0
    while not done.is_set():
        texts = acme.read(MESSAGES, days=[DAY], columns=["text"])["text"]
        assert texts.unique().to_list() == [str(texts.len())]
        reads += 1
    writer.join()
    assert reads > 5


def test_landing_and_dropping_at_once_lose_nothing(tmp_path: Path) -> None:
    acme = Lake(str(tmp_path)).tenant("acme")
    done = threading.Event()

    def drop() -> None:
        while not done.is_set():
            acme.drop_landings([item for item in acme.landings(DAY) if item in first])

    first = acme.land(landing({"msg_id": 1_000}))
    dropper = threading.Thread(target=drop)
    dropper.start()
    try:
        for n in range(40):
            acme.land(landing({"msg_id": 1_000}))
            acme.land(landing({"msg_id": n}))
    finally:
        done.set()
        dropper.join()
    acme.drop_landings(first)
    assert sorted(acme.read_landings(acme.landings(DAY))["msg_id"]) == list(range(40))


def test_a_store_that_cannot_be_reached_is_an_error_not_an_empty_lake() -> None:
    options = S3Options("http://127.0.0.1:9", "key", "SECRETSECRET")
    acme = Lake("s3://bucket/lake", s3=options).tenant("acme")
    for ask in (
        lambda: acme.days(MESSAGES),
        lambda: acme.read(MESSAGES, days=[DAY]),
        lambda: acme.has_file(f"{'0' * 64}.jpg"),
        lambda: acme.write(MESSAGES, messages({}), day=DAY),
        lambda: acme.land(landing({})),
    ):
        with pytest.raises(LakeError, match=r"s3://bucket/lake.*TGSTUDIO_S3_ENDPOINT_URL") as caught:
            ask()
        assert "SECRETSECRET" not in str(caught.value)


def test_a_store_that_refuses_is_an_error_not_an_empty_lake(s3: S3Server) -> None:
    acme = Lake("s3://lake/x", s3=S3Options(**s3.options | {"secret_access_key": "wrong"})).tenant("acme")
    for ask in (
        lambda: acme.write(MESSAGES, messages({}), day=DAY),
        lambda: acme.days(MESSAGES),
        lambda: acme.read(MESSAGES, days=[DAY]),
        lambda: acme.has_file(f"{'0' * 64}.jpg"),
    ):
        with pytest.raises(LakeError, match="TGSTUDIO_S3_ENDPOINT_URL"):
            ask()
