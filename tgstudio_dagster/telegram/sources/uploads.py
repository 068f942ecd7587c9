"""An upload's import, from beginning to end, in the process of the run that was started for it.

The bytes come from the lake, wherever they were uploaded; an archive is unpacked into a folder of this machine that goes
afterwards. Which uploads get a run is decided in `orchestration/decide/uploads.py`; what a file holds, in the sources.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from pathlib import Path

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.leases import is_held, lease
from tgstudio_dagster.catalog.money.plans import limits_of, take
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.catalog.work.imports import imported_by
from tgstudio_dagster.catalog.work.uploads import (
    Upload,
    UploadProgress,
    begin_upload,
    get_upload,
    note_progress,
    note_trouble,
    return_upload,
    settle_upload,
    upload_lease,
)
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import (
    LeaseHeldError,
    NotFoundError,
    QuotaError,
    SourceError,
    StoppedError,
    TGStudioError,
)
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.telegram.sources.importer import import_path
from tgstudio_dagster.telegram.sources.summary import Progress
from tgstudio_dagster.telegram.sources.unpacking import MOST_FILES

QUOTA = "upload_bytes_per_day"
BYTES_OF_A_FILE = 2**14
"""So many of the day's bytes allow one file of an archive."""
_PROGRESS_SECONDS = 0.5
_ORPHAN_SECONDS = 24 * 3600
"""An object without a row is one whose web process died between the two: after a day nobody will come for it."""


def carry_out(
    catalog: Catalog, lake: TenantLake, upload_id: str, run_id: str, *, folder: Path, first_day: date
) -> Upload:
    """Import the upload; returns its row as it ended. `folder` is of this machine, for what must be unpacked.

    What is wrong with the file is the row's end, not an error. Raises StoppedError for an upload that was cancelled,
    LeaseHeldError while another process imports it or another file of its tenant; whatever else is raised leaves it
    running without its lease, for the sensor to have it tried again.
    """
    with lease(catalog, upload_lease(upload_id)):
        upload = begin_upload(catalog, upload_id, run_id)
        try:
            _sweep(catalog, lake, folder)
            _import(catalog, lake, upload, run_id, folder / upload_id, first_day)
        except SourceError as error:
            # What went wrong is said in the words of who uploaded it, not of where it lay meanwhile.
            text = str(error).replace(f"{folder / upload_id}/", "").replace(str(folder / upload_id), upload.name)
            settle_upload(catalog, upload_id, run_id, "failed", error=text)
        except StoppedError:
            if get_upload(catalog, upload.tenant, upload_id).ended:
                _drop(lake, upload)
            raise
        except LeaseHeldError as error:
            return_upload(catalog, upload_id, run_id, str(error))
            raise
        except (TGStudioError, OSError) as error:
            note_trouble(catalog, upload_id, run_id, str(error))
            raise
        _drop(lake, upload)
        return get_upload(catalog, upload.tenant, upload_id)


def _import(catalog: Catalog, lake: TenantLake, upload: Upload, run_id: str, folder: Path, first_day: date) -> None:
    progress = _Noted(catalog, upload, run_id)
    options = upload.options
    with _files(lake, upload, folder) as source:
        summary = import_path(
            source,
            tenant=upload.tenant,
            catalog=catalog,
            lake=lake,
            settings=tenant_settings(catalog, upload.tenant),
            first_day=first_day,
            now=utc_now(),
            channel=options.get("channel"),
            title=options.get("title"),
            again=bool(options.get("again")),
            progress=progress,
            upload=upload.id,
            shown=upload.name,
            scratch=folder,
            tick=partial(progress.tick, [], 0),
            admit=_Unpacked(catalog, upload).admit,
            time_zone=options.get("time_zone"),
            chats=options.get("chats", "channels"),
        )
    counts = progress.now(summary.days, summary.skipped_files, reasons=True)
    if summary.nothing_landed:
        settle_upload(catalog, upload.id, run_id, "failed", counts, error=summary.why_nothing)
        return
    settle_upload(catalog, upload.id, run_id, "done", counts, untitled=summary.untitled)


