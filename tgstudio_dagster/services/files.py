"""Stored files of the tenant: posts' media, images, exports, bundles."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from typing import BinaryIO

from tgstudio_dagster.services.scope import Scope, Service, does


@dataclass(frozen=True)
class MediaFile:
    """A stored file: its bytes as a stream that can seek, which the caller closes."""

    name: str
    mime: str
    size: int
    stream: BinaryIO


class Files(Service):
    """The tenant's stored files."""

    @does("files.open")
    def open(self, uri: str) -> MediaFile:
        """A stored file. Raises NotFoundError for one that is not the tenant's."""
        return open_file(self.scope, uri)


def open_file(scope: Scope, uri: str) -> MediaFile:
    """A stored file. Raises NotFoundError for one that is not the tenant's."""
    stream = scope.lake.open_file(uri)
    size = scope.lake.file_size(uri) or 0
    return MediaFile(uri, mimetypes.guess_type(uri)[0] or "application/octet-stream", size, stream)
