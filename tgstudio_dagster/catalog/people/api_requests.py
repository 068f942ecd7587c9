"""The history of API and tool calls made with keys. No secret and no message text is stored.

Which arguments are recorded is decided in web/api/route.py and mcp/.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.idempotency import drop_expired
from tgstudio_dagster.catalog.people.models import Request
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.cursor import read_moment, write_moment
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal

__all__ = ["History", "Note", "Request", "drop_requests", "list_requests", "write_notes"]

Kind = Literal["api", "mcp"]
KEPT = timedelta(days=90)
MAX_PAGE = 200
_WAITING = 10_000
_TOGETHER = 500
_TIDY_SECONDS = 3600.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Note:
    """One call: what was asked with which key, how it ended (an HTTP status), how long it took, how much it gave."""

    tenant: str
    kind: Kind
    name: str
    status: int
    milliseconds: int
    arguments: Mapping[str, Any] = field(default_factory=dict)
    api_key_id: str | None = None
    user_id: str | None = None
    results: int | None = None
    at: datetime = field(default_factory=utc_now)


class History:
    """Notes calls without holding them up: they are written together, within a second, by a thread of its own.

    A crash loses that second. Once an hour what is too old is removed.
    """

    def __init__(self, catalog: Catalog, *, every: float = 1.0) -> None:
        self._catalog = catalog
        self._every = every
        self._notes: queue.Queue[Note | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def add(self, note: Note) -> None:
        """Have the call written down; where ten thousand wait already, it is not."""
        with self._lock:
            if self._thread is None:
                self._ending.clear()
                self._thread = threading.Thread(target=self._write, name="history of requests", daemon=True)
                self._thread.start()
        try:
            self._notes.put_nowait(note)
        except queue.Full:
            _LOG.warning("history of requests: too many wait to be written; %s is left out", note.name)

    def close(self) -> None:
        """Write what waits, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._ending.set()
            self._notes.put(None)
            thread.join()

    def _write(self) -> None:
        tidied = -_TIDY_SECONDS
        more = True
        while more:
            notes = [self._notes.get()]
            if notes[0] is not None:
                self._ending.wait(self._every)
            while len(notes) < _TOGETHER and not self._notes.empty():
                notes.append(self._notes.get())
            more = None not in notes
            try:
                write_notes(self._catalog, [note for note in notes if note is not None])
                if time.monotonic() - tidied > _TIDY_SECONDS:
                    tidied = time.monotonic()
                    drop_requests(self._catalog, before=utc_now() - KEPT)
                    drop_expired(self._catalog, now=utc_now())
            except SQLAlchemyError:
                _LOG.exception("history of requests: %d could not be written", len(notes))


def write_notes(catalog: Catalog, notes: Sequence[Note]) -> None:
    """Write calls of any tenants down, in one transaction."""
    if not notes:
        return
    rows = [
        {
            "id": new_id(),
            "tenant": note.tenant,
            "at": note.at,
            "kind": note.kind,
            "name": note.name[:200],
            "arguments": dict(note.arguments),
            "api_key_id": note.api_key_id,
            "user_id": note.user_id,
            "status": note.status,
            "milliseconds": note.milliseconds,
            "results": note.results,
        }
        for note in notes
    ]
    with catalog.session() as session:
        session.execute(insert(Request), rows)


def list_requests(
    catalog: Catalog,
    tenant: Principal | str,
    *,
    kind: Kind | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[Request], str | None]:
    """A page of the tenant's calls, newest first, and the cursor of the next one (None: it is the last).

    Raises QueryError for a cursor that is none, or a page that is too large.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise QueryError(f"{limit}: a page has 1 to {MAX_PAGE} calls.", field="limit")
    query = select(Request).order_by(Request.at.desc(), Request.id.desc()).limit(limit + 1)
    if kind is not None:
        query = query.where(Request.kind == kind)
    if cursor is not None:
        at, last = read_moment(cursor, of="history")
        query = query.where((Request.at < at) | ((Request.at == at) & (Request.id < last)))
    with catalog.tenant_session(tenant) as session:
        requests = list(session.scalars(query))
    if len(requests) <= limit:
        return requests, None
    last_row = requests[limit - 1]
    return requests[:limit], write_moment(last_row.at, last_row.id)


def drop_requests(catalog: Catalog, *, before: datetime) -> int:
    """Remove the calls of all tenants that are older; returns how many."""
    with catalog.session() as session:
        return session.connection().execute(delete(Request).where(Request.at < before)).rowcount