class _Unpacked:
    """Counts what an upload unpacks to: what is more than was uploaded counts against the tenant's day as well."""

    def __init__(self, catalog: Catalog, upload: Upload) -> None:
        self._catalog = catalog
        self._upload = upload
        self._uncounted = -(upload.bytes or 0)
        self._files = 0
        self._most_files = min(MOST_FILES, limits_of(catalog, upload.tenant).upload_bytes_per_day // BYTES_OF_A_FILE)

    def admit(self, size: int, files: int) -> None:
        """Raises SourceError where the bytes or the files are more than the tenant may hand in."""
        if self._upload.path is not None:
            return
        self._files += files
        self._uncounted += size
        if self._files > self._most_files:
            raise SourceError(
                f"The archive holds {self._files} files; {self._most_files} are taken in. Upload result.json alone."
            )
        if self._uncounted > 0:
            try:
                take(self._catalog, self._upload.tenant, QUOTA, utc_now().date(), self._uncounted)
            except QuotaError as error:
                raise SourceError(f"The archive unpacks to more than may be handed in today: {error}") from error
            self._uncounted = 0


class _Noted:
    """Writes progress into the upload's row, twice a second at most; the counts are those of the checkpoints."""

    def __init__(self, catalog: Catalog, upload: Upload, run_id: str) -> None:
        self._catalog = catalog
        self._upload = upload
        self._run_id = run_id
        self._position = self._total = 0
        self._noted_at = 0.0

    def __call__(self, step: Progress) -> None:
        """Note a checkpoint. Raises StoppedError where the upload was cancelled."""
        self._position, self._total = step.done, step.total
        self.tick(step.summary.days, step.summary.skipped_files)

    def tick(self, days: list[date], skipped_files: int) -> None:
        """Note what is known where the last note is old enough."""
        if time.monotonic() - self._noted_at >= _PROGRESS_SECONDS:
            self._noted_at = time.monotonic()
            note_progress(self._catalog, self._upload.id, self._run_id, self.now(days, skipped_files))

    def now(self, days: list[date], skipped_files: int, *, reasons: bool = False) -> UploadProgress:
        """How far it is; days of earlier attempts count too."""
        counts = imported_by(self._catalog, self._upload.tenant, self._upload.id, reasons=reasons)
        first, last = self._upload.first_day, self._upload.last_day
        known = sorted([*days, *(day for day in (first, last) if day is not None)])
        return UploadProgress(
            position=self._position,
            total=self._total,
            read=counts.read,
            landed=counts.landed,
            filtered=counts.filtered,
            rejected=counts.rejected,
            filtered_by=counts.filtered_by,
            rejected_by=counts.rejected_by,
            dropped_by=counts.dropped_by,
            local_times=counts.local_times,
            time_zone=counts.time_zone,
            skipped_files=skipped_files,
            first_day=known[0] if known else None,
            last_day=known[-1] if known else None,
        )


@contextmanager
def _files(lake: TenantLake, upload: Upload, folder: Path) -> Iterator[Path]:
    """The file or folder to import: the operator's own, or a copy in `folder`, which goes afterwards."""
    shutil.rmtree(folder, ignore_errors=True)  # a killed attempt's
    folder.mkdir(parents=True)
    try:
        if upload.path is not None:
            source = Path(upload.path)
            if not source.exists():
                raise SourceError(f"{upload.path}: no such file or folder on the machine that imports.")
            yield source
            return
        # The name is kept: a page of an export says by it which it is.
        target = folder / f"{Path(upload.name).stem or 'upload'}.{upload.extension}"
        with lake.uploads.open(upload.id, upload.extension) as stored, target.open("wb") as file:
            shutil.copyfileobj(stored, file, 2**20)
        yield target
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _drop(lake: TenantLake, upload: Upload) -> None:
    if upload.path is None:
        lake.uploads.drop(upload.id, upload.extension)


def _sweep(catalog: Catalog, lake: TenantLake, folder: Path) -> None:
    """Remove what died processes have left: unpacked files of this machine, and objects of no row or of an ended one."""
    for left in folder.glob("*-*"):
        if not is_held(catalog, upload_lease(left.name)):
            shutil.rmtree(left, ignore_errors=True)
    for (upload_id, extension), stored_at in lake.uploads.stored().items():
        with suppress(NotFoundError):
            if not get_upload(catalog, lake.tenant, upload_id).ended:
                continue
            stored_at = 0.0
        if time.time() - stored_at > _ORPHAN_SECONDS:
            lake.uploads.drop(upload_id, extension)
