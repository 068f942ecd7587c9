"""Where objects live: a local folder or an S3 bucket, behind the six operations the lake needs.

Every put replaces the whole object in one step. Failures become LakeError; the old object stands.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from tgstudio_dagster.errors import LakeError

TEMP_PREFIX = ".tmp-"
STALE_TEMP_SECONDS = 3600


@dataclass(frozen=True)
class S3Options:
    """How to reach an S3-compatible store; None leaves it to the AWS default chain."""

    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None


class Objects(Protocol):
    """Objects by their path below the root."""

    def put(self, path: str, write: Callable[[BinaryIO], str | None]) -> str:
        """Let `write` fill a new object; it may return the final path. Returns the path it was stored at."""
        ...

    def open(self, path: str) -> BinaryIO: ...
    def exists(self, path: str) -> bool: ...
    def list(self, folder: str) -> list[str]: ...
    def modified(self, path: str) -> float: ...
    def delete(self, path: str) -> None: ...
    def url(self, path: str) -> str: ...


class LocalObjects:
    """Objects as files: written to a temporary file beside them, synced, then renamed over."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def put(self, path: str, write: Callable[[BinaryIO], str | None]) -> str:
        folder = (self.root / path).parent
        with _explained(f"write {self.root / path}"):
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            handle, temporary = tempfile.mkstemp(prefix=TEMP_PREFIX, dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    path = write(file) or path
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(temporary, 0o644)
                os.replace(temporary, self.root / path)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return path

    def open(self, path: str) -> BinaryIO:
        with _explained(f"read {self.root / path}"):
            return (self.root / path).open("rb")

    def exists(self, path: str) -> bool:
        return (self.root / path).is_file()

    def list(self, folder: str) -> list[str]:
        try:
            names = sorted(os.listdir(self.root / folder))
        except FileNotFoundError:
            return []
        return [name for name in names if not name.startswith(TEMP_PREFIX)]

    def modified(self, path: str) -> float:
        with _explained(f"read {self.root / path}"):
            return (self.root / path).stat().st_mtime

    def delete(self, path: str) -> None:
        with _explained(f"delete {self.root / path}"), suppress(FileNotFoundError):
            (self.root / path).unlink()
            for parent in (self.root / path).parents[:1]:
                with suppress(OSError):
                    parent.rmdir()

    def url(self, path: str) -> str:
        return str(self.root / path)


class S3Objects:
    """Objects in a bucket: one PUT each, through a spooled temporary file where the size is not known."""

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
        )

    def put(self, path: str, write: Callable[[BinaryIO], str | None]) -> str:
        with _explained(f"write s3://{self.root}/{path}"), tempfile.TemporaryFile() as file:
            path = write(cast(BinaryIO, file)) or path
            file.seek(0)
            with self._fs.open(f"{self.root}/{path}", "wb") as target:
                shutil.copyfileobj(file, target, 8 * 2**20)
        return path

    def open(self, path: str) -> BinaryIO:
        with _explained(f"read s3://{self.root}/{path}"):
            return cast(BinaryIO, self._fs.open(f"{self.root}/{path}", "rb"))

    def exists(self, path: str) -> bool:
        with _explained(f"read s3://{self.root}/{path}"):
            return bool(self._fs.isfile(f"{self.root}/{path}"))

    def list(self, folder: str) -> list[str]:
        with _explained(f"list s3://{self.root}/{folder}"):
            try:
                found = self._fs.ls(f"{self.root}/{folder}", detail=False)
            except FileNotFoundError:
                return []
        names = [str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in found]
        return sorted(name for name in names if name and name != folder.rsplit("/", 1)[-1])

    def modified(self, path: str) -> float:
        with _explained(f"read s3://{self.root}/{path}"):
            return float(self._fs.info(f"{self.root}/{path}")["LastModified"].timestamp())

    def delete(self, path: str) -> None:
        with _explained(f"delete s3://{self.root}/{path}"), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self.root}/{path}")

    def url(self, path: str) -> str:
        return f"s3://{self.root}/{path}"


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what the system or botocore raises into a LakeError that says what failed and what to do."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        mend = {28: "The disk is full: make room and run it again.", 13: "Give this user the right to write there."}
        hint = mend.get(error.errno or 0, "Check the store and run it again.")
        raise LakeError(f"cannot {what}: {error.strerror or error}. Nothing was replaced. {hint}") from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"botocore", "aiobotocore", "aiohttp"}:
            raise
        raise LakeError(f"cannot {what}: {error}. Check TGSTUDIO_S3_ENDPOINT_URL, the keys and the bucket.") from error


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left; a file of a living one is younger."""
    for entry in folder.glob(f"{TEMP_PREFIX}*"):
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > STALE_TEMP_SECONDS:
                entry.unlink()
