"""Bundles: a tenant's requests for analysts' files, and how far each has come.

What a bundle holds and how it is written stands in `lake/bundle.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, get_args

from sqlalchemy import select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.catalog.work.models import Bundle
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import FieldError, ForbiddenError, LimitError, NotFoundError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.vocabulary import BundleFormat

__all__ = [
    "MAX_WAITING",
    "Bundle",
    "BundleStatus",
    "create_bundle",
    "get_bundle",
    "list_bundles",
    "mark_bundle",
    "pending_bundles",
]

BundleStatus = Literal["queued", "running", "done", "failed"]
MAX_WAITING = 3
"""Bundles of one tenant that may wait or be built at once: each reads the lake from end to end."""


def create_bundle(
    catalog: Catalog,
    principal: Principal,
    *,
    first: date,
    last: date,
    tables: Sequence[str],
    format: BundleFormat,
    now: datetime,
) -> Bundle:
    """Queue a bundle. Raises SettingsError for days or a format that make none, ForbiddenError for a viewer,
    LimitError where too many wait already."""
    if not principal.may_edit:
        raise ForbiddenError(
            "a viewer may read, not ask for bundles; ask an editor or an owner of the tenant.", field="role"
        )
    if format not in get_args(BundleFormat):
        raise FieldError("format", f"{format!r} is unknown; choose from {', '.join(get_args(BundleFormat))}.")
    if last < first:
        raise FieldError("last", f"{last} is before the first day, {first}.").coded("days.reversed")
    unfinished = select(Bundle.id).where(Bundle.status.in_(("queued", "running")))
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        if len(session.scalars(unfinished).all()) >= MAX_WAITING:
            raise LimitError(f"{MAX_WAITING} are being made already; wait for one of them.", field="bundles").coded(
                "limit.bundles", limit=MAX_WAITING
            )
        bundle = Bundle(
            id=f"{principal.tenant}-{new_id()}",
            tenant=principal.tenant,
            first=first,
            last=last,
            tables=sorted(set(tables)),
            format=format,
            status="queued",
            created_by=principal.user_id,
            created_at=now,
            updated_at=now,
        )
        session.add(bundle)
        audit(session, principal, "bundle.create", bundle.id, {"first": str(first), "last": str(last)})
        return bundle


def get_bundle(catalog: Catalog, tenant: Principal | str, bundle_id: str) -> Bundle:
    """The tenant's bundle. Raises NotFoundError where there is none of this id, or it is another tenant's."""
    with catalog.tenant_session(tenant) as session:
        bundle = session.get(Bundle, bundle_id)
    if bundle is None:
        raise _unknown(bundle_id)
    return bundle


def list_bundles(catalog: Catalog, tenant: Principal | str) -> list[Bundle]:
    """The tenant's bundles, newest first."""
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(select(Bundle).order_by(Bundle.created_at.desc(), Bundle.id.desc())))


def pending_bundles(catalog: Catalog) -> list[Bundle]:
    """Queued bundles of all tenants that are not deleted, oldest first: what the sensor starts runs for."""
    query = (
        select(Bundle)
        .join(Tenant, Tenant.slug == Bundle.tenant)
        .where(Bundle.status == "queued", Tenant.deleted_at.is_(None))
        .order_by(Bundle.created_at, Bundle.id)
    )
    with catalog.reading() as session:
        return list(session.scalars(query))


def unfinished_bundles(catalog: Catalog) -> list[Bundle]:
    """Bundles of all tenants that wait or are at work, oldest first: those whose runs may have ended."""
    query = select(Bundle).where(Bundle.status.in_(("queued", "running"))).order_by(Bundle.created_at, Bundle.id)
    with catalog.reading() as session:
        return list(session.scalars(query))


def mark_bundle(
    catalog: Catalog,
    bundle_id: str,
    status: BundleStatus,
    *,
    run_id: str | None = None,
    uri: str | None = None,
    size: int | None = None,
    error: str | None = None,
) -> Bundle:
    """Say how far the bundle has come; `run_id`, `uri` and `size` stay as they were where none is given.

    The bundle's own id says which tenant's it is; one that is done stays done. Raises NotFoundError.
    """
    with catalog.tenant_session(bundle_id.partition("-")[0], writing=True) as session:
        bundle = session.get(Bundle, bundle_id, with_for_update=True)
        if bundle is None:
            raise _unknown(bundle_id)
        if bundle.status == "done":
            return bundle
        bundle.status, bundle.error, bundle.updated_at = status, error, utc_now()
        bundle.run_id = run_id or bundle.run_id
        bundle.uri = uri or bundle.uri
        bundle.bytes = bundle.bytes if size is None else size
        return bundle


def _unknown(bundle_id: str) -> NotFoundError:
    return NotFoundError(f"There is no bundle {bundle_id!r} of this tenant.").coded("bundle.unknown")
