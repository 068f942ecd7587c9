"""Uploads: exports and dumps that people hand in, or the operator names; how far each import is, and taking it back.

The bytes go straight to the lake and count against the tenant's day while they come in. A sensor has them imported.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import refuse_over, take
from tgstudio_dagster.catalog.work.uploads import (
    Upload,
    cancel_upload,
    create_upload,
    forget_upload,
    get_upload,
    list_uploads,
    refuse_over_waiting,
)
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import LimitError, SourceError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import web_settings
from tgstudio_dagster.lake.uploads import Readable
from tgstudio_dagster.services.scope import Service, does

__all__ = ["EXTENSIONS", "Upload", "Uploads"]

EXTENSIONS = ("json", "jsonl", "html", "zip", "gz")
QUOTA = "upload_bytes_per_day"
BLOCK = 2**24
"""Bytes that are counted together: one transaction for each MiB would take longer than the MiB."""
_LONGEST_NAME = 200
_LONGEST_STEM = 150
"""Bytes."""
_SIGNS = re.compile(r"[^\w ()+.,-]+")
_LONGEST_TITLE = 128


class Uploads(Service):
    """The tenant's uploads."""

    @does("uploads.all")
    def all(self, limit: int = 20) -> list[Upload]:
        """The tenant's newest uploads, newest first."""
        return list_uploads(self.scope.catalog, self.scope.principal, limit=limit)

    @does("uploads.upload")
    def upload(self, name: str, content: Readable, *, size: int | None = None, title: str = "") -> Upload:
        """Take a file in and queue its import; `size` is its length where that is known beforehand.

        `title` is that of the channel where the file tells none. Raises SourceError for a file of none of EXTENSIONS,
        LimitError where it is too large or too many wait already, QuotaError where the day's bytes are used up (then nothing
        of it is kept), LakeError.
        """
        file = PurePosixPath(name.replace("\\", "/")).name
        extension = PurePosixPath(file).suffix.lower().removeprefix(".")
        if extension not in EXTENSIONS:
            raise SourceError(
                f"{file}: upload result.json or messages.html of Telegram Desktop, a dump (.jsonl), any of them packed as .gz, "
                "or the export's folder as .zip."
            )
        catalog, principal = self.scope.catalog, self.scope.principal
        refuse_over_waiting(catalog, principal)
        now, largest = utc_now(), web_settings().upload_megabytes * 2**20
        if size is not None:
            _refuse_larger(size, largest)
            refuse_over(catalog, principal, QUOTA, now.date(), size)
        upload_id = f"{principal.tenant}-{new_id()}"
        counted = _Counted(content, catalog, principal, largest)
        stored = self.scope.lake.uploads.put(upload_id, extension, counted)
        try:
            return create_upload(
                catalog,
                principal,
                upload_id=upload_id,
                name=plain_name(file),
                extension=extension,
                size=stored.size,
                sha256=stored.sha256,
                options=_options(title),
                now=now,
            )
        except LimitError:
            self.scope.lake.uploads.drop(upload_id, extension)
            raise

    @does("uploads.from_path")
    def from_path(self, path: str, *, title: str = "") -> Upload:
        """Queue the import of a file or folder of this machine; `title` as of `upload`.

        For the operator alone: a path reaches other tenants' files. Raises SourceError where it is not there, LimitError
        where too many wait already.
        """
        principal = self.scope.principal
        source = Path(path.strip()).expanduser()
        if not path.strip() or not source.exists():
            raise SourceError(f"{path}: no such file or folder on this machine.")
        return create_upload(
            self.scope.catalog,
            principal,
            upload_id=f"{principal.tenant}-{new_id()}",
            name=source.name[-_LONGEST_NAME:],
            path=str(source.resolve()),
            options=_options(title),
            now=utc_now(),
        )

    @does("uploads.cancel")
    def cancel(self, upload_id: str) -> Upload:
        """Stop an upload; what has landed stays. Raises NotFoundError, ConflictError where it has ended already."""
        was = get_upload(self.scope.catalog, self.scope.principal, upload_id)
        cancelled = cancel_upload(self.scope.catalog, self.scope.principal, upload_id)
        if was.status == "waiting" and was.path is None:
            # Of one at work the run drops the bytes when it is told: it reads them still.
            self.scope.lake.uploads.drop(was.id, was.extension)
        return cancelled

    @does("uploads.forget")
    def forget(self, upload_id: str) -> None:
        """Take an upload that has ended off the list; what it imported stays. Raises NotFoundError, ConflictError."""
        forget_upload(self.scope.catalog, self.scope.principal, upload_id)


def plain_name(file: str) -> str:
    """A file's name that names nothing else: its run makes files of this name among its own.

    Of letters, digits and a few signs, with the end that says what it is, within the 255 bytes that a file system takes.
    """
    stem, _, extension = file.rpartition(".")
    words = _SIGNS.sub("_", unicodedata.normalize("NFC", stem)).strip(" ._-")
    short = words.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(" ._-")
    return f"{short or 'upload'}.{extension.lower()}"


def _options(title: str) -> dict[str, Any]:
    """A file that is given a title for its channel is read anew: it may have been imported without."""
    return {"title": title.strip()[:_LONGEST_TITLE], "again": True} if title.strip() else {}


class _Counted:
    """A file's bytes, counted against the tenant's day as they are read."""

    def __init__(self, source: Readable, catalog: Catalog, principal: Principal, largest: int) -> None:
        self._source = source
        self._catalog = catalog
        self._principal = principal
        self._largest = largest
        self._size = self._uncounted = 0

    def read(self, size: int, /) -> bytes:
        """The next bytes. Raises LimitError for a file that is too large, QuotaError where the day's bytes are used up."""
        chunk = self._source.read(size)
        self._size += len(chunk)
        self._uncounted += len(chunk)
        _refuse_larger(self._size, self._largest)
        if self._uncounted and (self._uncounted >= BLOCK or not chunk):
            take(self._catalog, self._principal, QUOTA, utc_now().date(), self._uncounted)
            self._uncounted = 0
        return chunk


def _refuse_larger(size: int, largest: int) -> None:
    if size > largest:
        raise LimitError(
            f"The file has more than {largest // 2**20} MB, the largest that is taken in here; split it, or have the operator "
            "import it from a path of the machine."
        )
