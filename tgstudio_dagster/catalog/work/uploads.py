"""Uploads: exports and dumps that wait to be imported, how far each has come, and how it ended.

A row is moved by the run that it names and by no other: a run that was believed dead, or whose upload was cancelled, is told
so at its next step. Where the bytes lie is handled in `lake/uploads.py`, importing in `telegram/sources/uploads.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.catalog.work.models import ImportState, Upload
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, LimitError, NotFoundError, StoppedError
from tgstudio_dagster.core.principal import Principal

__all__ = [
    "MAX_WAITING",
    "MOST_ATTEMPTS",
    "Upload",
    "UploadProgress",
    "begin_upload",
    "cancel_upload",
    "create_upload",
    "forget_upload",
    "get_upload",
    "list_uploads",
    "note_progress",
    "note_trouble",
    "refuse_over_waiting",
    "retry_upload",
    "return_upload",
    "settle_upload",
    "unfinished_uploads",
    "upload_lease",
]

MAX_WAITING = 5
"""Uploads of one tenant that may wait or be imported at once."""
MOST_ATTEMPTS = 3
"""Runs that an upload may take: one that dies each time is a file that kills its process."""


@dataclass(frozen=True)
class UploadProgress:
    """How far an upload is; the counts are of messages and posts since its first attempt."""

    position: int = 0
    total: int = 0
    read: int = 0
    landed: int = 0
    filtered: int = 0
    rejected: int = 0
    filtered_by: dict[str, int] = field(default_factory=dict)
    rejected_by: dict[str, int] = field(default_factory=dict)
    dropped_by: dict[str, int] = field(default_factory=dict)
    local_times: int = 0
    time_zone: str = ""
    skipped_files: int = 0
    first_day: date | None = None
    last_day: date | None = None


def create_upload(
    catalog: Catalog,
    principal: Principal,
    *,
    upload_id: str,
    name: str,
    extension: str = "",
    path: str | None = None,
    size: int | None = None,
    sha256: str | None = None,
    options: dict[str, Any] | None = None,
    now: datetime,
) -> Upload:
    """Queue an upload whose bytes are stored, or (`path`) a file of the machine. Raises LimitError as `refuse_over_waiting`."""
    with catalog.tenant_session(principal, writing=True) as session:
        _refuse_over_waiting(session, principal)
        upload = Upload(
            id=upload_id,
            tenant=principal.tenant,
            name=name,
            extension=extension,
            path=path,
            bytes=size,
            sha256=sha256,
            options=options or {},
            created_by=principal.user_id,
            created_at=now,
            updated_at=now,
        )
        session.add(upload)
        audit(session, principal, "upload.create", upload_id, {"name": name, "bytes": size})
        session.flush()
        return upload


def refuse_over_waiting(catalog: Catalog, principal: Principal) -> None:
    """Raise LimitError where MAX_WAITING of the tenant's uploads wait already: before a file is taken in for nothing."""
    with catalog.tenant_session(principal, writing=True) as session:
        _refuse_over_waiting(session, principal)


def get_upload(catalog: Catalog, tenant: Principal | str, upload_id: str) -> Upload:
    """The tenant's upload. Raises NotFoundError where there is none of this id, or it is another tenant's."""
    with catalog.tenant_session(tenant) as session:
        return _upload(session, upload_id)


def list_uploads(catalog: Catalog, tenant: Principal | str, *, limit: int = 20) -> list[Upload]:
    """The tenant's uploads, newest first."""
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(select(Upload).order_by(Upload.id.desc()).limit(limit)))


def unfinished_uploads(catalog: Catalog) -> list[Upload]:
    """Uploads of all tenants that are not deleted which wait or are being imported, oldest first."""
    query = (
        select(Upload)
        .join(Tenant, Tenant.slug == Upload.tenant)
        .where(Upload.status.in_(("waiting", "running")), Tenant.deleted_at.is_(None))
        .order_by(Upload.created_at, Upload.id)
    )
    with catalog.reading() as session:
        return list(session.scalars(query))


def upload_lease(upload_id: str) -> str:
    """The lease that the process which imports an upload holds: without it a running upload is a dead one."""
    return f"upload:{upload_id}"


def begin_upload(catalog: Catalog, upload_id: str, run_id: str) -> Upload:
    """Say that this run imports the upload from now on; the caller holds its lease.

    Raises NotFoundError, StoppedError for one that has ended.
    """
    with catalog.tenant_session(_tenant(upload_id), writing=True) as session:
        upload = _upload(session, upload_id, lock=True)
        if upload.ended:
            raise StoppedError(f"Upload {upload_id} is {upload.status}.")
        upload.status, upload.run_id, upload.error = "running", run_id, None
        upload.attempts += 1
        return upload


