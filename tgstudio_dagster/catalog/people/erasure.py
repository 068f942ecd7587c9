"""The rows of a tenant that was deleted for good: all of them go, in one transaction, but for its slug and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog import tables
from tgstudio_dagster.catalog.base import Base
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.departures import remove_user
from tgstudio_dagster.catalog.people.models import AuditEntry, LoginSession, Membership, Tenant, User

_KEPT = frozenset({Tenant.__tablename__, LoginSession.__tablename__})


def lonely_logins(catalog: Catalog, slug: str) -> tuple[str, ...]:
    """Logins of the members who belong to no other tenant and are no operators."""
    with catalog.reading() as session:
        members = session.scalars(select(Membership.user_id).where(Membership.tenant == slug)).all()
        alone = [user_id for user_id in members if _is_lonely(session, user_id, besides=slug)]
        logins = session.scalars(select(User.login).where(User.id.in_(alone), User.login.is_not(None))).all()
    return tuple(login for login in logins if login)


def erase_rows(catalog: Catalog, slug: str, now: datetime) -> dict[str, int]:
    """Delete what every table holds of the tenant; returns how many rows, by table. The slug stays taken, its name goes.

    Sessions that work there end. Members who belong to no other tenant are removed from the studio, operators stay.
    """
    counts: dict[str, int] = {}
    with catalog.session() as session:
        members = list(session.scalars(select(Membership.user_id).where(Membership.tenant == slug)))
        ended = update(LoginSession).where(LoginSession.tenant == slug, LoginSession.revoked_at.is_(None))
        counts["sessions"] = session.connection().execute(ended.values(revoked_at=now)).rowcount
        session.execute(update(LoginSession).where(LoginSession.tenant == slug).values(tenant=None))
        for table in _tables():
            if table.name == "api_keys":
                session.execute(update(table).where(table.c.tenant == slug).values(parent_id=None))
            count = session.connection().execute(delete(table).where(table.c.tenant == slug)).rowcount
            if count:
                counts[table.name] = count
        tenant = session.get_one(Tenant, slug)
        tenant.name, tenant.deleted_at = slug, tenant.deleted_at or now
        lonely = [user_id for user_id in members if _is_lonely(session, user_id)]
    for user_id in lonely:
        remove_user(catalog, user_id, now)
    counts["users"] = len(lonely)
    return counts


def rows_left(catalog: Catalog, slug: str) -> dict[str, int]:
    """How many rows of the tenant each table still holds; empty where there are none."""
    with catalog.reading() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table).where(table.c.tenant == slug)) or 0
            for table in _tables()
        }
    return {name: count for name, count in counts.items() if count}


def note_erasure(catalog: Catalog, slug: str, counts: Mapping[str, int]) -> None:
    """Write the proof to the audit log of the whole machine: what was erased, in figures."""
    with catalog.session() as session:
        session.add(AuditEntry(tenant=None, action="tenant.erase", subject=slug, detail=dict(counts)))


def _tables() -> list[Table]:
    """The tables with rows of tenants, those first that name others."""
    assert tables.MODULES
    return [table for table in reversed(Base.metadata.sorted_tables) if "tenant" in table.c and table.name not in _KEPT]


def _is_lonely(session: Session, user_id: str, besides: str = "") -> bool:
    user = session.get_one(User, user_id)
    others = select(Membership).where(Membership.user_id == user_id, Membership.tenant != besides)
    return not user.is_operator and session.scalar(others) is None
