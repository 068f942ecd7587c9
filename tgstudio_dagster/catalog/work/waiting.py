"""Whether anything of the catalog waits for a run, in one statement: asked every few seconds, and mostly answered no."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, exists, or_, select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.catalog.work.models import Bundle, Order, Upload


def work_waits(catalog: Catalog, *, cancelled_since: datetime) -> bool:
    """Whether any order, bundle or upload is unfinished, or an order was cancelled since then."""
    unfinished = or_(
        exists().where(Order.status.in_(("queued", "running"))),
        exists().where(and_(Order.status == "cancelled", Order.cancel_at >= cancelled_since)),
        exists().where(Bundle.status.in_(("queued", "running"))),
        exists().where(Upload.status.in_(("waiting", "running"))),
    )
    with catalog.reading() as session:
        return bool(session.scalar(select(unfinished)))


def tenant_slugs(catalog: Catalog) -> frozenset[str]:
    """The tenants that are not deleted."""
    with catalog.reading() as session:
        return frozenset(session.scalars(select(Tenant.slug).where(Tenant.deleted_at.is_(None))))