def note_progress(catalog: Catalog, upload_id: str, run_id: str, progress: UploadProgress) -> None:
    """Write down how far the run is. Raises StoppedError where the upload was cancelled, or another run has taken it."""
    with catalog.tenant_session(_tenant(upload_id), writing=True) as session:
        upload = _mine(session, upload_id, run_id)
        _copy(upload, progress)


def settle_upload(
    catalog: Catalog,
    upload_id: str,
    run_id: str,
    status: Literal["done", "failed"],
    progress: UploadProgress | None = None,
    *,
    error: str | None = None,
    untitled: Sequence[int] = (),
) -> None:
    """Say how the run's upload ended, and which channels its file tells no title of.

    Raises StoppedError as `note_progress` does: an end that was written stands.
    """
    with catalog.tenant_session(_tenant(upload_id), writing=True) as session:
        upload = _mine(session, upload_id, run_id)
        if progress is not None:
            _copy(upload, progress)
        upload.status, upload.error, upload.finished_at = status, error, utc_now()
        if untitled:
            upload.options = {**upload.options, "untitled": list(untitled)}


def return_upload(catalog: Catalog, upload_id: str, run_id: str, reason: str) -> None:
    """Have the run's upload wait again: something else is in its way now. Raises StoppedError as `note_progress` does."""
    with catalog.tenant_session(_tenant(upload_id), writing=True) as session:
        upload = _mine(session, upload_id, run_id)
        upload.status, upload.error = "waiting", reason


def note_trouble(catalog: Catalog, upload_id: str, run_id: str, error: str) -> None:
    """Keep why the run is about to fail, for the end of the upload should it be the last. Raises StoppedError."""
    with catalog.tenant_session(_tenant(upload_id), writing=True) as session:
        _mine(session, upload_id, run_id).error = error


def retry_upload(catalog: Catalog, upload_id: str, attempts: int, error: str) -> Upload:
    """Have an upload whose run has died wait again; after MOST_ATTEMPTS it has failed, of what its run said or `error`.

    Nothing changes where it has ended, or another run has begun it since `attempts` was read.
    """
    with catalog.tenant_session(_tenant(upload_id), writing=True) as session:
        upload = _upload(session, upload_id, lock=True)
        if upload.ended or upload.attempts != attempts:
            return upload
        if upload.status == "waiting":
            upload.attempts += 1
        if upload.attempts >= MOST_ATTEMPTS:
            upload.status, upload.error, upload.finished_at = "failed", upload.error or error, utc_now()
        else:
            upload.status = "waiting"
        return upload


def cancel_upload(catalog: Catalog, principal: Principal, upload_id: str) -> Upload:
    """Stop an upload: one that waits is not begun, one at work ends at its next batch; what has landed stays.

    Raises NotFoundError, ConflictError where it has ended already.
    """
    with catalog.tenant_session(principal, writing=True) as session:
        upload = _upload(session, upload_id, lock=True)
        if upload.ended:
            raise ConflictError(f"This upload is {upload.status} already.")
        upload.status, upload.finished_at = "cancelled", utc_now()
        audit(session, principal, "upload.cancel", upload_id)
        return upload


def forget_upload(catalog: Catalog, principal: Principal, upload_id: str) -> None:
    """Take an upload off the list; what it has imported stays. Raises NotFoundError, ConflictError until it has ended."""
    with catalog.tenant_session(principal, writing=True) as session:
        upload = _upload(session, upload_id, lock=True)
        if not upload.ended:
            raise ConflictError(f"This upload is {upload.status}; cancel it first, or wait for its end.")
        session.execute(update(ImportState).where(ImportState.upload_id == upload_id).values(upload_id=None))
        session.delete(upload)
        audit(session, principal, "upload.forget", upload_id)


def _refuse_over_waiting(session: Session, principal: Principal) -> None:
    lock_tenant(session, principal)
    query = select(func.count()).select_from(Upload).where(Upload.status.in_(("waiting", "running")))
    if (session.scalar(query) or 0) >= MAX_WAITING:
        raise LimitError(f"{MAX_WAITING} wait to be imported already; wait for one, or cancel one.", field="uploads")


def _upload(session: Session, upload_id: str, *, lock: bool = False) -> Upload:
    upload = session.get(Upload, upload_id, with_for_update=lock)
    if upload is None:
        raise NotFoundError(f"There is no upload {upload_id!r} of this tenant.")
    return upload


def _mine(session: Session, upload_id: str, run_id: str) -> Upload:
    upload = _upload(session, upload_id, lock=True)
    if upload.status != "running" or upload.run_id != run_id:
        raise StoppedError(f"Upload {upload_id} is {upload.status}, and no longer this run's.")
    return upload


def _copy(upload: Upload, progress: UploadProgress) -> None:
    for name in UploadProgress.__dataclass_fields__:
        setattr(upload, name, getattr(progress, name))
    upload.updated_at = utc_now()


def _tenant(upload_id: str) -> str:
    return upload_id.partition("-")[0]
