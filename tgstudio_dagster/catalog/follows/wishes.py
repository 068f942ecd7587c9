"""Wishes: somebody waits for a tenant to be read now, or for days that were never read, and a reader works them off.

When a wish's turn comes is decided in reader/; what was read is the lake's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import select, update

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import ReadWish
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.principal import Principal

__all__ = ["READER", "ReadWish", "begin_wish", "end_wish", "get_wish", "note_progress", "requeue_wishes", "wish_read"]

READER = "reader"
"""Name of the lease that the process which reads for all tenants holds."""


def wish_read(catalog: Catalog, tenant: Principal | str, days: DayRange | None, *, now: datetime) -> ReadWish:
    """Ask for what is new, or (`days`) for what is missing of these days too; an equal wish that waits stands."""
    first, last = (days.first, days.last) if days else (None, None)
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    query = select(ReadWish).where(
        ReadWish.status == "queued",
        ReadWish.first.is_not_distinct_from(first),
        ReadWish.last.is_not_distinct_from(last),
    )
    with catalog.tenant_session(tenant, writing=True) as session:
        wish = session.scalars(query).first()
        if wish is None:
            wish = ReadWish(tenant=slug, first=first, last=last, created_at=now)
            session.add(wish)
            session.flush()
        return wish


def get_wish(catalog: Catalog, tenant: Principal | str, wish_id: str) -> ReadWish:
    """The wish as it stands. Raises NotFoundError."""
    with catalog.tenant_session(tenant) as session:
        wish = session.get(ReadWish, wish_id)
    if wish is None:
        raise NotFoundError(f"There is no wish {wish_id!r} to read; ask again.")
    return wish


def begin_wish(catalog: Catalog, tenant: str, wish_id: str) -> None:
    """A reader is at it."""
    _change(catalog, tenant, wish_id, status="running")


def note_progress(catalog: Catalog, tenant: str, wish_id: str, posts: int) -> None:
    """So many posts have landed for it by now."""
    _change(catalog, tenant, wish_id, posts=posts)


def end_wish(
    catalog: Catalog,
    tenant: str,
    wish_id: str,
    *,
    status: Literal["done", "failed"],
    posts: int,
    now: datetime,
    error: str | None = None,
) -> None:
    """The reading has ended; `error` is what the person who waits should know, also where it is done."""
    _change(catalog, tenant, wish_id, status=status, posts=posts, ended_at=now, error=error)


def requeue_wishes(catalog: Catalog) -> None:
    """Let what a reader that died was at be done by the one that holds the lease now."""
    with catalog.session() as session:
        session.execute(update(ReadWish).where(ReadWish.status == "running").values(status="queued"))


def _change(catalog: Catalog, tenant: str, wish_id: str, **values: object) -> None:
    with catalog.tenant_session(tenant, writing=True) as session:
        session.execute(update(ReadWish).where(ReadWish.id == wish_id).values(**values))
