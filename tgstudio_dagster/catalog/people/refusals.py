"""Who was not let in: failed sign-ins, unknown keys, addresses that a tenant does not allow. For the operator of the machine."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import AuditEntry

SIGN_IN, KEY, ADDRESS = "refused.sign_in", "refused.key", "refused.address"
KINDS = (SIGN_IN, KEY, ADDRESS)
KEPT = timedelta(days=90)


def note_refusal(catalog: Catalog, kind: str, *, subject: str | None, ip: str, why: str, now: datetime) -> None:
    """Write down that somebody was not let in; `subject` is the login or the beginning of the key, never a secret."""
    with catalog.session() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.action.in_(KINDS), AuditEntry.at < now - KEPT))
        detail = {"ip": ip, "why": why[:300]}
        session.add(AuditEntry(tenant=None, action=kind, subject=(subject or "")[:64] or None, detail=detail, at=now))


def list_refusals(catalog: Catalog, limit: int = 200) -> list[AuditEntry]:
    """The newest refusals, newest first."""
    query = select(AuditEntry).where(AuditEntry.action.in_(KINDS)).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    with catalog.reading() as session:
        return list(session.scalars(query.limit(limit)))
