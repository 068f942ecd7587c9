"""How far each import came: its checkpoint, its counts, its rejects. What it landed is the lake's.

An import's id, `<tenant>-<ulid>`, says whose it is; everything here stays within that tenant.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.events import ImportDone, record
from tgstudio_dagster.catalog.work.models import ImportReject, ImportState
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, NotFoundError
from tgstudio_dagster.core.ids import new_id

__all__ = [
    "ImportCounts",
    "ImportState",
    "Reject",
    "begin_import",
    "checkpoint",
    "finish_import",
    "imported_by",
    "list_imports",
    "rejects",
]

EXCERPT_LENGTH = 500


@dataclass(frozen=True)
class Reject:
    """A message that could not be imported: its place in the file, its id where it has one, why, and how it begins."""

    position: int
    message_id: int | None
    reason: str
    excerpt: str


@dataclass(frozen=True)
class ImportCounts:
    """Messages read, posts landed, filtered and rejected, and the reasons of the latter two.

    `dropped_by` are fields that could not be read in messages that landed without them, by name; `local_times` are the
    messages whose time names no zone, and was taken to be of `time_zone`.
    """

    read: int = 0
    landed: int = 0
    filtered: int = 0
    rejected: int = 0
    filtered_by: dict[str, int] = field(default_factory=dict)
    rejected_by: dict[str, int] = field(default_factory=dict)
    dropped_by: dict[str, int] = field(default_factory=dict)
    local_times: int = 0
    time_zone: str = ""


def begin_import(
    catalog: Catalog, tenant: str, *, path: str, source_hash: str, kind: str, upload: str | None = None
) -> ImportState:
    """The import of this file for this tenant: a new one, the unfinished one to resume, or the one that is `done`.

    A file is known by the hash of what it holds; a moved one is resumed, a changed one is a new import. `upload` is the id
    of the upload that brings it, whose counts are this import's from now on.
    """
    query = select(ImportState).where(ImportState.source_hash == source_hash)
    try:
        with catalog.tenant_session(tenant, writing=True) as session:
            known = session.scalar(query)
            if known is None:
                known = ImportState(id=f"{tenant}-{new_id()}", tenant=tenant, source_hash=source_hash)
                session.add(known)
            if known.status != "done":
                known.path, known.kind, known.status, known.error = path, kind, "running", None
                known.upload_id = upload or known.upload_id
            session.flush()
            return known
    except IntegrityError as error:
        raise ConflictError(f"{path}: another process has just begun to import this file; wait for it.") from error


def checkpoint(
    catalog: Catalog,
    import_id: str,
    *,
    position: int,
    state: str,
    read: int,
    landed: int,
    filtered: int,
    rejected: int,
    rejects: Iterable[Reject],
) -> None:
    """Record, in one transaction, that everything up to `position` has landed.

    `state` is JSON that the source resumes from. The four counts are totals since the import began (a resumed one goes on
    from the counts of its ImportState), so that a batch that is repeated after a crash counts once; its rejects, too, are
    kept once. Raises ConflictError where the position would go back, or the import is done.
    """
    batch = {reject.position: reject for reject in rejects}
    with catalog.tenant_session(_tenant(import_id), writing=True) as session:
        row = session.get(ImportState, import_id, with_for_update=True)
        if row is None:
            raise _unknown(import_id)
        if row.done or position < row.position:
            raise ConflictError(
                f"Import {import_id} stands at {row.position} ({row.status}) and can't go back to {position}; start anew."
            )
        row.position, row.state, row.updated_at = position, state, utc_now()
        row.read, row.landed, row.filtered, row.rejected = read, landed, filtered, rejected
        if batch:
            kept = select(ImportReject.position).where(
                ImportReject.import_id == import_id, ImportReject.position.between(min(batch), max(batch))
            )
            for known in session.scalars(kept):
                batch.pop(known, None)
        session.add_all(
            ImportReject(
                tenant=row.tenant,
                import_id=import_id,
                position=reject.position,
                message_id=reject.message_id,
                reason=_storable(reject.reason),
                excerpt=_storable(reject.excerpt)[:EXCERPT_LENGTH],
            )
            for reject in batch.values()
        )


def finish_import(catalog: Catalog, import_id: str, *, error: str | None = None) -> ImportState:
    """Mark the import done, or (with an error) failed: a failed one is resumed by the next begin_import."""
    with catalog.tenant_session(_tenant(import_id), writing=True) as session:
        row = session.get(ImportState, import_id, with_for_update=True)
        if row is None:
            raise _unknown(import_id)
        ended = error is None and row.status != "done"
        row.status = "done" if error is None else "failed"
        row.error, row.finished_at, row.updated_at = error and _storable(error), utc_now(), utc_now()
        if ended:
            record(
                session,
                ImportDone(
                    tenant=row.tenant,
                    import_id=row.id,
                    kind=row.kind,
                    read=row.read,
                    landed=row.landed,
                    filtered=row.filtered,
                    rejected=row.rejected,
                ),
            )
        return row


def list_imports(catalog: Catalog, tenant: str) -> list[ImportState]:
    """The tenant's imports, newest first."""
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(select(ImportState).order_by(ImportState.id.desc())))


def imported_by(catalog: Catalog, tenant: str, upload_id: str, *, reasons: bool = False) -> ImportCounts:
    """What an upload's imports have counted up to their checkpoints, in all of its attempts.

    `reasons` has what was rejected counted by its reason, for which each of the rejects is read.
    """
    query = select(ImportState).where(ImportState.upload_id == upload_id)
    rejected = (
        select(ImportReject.reason)
        .join(ImportState, ImportState.id == ImportReject.import_id)
        .where(ImportState.upload_id == upload_id)
    )
    with catalog.tenant_session(tenant) as session:
        rows = list(session.scalars(query))
        texts = session.scalars(rejected) if reasons else ()
        rejected_by = Counter(text.partition(":")[0] for text in texts)
    filtered_by: Counter[str] = Counter()
    dropped_by: Counter[str] = Counter()
    states = [json.loads(row.state) for row in rows]
    for state in states:
        filtered_by.update(state.get("filtered", {}))
        dropped_by.update(state.get("dropped", {}))
    return ImportCounts(
        read=sum(row.read for row in rows),
        landed=sum(row.landed for row in rows),
        filtered=sum(row.filtered for row in rows),
        rejected=sum(row.rejected for row in rows),
        filtered_by=dict(filtered_by),
        rejected_by=dict(rejected_by),
        dropped_by=dict(dropped_by),
        local_times=sum(state.get("local_times", 0) for state in states),
        time_zone=next((state["time_zone"] for state in states if state.get("local_times")), ""),
    )


def rejects(catalog: Catalog, tenant: str, import_id: str) -> list[Reject]:
    """What an import rejected, in the file's order; empty for an import of another tenant."""
    query = select(ImportReject).where(ImportReject.import_id == import_id).order_by(ImportReject.position)
    with catalog.tenant_session(tenant) as session:
        return [Reject(row.position, row.message_id, row.reason, row.excerpt) for row in session.scalars(query)]


def _tenant(import_id: str) -> str:
    return import_id.partition("-")[0]


def _unknown(import_id: str) -> NotFoundError:
    return NotFoundError(f"There is no import {import_id!r}; begin_import gives the id.")


def _storable(value: str) -> str:
    """The text without what PostgreSQL refuses: NUL and halves of surrogate pairs."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
