"""Files that wait to be imported: in the lake, so that a run on another machine can read them.

An object per upload, `uploads/tenant=…/<id>.<extension>`, that goes when its upload has ended. What is in it, and how far it
is imported, is not known here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from tgstudio_dagster.lake import layout
from tgstudio_dagster.lake.objects import Objects

CHUNK = 2**20


class Readable(Protocol):
    """What bytes are read from, piece by piece."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


@dataclass(frozen=True)
class StoredUpload:
    """What an upload's object holds: its bytes, and their hash."""

    size: int
    sha256: str


class UploadFiles:
    """The uploaded files of one tenant. Every method raises LakeError where the store fails."""

    def __init__(self, objects: Objects, tenant: str) -> None:
        self._objects = objects
        self._tenant = tenant

    def put(self, upload_id: str, extension: str, source: Readable) -> StoredUpload:
        """Store an upload in pieces of 1 MiB; what `source` raises is raised, and nothing is kept."""
        path = layout.upload_path(self._tenant, f"{upload_id}.{extension}")
        digest, size = hashlib.sha256(), 0

        def fill(file: BinaryIO) -> str:
            nonlocal size
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            return path

        self._objects.put(fill)
        return StoredUpload(size, digest.hexdigest())

    def open(self, upload_id: str, extension: str) -> BinaryIO:
        """The upload's bytes. Raises LakeError where they are not there."""
        return self._objects.open(layout.upload_path(self._tenant, f"{upload_id}.{extension}"))

    def drop(self, upload_id: str, extension: str) -> None:
        """Remove the upload's bytes; ones that are not there are no error."""
        self._objects.delete(layout.upload_path(self._tenant, f"{upload_id}.{extension}"))

    def stored(self) -> dict[tuple[str, str], float]:
        """Id and extension of what is stored, with the second (since 1970) when it was put."""
        objects = self._objects.list(layout.upload_folder(self._tenant))
        names = {path.rsplit("/", 1)[-1].partition("."): at for path, at in objects.items()}
        return {(upload_id, extension): at for (upload_id, _, extension), at in names.items()}
