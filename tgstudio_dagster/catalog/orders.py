"""Orders: a tenant's requests to turn a topic into packages, and how far each has come.

How one is fulfilled is the newsroom's and the assets' matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, get_args

from sqlalchemy import select

from tgstudio_dagster.catalog.base import new_id, utc_now
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.models import Tenant
from tgstudio_dagster.catalog.models_work import Order
from tgstudio_dagster.catalog.principals import Principal
from tgstudio_dagster.catalog.tenant_settings import Language, PlatformName, Tone
from tgstudio_dagster.errors import ConflictError, NewsroomError, NotFoundError

__all__ = ["Order", "Status", "create_order", "get_order", "list_orders", "mark_order", "pending_orders"]

Status = Literal["queued", "running", "done", "failed"]


def create_order(
    catalog: Catalog,
    principal: Principal,
    *,
    topic_id: str,
    day: date,
    platforms: Sequence[str],
    language: str,
    tone: str,
    now: datetime,
) -> Order:
    """Queue an order for a topic of the 7 days that end with `day`; its id is `<tenant>-<ulid in lower case>`.

    Raises NewsroomError for an unknown platform, language or tone, ConflictError where the principal may only read.
    """
    if not principal.may_edit:
        raise ConflictError("role: a viewer may read, not order; ask an editor or an owner of the tenant.")
    if not platforms:
        raise NewsroomError(f"platforms: none is named; choose from {', '.join(get_args(PlatformName))}.")
    for field, known, value in (
        *(("platforms", get_args(PlatformName), platform) for platform in platforms),
        ("language", get_args(Language), language),
        ("tone", get_args(Tone), tone),
    ):
        if value not in known:
            raise NewsroomError(f"{field}: {value!r} is unknown; choose from {', '.join(known)}.")
    order = Order(
        id=f"{principal.tenant}-{new_id()}",
        tenant=principal.tenant,
        topic_id=topic_id,
        day=day,
        platforms=list(dict.fromkeys(platforms)),
        language=language,
        tone=tone,
        created_by=principal.user_id,
        created_at=now,
        status="queued",
        updated_at=now,
    )
    with catalog.tenant_session(principal, writing=True) as session:
        session.add(order)
    return order


def get_order(catalog: Catalog, tenant: Principal | str, order_id: str) -> Order:
    """The tenant's order. Raises NotFoundError where there is none of this id, or it is another tenant's."""
    with catalog.tenant_session(tenant) as session:
        order = session.get(Order, order_id)
    if order is None:
        raise _unknown(order_id)
    return order


def list_orders(
    catalog: Catalog, tenant: Principal | str, *, status: Status | None = None, topic_id: str | None = None
) -> list[Order]:
    """The tenant's orders, newest first; only those with the status and of the topic, where given."""
    query = select(Order).order_by(Order.created_at.desc(), Order.id.desc())
    if status is not None:
        query = query.where(Order.status == status)
    if topic_id is not None:
        query = query.where(Order.topic_id == topic_id)
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(query))


def pending_orders(catalog: Catalog) -> list[Order]:
    """Queued orders of all tenants that are not deleted, oldest first: what the sensor starts runs for."""
    query = (
        select(Order)
        .join(Tenant, Tenant.slug == Order.tenant)
        .where(Order.status == "queued", Tenant.deleted_at.is_(None))
        .order_by(Order.created_at, Order.id)
    )
    with catalog.reading() as session:
        return list(session.scalars(query))


def mark_order(
    catalog: Catalog, order_id: str, status: Status, *, run_id: str | None = None, error: str | None = None
) -> Order:
    """Say how far the order has come; `run_id` stays as it was where none is given, `error` goes unless given again.

    The order's own id says which tenant's it is. Raises NotFoundError where there is none.
    """
    with catalog.tenant_session(order_id.partition("-")[0], writing=True) as session:
        order = session.get(Order, order_id, with_for_update=True)
        if order is None:
            raise _unknown(order_id)
        order.status, order.error, order.updated_at = status, error, utc_now()
        order.run_id = run_id or order.run_id
        return order


def _unknown(order_id: str) -> NotFoundError:
    return NotFoundError(f"There is no order {order_id!r}; `tgstudio orders` names the tenant's orders.")
