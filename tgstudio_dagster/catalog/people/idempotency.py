"""Stored answers to requests with an idempotency key: a repeated request gets the same answer and is done once.

What a request is, and which may have a key, is handled in web/api/route.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import KeptAnswer
from tgstudio_dagster.core.errors import ConflictError, FieldError

__all__ = ["IdempotentAnswer", "begin_answer", "drop_answer", "drop_expired", "finish_answer", "hash_of"]

KEPT = timedelta(hours=24)
AT_WORK = timedelta(minutes=10)
"""After so long a first request that has not been answered counts as dead: its process was killed."""


@dataclass(frozen=True)
class IdempotentAnswer:
    """What the first request was answered: an HTTP status and the body."""

    status: int
    body: str


def hash_of(*parts: str | bytes) -> str:
    """SHA-256 of the parts, in hex; where one ends and the next begins counts."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def begin_answer(
    catalog: Catalog, tenant: str, key_hash: str, request_hash: str, *, now: datetime
) -> IdempotentAnswer | None:
    """The answer that is kept, or None: then the request is to be carried out, and finished or dropped.

    Raises ConflictError while the first one is at work, SettingsError where the key was used for another request.
    """
    try:
        with catalog.tenant_session(tenant, writing=True) as session:
            row = session.get(KeptAnswer, (tenant, key_hash), with_for_update=True)
            if row is None:
                session.add(_new(tenant, key_hash, request_hash, now))
                return None
            dead = row.status is None and row.created_at + AT_WORK < now
            if dead or row.expires_at <= now:
                row.request_hash, row.status, row.body = request_hash, None, None
                row.created_at, row.expires_at = now, now + KEPT
                return None
            status, body, same = row.status, row.body or "", row.request_hash == request_hash
    except IntegrityError:
        # PostgreSQL locks no row that is not there yet: the other one was first.
        raise _at_work() from None
    if not same:
        raise FieldError("Idempotency-Key", "it was used for another request within 24 hours; choose a new key.")
    if status is None:
        raise _at_work()
    return IdempotentAnswer(status, body)


def finish_answer(catalog: Catalog, tenant: str, key_hash: str, answer: IdempotentAnswer) -> None:
    """Keep the answer of the request that `begin_answer` let through."""
    with catalog.tenant_session(tenant, writing=True) as session:
        row = session.get(KeptAnswer, (tenant, key_hash), with_for_update=True)
        if row is not None:
            row.status, row.body = answer.status, answer.body


def drop_answer(catalog: Catalog, tenant: str, key_hash: str) -> None:
    """Let the request be sent again: it came to nothing."""
    with catalog.tenant_session(tenant, writing=True) as session:
        row = session.get(KeptAnswer, (tenant, key_hash), with_for_update=True)
        if row is not None:
            session.delete(row)


def drop_expired(catalog: Catalog, *, now: datetime) -> int:
    """Remove the answers of all tenants that are too old to count; returns how many."""
    with catalog.session() as session:
        gone = session.connection().execute(delete(KeptAnswer).where(KeptAnswer.expires_at <= now))
        return gone.rowcount


def _new(tenant: str, key_hash: str, request_hash: str, now: datetime) -> KeptAnswer:
    return KeptAnswer(
        tenant=tenant, key_hash=key_hash, request_hash=request_hash, status=None, created_at=now, expires_at=now + KEPT
    )


def _at_work() -> ConflictError:
    return ConflictError("the first request with it is still at work; ask again in a moment.", field="Idempotency-Key")
