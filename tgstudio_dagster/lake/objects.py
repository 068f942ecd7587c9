"""Where objects live: a local folder or an S3 bucket, behind the few operations the lake needs.

Every put replaces the whole object in one step: readers see the old bytes or the new ones, and a put that fails
leaves the old. Failures become LakeError, which says what failed and the mend. What the objects hold is decided in `store.py`.
"""

from __future__ import annotations

import errno
import io
import os
import re
import socket
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from tgstudio_dagster.core.errors import LakeError

TEMP_FOLDER = ".tmp"
STALE_SECONDS = 24 * 3600
FETCH_TOGETHER = 16
_HOST = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname()) or "host"
_writing: set[str] = set()

Fill = Callable[[BinaryIO], str]
"""Writes an object's bytes into the file it is given and returns the path they belong to (often a hash of them)."""


@dataclass(frozen=True)
class S3Options:
    """How to reach an S3-compatible store; None leaves it to the AWS default chain."""

    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None


class Objects(Protocol):
    """Objects by their path below the root."""

    def put(self, fill: Fill, *, replace: bool = True) -> str:
        """Store a new object and return its path; with `replace` off, one that is there already stands."""
        ...

    def open(self, path: str) -> BinaryIO:
        """The object for reading; raises LakeError where it is not there."""
        ...

    def fetch(self, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        """Each object with its path, in order, one after another; every one as it stood at one moment."""
        ...

    def size(self, path: str) -> int | None:
        """Bytes of the object, None where there is none; a store that cannot be asked is a LakeError, not a no."""
        ...

    def version(self, path: str) -> str | None:
        """What changes whenever the object is replaced, None where there is none; as `versions` says it."""
        ...

    def list(self, folder: str) -> dict[str, float]:
        """All objects below the folder, by path below the root, with the second (since 1970) of their last put."""
        ...

    def versions(self, folder: str) -> dict[str, str]:
        """All objects below the folder, by path below the root, with what changes whenever one is replaced."""
        ...

    def delete(self, path: str) -> None:
        """Remove the object; one that is not there is no error."""
        ...

    def url(self, path: str) -> str:
        """The object's place, for people and for readers outside the lake."""
        ...


class LocalObjects:
    """Objects as files: written to a temporary file of the same root, synced, then renamed over."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def put(self, fill: Fill, *, replace: bool = True) -> str:
        folder = self.root / TEMP_FOLDER
        with _explained(f"write below {self.root}"):
            _make_folder(folder)
            _sweep(folder)
        name = f"{_HOST}-{os.getpid()}-{uuid.uuid4().hex}"
        temporary = folder / name
        path = ""
        _writing.add(name)
        try:
            with _explained(f"write below {self.root}"), temporary.open("xb") as file:
                path = fill(file)
                file.flush()
                os.fsync(file.fileno())
            with _explained(f"write {self.root / path}"):
                if replace or not (self.root / path).exists():
                    _rename(temporary, self.root / path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
            _writing.discard(name)
        return path

    def open(self, path: str) -> BinaryIO:
        with _explained(f"read {self.root / path}"):
            return (self.root / path).open("rb")

    def fetch(self, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        for path in paths:
            with self.open(path) as file:
                yield path, file

    def size(self, path: str) -> int | None:
        with _explained(f"read {self.root / path}"), suppress(FileNotFoundError, NotADirectoryError):
            about = (self.root / path).stat()
            return about.st_size if stat.S_ISREG(about.st_mode) else None
        return None

    def version(self, path: str) -> str | None:
        with _explained(f"read {self.root / path}"), suppress(FileNotFoundError, NotADirectoryError):
            found = (self.root / path).stat()
            return f"{found.st_mtime_ns}-{found.st_ino}"
        return None

    def list(self, folder: str) -> dict[str, float]:
        with _explained(f"list {self.root / folder}"):
            return {str(file.relative_to(self.root)): stat.st_mtime for file, stat in sorted(_walk(self.root / folder))}

    def versions(self, folder: str) -> dict[str, str]:
        with _explained(f"list {self.root / folder}"):
            return {
                str(file.relative_to(self.root)): f"{stat.st_mtime_ns}-{stat.st_ino}"
                for file, stat in _walk(self.root / folder)
            }

    def delete(self, path: str) -> None:
        with _explained(f"delete {self.root / path}"), suppress(FileNotFoundError):
            (self.root / path).unlink()
        with suppress(OSError):
            (self.root / path).parent.rmdir()

    def url(self, path: str) -> str:
        return str(self.root / path)


class S3Objects:
    """Objects in a bucket: one PUT each (large files: one multipart upload, which appears as a whole too)."""

    def __init__(self, root: str, options: S3Options) -> None:
        import s3fs

        self.root = root.removeprefix("s3://").rstrip("/")
        self.options = options
        self._fs: Any = s3fs.S3FileSystem(
            key=options.access_key_id,
            secret=options.secret_access_key,
            endpoint_url=options.endpoint_url,
            use_listings_cache=False,
            skip_instance_cache=True,
            config_kwargs={"connect_timeout": 5, "read_timeout": 60, "retries": {"total_max_attempts": 2}},
        )
        self._fs.retries = 2

    def put(self, fill: Fill, *, replace: bool = True) -> str:
        with tempfile.NamedTemporaryFile(prefix="tgstudio-") as file:
            with _explained(f"write {file.name}"):
                path = fill(cast(BinaryIO, file))
                file.flush()
            if replace or self.size(path) is None:
                with _explained(f"write {self.url(path)}"):
                    self._fs.put_file(file.name, f"{self.root}/{path}")
        return path

    def open(self, path: str) -> BinaryIO:
        with _explained(f"read {self.url(path)}"):
            return cast(BinaryIO, self._fs.open(f"{self.root}/{path}", "rb"))

    def fetch(self, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        all_paths = list(paths)
        for start in range(0, len(all_paths), FETCH_TOGETHER):
            batch = all_paths[start : start + FETCH_TOGETHER]
            with _explained(f"read {self.url(batch[0])}"):
                contents = self._fs.cat([f"{self.root}/{path}" for path in batch], on_error="raise")
            for path in batch:
                yield path, io.BytesIO(contents.pop(f"{self.root}/{path}"))

    def size(self, path: str) -> int | None:
        with _explained(f"read {self.url(path)}"):
            try:
                about = self._fs.info(f"{self.root}/{path}")
            except FileNotFoundError:
                return None
        return int(about["size"]) if about["type"] == "file" else None

    def version(self, path: str) -> str | None:
        with _explained(f"read {self.url(path)}"):
            try:
                return str(self._fs.info(f"{self.root}/{path}")["ETag"])
            except FileNotFoundError:
                return None

    def list(self, folder: str) -> dict[str, float]:
        with _explained(f"list {self.url(folder)}"):
            entries = self._fs.find(f"{self.root}/{folder}/" if folder else f"{self.root}/", detail=True)
        return {
            name.removeprefix(f"{self.root}/"): entry["LastModified"].timestamp()
            for name, entry in sorted(entries.items())
            if entry["type"] == "file"
        }

    def versions(self, folder: str) -> dict[str, str]:
        with _explained(f"list {self.url(folder)}"):
            entries = self._fs.find(f"{self.root}/{folder}/", detail=True)
        # Not when it was put: S3 tells the second only.
        return {
            name.removeprefix(f"{self.root}/"): str(entry["ETag"])
            for name, entry in entries.items()
            if entry["type"] == "file"
        }

    def delete(self, path: str) -> None:
        with _explained(f"delete {self.url(path)}"), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self.root}/{path}")

    def url(self, path: str) -> str:
        return f"s3://{self.root}/{path}"


MENDS = {
    errno.ENOSPC: "The disk is full: make room and run it again.",
    errno.EDQUOT: "The disk quota is used up: make room and run it again.",
    errno.EFBIG: "The file is larger than this process may write: raise the limit and run it again.",
    errno.EACCES: "Give the user who runs this the right to read and write there.",
    errno.EPERM: "Give the user who runs this the right to read and write there.",
    errno.EROFS: "The file system is read-only: mount it writable, or set TGSTUDIO_LAKE_URL.",
    errno.ENOENT: "It is not there: materialize it again, or check TGSTUDIO_LAKE_URL.",
}
S3_MEND = "Check TGSTUDIO_S3_ENDPOINT_URL, the keys and the bucket, then run it again."


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what the system or the S3 client raises into a LakeError that says what failed and what to do."""
    try:
        yield
    except OSError as error:
        remote = "s3://" in what
        mend = S3_MEND if remote else MENDS.get(error.errno or 0, "Check the disk and run it again.")
        raise LakeError(f"cannot {what}: {error.strerror or error}. Nothing was replaced. {mend}") from error
    except Exception as error:
        # s3fs lets its client's errors through; the modules are not imported where no S3 is used.
        if type(error).__module__.split(".")[0] not in {"botocore", "aiobotocore", "aiohttp"}:
            raise
        raise LakeError(f"cannot {what}: {error}. Nothing was replaced. {S3_MEND}") from error


def _rename(temporary: Path, target: Path) -> None:
    """Put the file in its place for good: rename, then sync the folder. A folder removed meanwhile is made again."""
    for attempt in range(3):
        _make_folder(target.parent)
        try:
            temporary.replace(target)
            break
        except FileNotFoundError:
            if attempt == 2:
                raise
    _sync_folder(target.parent)


def _make_folder(folder: Path) -> None:
    """`mkdir -p` that survives a power cut: each new folder's parent is synced."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Files below the folder. What vanishes while it is walked was never there; hidden names are not objects."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path))
        else:
            with suppress(FileNotFoundError):
                yield Path(entry.path), entry.stat()


def _sweep(folder: Path) -> None:
    """Remove what killed writers left: of a process of this host that is gone, or older than a day."""
    for entry in os.scandir(folder):
        host, _, rest = entry.name.partition("-")
        pid = rest.partition("-")[0]
        with suppress(FileNotFoundError):
            dead = host == _HOST and pid.isdigit() and not _is_writing(int(pid), entry.name)
            if dead or time.time() - entry.stat().st_mtime > STALE_SECONDS:
                Path(entry.path).unlink()


def _is_writing(pid: int, name: str) -> bool:
    # A process id is used again (in a container it is always 1): for our own, what we know decides.
    if pid == os.getpid():
        return name in _writing
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
