"""The audit log: who did what, when. Rows are only ever added.

Runs and errors are not recorded here, and no secret is ever written to a row's detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import AuditEntry
from tgstudio_dagster.core.principal import Principal

__all__ = ["AuditEntry", "audit", "list_audit"]


def audit(
    where: Session | Catalog,
    who: Principal | str,
    action: str,
    subject: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note what a principal did (a tenant's slug alone: its operator), in the open transaction or in one of its own.

    `action` is `noun.verb`, for example account.remove; `subject` the id of what it was done to; `detail` goes to JSON.
    """
    if isinstance(where, Catalog):
        with where.tenant_session(who, writing=True) as session:
            audit(session, who, action, subject, detail)
        return
    tenant, user_id = (who, None) if isinstance(who, str) else (who.tenant, who.user_id)
    where.add(AuditEntry(tenant=tenant, user_id=user_id, action=action, subject=subject, detail=dict(detail or {})))


def list_audit(catalog: Catalog, tenant: Principal | str) -> list[AuditEntry]:
    """What was done in the tenant, newest first."""
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    query = select(AuditEntry).where(AuditEntry.tenant == slug).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(query))
