"""Orders: a tenant's requests to work up a topic or chosen messages, and how far each has come.

How one is fulfilled is handled in `newsroom/` and `assets/`; what a step of a run holds meanwhile, in `turns.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.holders import Holder, database_now, is_gone, this_process
from tgstudio_dagster.catalog.money.plans import lock_tenant, take_within
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.catalog.work.models import Order
from tgstudio_dagster.catalog.work.order_events import record_end, record_order
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import (
    ConflictError,
    ForbiddenError,
    NewsroomError,
    NotFoundError,
    StoppedError,
    TakenError,
)
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.vocabulary import GOALS, LANGUAGES, PLATFORMS, TONES, Goal, OrderStatus

__all__ = [
    "HELD_SECONDS",
    "MAX_MESSAGES",
    "Order",
    "abandoned_orders",
    "begin_order",
    "cancel_order",
    "create_order",
    "get_order",
    "list_orders",
    "orders_done",
    "orders_to_stop",
    "page_orders",
    "pending_orders",
    "requeue_order",
    "settle_order",
]

MAX_MESSAGES = 200
"""Chosen messages of one order: a lasso takes more than a text can be written from (`newsroom.editor.MAX_POSTS`)."""
HELD_SECONDS = 300.0
"""How long a process on another machine is believed to work on its order after its last heartbeat; one on this machine
that has ended is noticed at once. Longer than the gap between two steps of a run, which writes no heartbeat."""
_LOG = logging.getLogger(__name__)


def create_order(
    catalog: Catalog,
    principal: Principal,
    *,
    topic_id: str | None = None,
    messages: Sequence[tuple[int, int]] | None = None,
    day: date,
    platforms: Sequence[str],
    language: str,
    tone: str,
    goal: str = "packages",
    images: int = 0,
    rule_id: str | None = None,
    subject: str | None = None,
    now: datetime,
) -> Order:
    """Queue an order for a topic, or for messages (channel_id, msg_id), of the 7 days that end with `day`.

    Its id is `<tenant>-<ulid in lower case>`; `images` is how many it will have drawn; `subject` is the topic's title. Raises
    NewsroomError for what is unknown or can't be made, ForbiddenError where the principal may only read, QuotaError where the
    day's orders or images are used up.
    """
    _may_edit(principal)
    if (topic_id is None) == (messages is None):
        raise NewsroomError("topic_id, messages: name either a topic or messages.")
    chosen = None if messages is None else [list(key) for key in dict.fromkeys((int(c), int(m)) for c, m in messages)]
    if chosen is not None and not 1 <= len(chosen) <= MAX_MESSAGES:
        raise NewsroomError(f"{len(chosen)} are named; choose 1 to {MAX_MESSAGES}.", field="messages").coded(
            "order.posts", count=len(chosen), limit=MAX_MESSAGES
        )
    if not platforms:
        raise NewsroomError(f"none is named; choose from {', '.join(PLATFORMS)}.", field="platforms").coded(
            "order.platforms"
        )
    for field, known, value in (
        *(("platforms", PLATFORMS, platform) for platform in platforms),
        ("language", LANGUAGES, language),
        ("tone", TONES, tone),
        ("goal", GOALS, goal),
    ):
        if value not in known:
            raise NewsroomError(f"{value!r} is unknown; choose from {', '.join(known)}.", field=field)
    order = Order(
        id=f"{principal.tenant}-{new_id()}",
        tenant=principal.tenant,
        topic_id=topic_id,
        subject=subject,
        messages=chosen,
        day=day,
        platforms=list(dict.fromkeys(platforms)),
        language=language,
        tone=tone,
        goal=goal,
        rule_id=rule_id,
        created_by=principal.user_id,
        created_at=now,
        status="queued",
        updated_at=now,
    )
    with catalog.tenant_session(principal, writing=True) as session:
        take_within(session, principal.tenant, "orders_per_day", now.astimezone(UTC).date())
        _take_images(session, principal, images, now)
        session.add(order)
        audit(session, principal, "order.create", order.id, {"topic_id": topic_id, "goal": goal, "rule_id": rule_id})
        record_order(session, order)
    return order


def get_order(catalog: Catalog, tenant: Principal | str, order_id: str) -> Order:
    """The tenant's order. Raises NotFoundError where there is none of this id, or it is another tenant's."""
    with catalog.tenant_session(tenant) as session:
        order = session.get(Order, order_id)
    if order is None:
        raise _unknown(order_id)
    return order


def list_orders(
    catalog: Catalog,
    tenant: Principal | str,
    *,
    status: OrderStatus | None = None,
    topic_id: str | None = None,
    rule_id: str | None = None,
) -> list[Order]:
    """The tenant's orders, newest first; only those with the status, of the topic and by the rule, where given."""
    query = select(Order).order_by(Order.created_at.desc(), Order.id.desc())
    if status is not None:
        query = query.where(Order.status == status)
    if topic_id is not None:
        query = query.where(Order.topic_id == topic_id)
    if rule_id is not None:
        query = query.where(Order.rule_id == rule_id)
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(query))


def page_orders(
    catalog: Catalog,
    tenant: Principal | str,
    *,
    limit: int,
    after: tuple[datetime, str] | None = None,
    status: OrderStatus | None = None,
) -> list[Order]:
    """At most `limit` of the tenant's orders, newest first, of equally new ones by id; those after a place in that order."""
    query = select(Order).order_by(Order.created_at.desc(), Order.id).limit(limit)
    if status is not None:
        query = query.where(Order.status == status)
    if after is not None:
        at, order_id = after
        query = query.where((Order.created_at < at) | ((Order.created_at == at) & (Order.id > order_id)))
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


def unsettled_orders(catalog: Catalog) -> list[Order]:
    """Orders of all tenants that wait or are at work, oldest first: those whose runs may have ended."""
    query = select(Order).where(Order.status.in_(("queued", "running"))).order_by(Order.created_at, Order.id)
    with catalog.reading() as session:
        return list(session.scalars(query))


def orders_to_stop(catalog: Catalog, since: datetime) -> list[Order]:
    """Orders of all tenants that are still running though their users asked to stop them, and those cancelled since."""
    query = (
        select(Order)
        .where(Order.cancel_at.is_not(None))
        .where((Order.status == "running") | ((Order.status == "cancelled") & (Order.cancel_at >= since)))
        .order_by(Order.id)
    )
    with catalog.reading() as session:
        return list(session.scalars(query))


def orders_done(catalog: Catalog, since: datetime) -> list[Order]:
    """Orders of all tenants that are not deleted that were made since then and are done, oldest first."""
    query = (
        select(Order)
        .join(Tenant, Tenant.slug == Order.tenant)
        .where(Order.status == "done", Order.created_at >= since, Tenant.deleted_at.is_(None))
        .order_by(Order.created_at, Order.id)
    )
    with catalog.reading() as session:
        return list(session.scalars(query))


def requeue_order(
    catalog: Catalog, principal: Principal, order_id: str, *, goal: Goal, images: int, now: datetime
) -> Order:
    """Queue an order again, with the further of its goal and this one; one that is done and goes no further stands.

    `images` is how many more it will have drawn. Raises NotFoundError, ForbiddenError, QuotaError as `create_order`,
    ConflictError while it runs.
    """
    _may_edit(principal)
    if goal not in GOALS:
        raise NewsroomError(f"{goal!r} is unknown; choose from {', '.join(GOALS)}.", field="goal")
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        order = _locked(session, order_id)
        further = GOALS.index(goal) > GOALS.index(order.goal)
        if order.status == "done" and not further:
            return order
        if order.status == "running" and not _abandoned(order, database_now(session.connection())):
            raise ConflictError(f"Order {order_id} is running; wait for its end, or cancel it first.").coded(
                "order.running"
            )
        _take_images(session, principal, images, now)
        order.goal = goal if further else order.goal
        order.status, order.error, order.run_id, order.cancel_at = "queued", None, None, None
        order.holder = order.holder_started = order.held_until = None
        order.updated_at = now
        order.wish += 1
        audit(session, principal, "order.queue", order_id, {"goal": order.goal})
        return order


def cancel_order(catalog: Catalog, principal: Principal, order_id: str, *, now: datetime) -> Order:
    """Stop an order: one that waits, or whose process is gone, is cancelled; one that runs is told to end.

    One that was cancelled stays so.

    Raises NotFoundError, ForbiddenError for a viewer, ConflictError where it has ended.
    """
    _may_edit(principal)
    with catalog.tenant_session(principal, writing=True) as session:
        order = _locked(session, order_id)
        if order.status in ("done", "failed"):
            raise ConflictError(f"Order {order_id} is {order.status}: there is nothing to stop.").coded("order.ended")
        if order.cancel_at is None:
            order.cancel_at, order.updated_at = now, now
            audit(session, principal, "order.cancel", order_id, {"status": order.status})
        gone = order.status == "running" and _abandoned(order, database_now(session.connection()))
        if order.status == "queued" or gone:
            order.status = "cancelled"
            record_end(session, order)
        return order


def begin_order(
    catalog: Catalog,
    order_id: str,
    run_id: str,
    *,
    asked_at: str | None = None,
    holder: Holder | None = None,
    ttl: float = HELD_SECONDS,
) -> Order:
    """A run takes the order, or goes on with the one it has, in the name of `holder` (this process) for `ttl` seconds.

    `asked_at` is the `updated_at` (ISO 8601) that the run was started for; it answers no other wish. A run whose process
    has ended loses the order to the next one. Raises NotFoundError, StoppedError where its user has stopped it, TakenError,
    which names the other run, where that has it or has answered the wish.
    """
    holder = holder or this_process()
    with catalog.tenant_session(order_id.partition("-")[0], writing=True) as session:
        order = _locked(session, order_id)
        now = database_now(session.connection())
        if order.cancel_at is not None or order.status == "cancelled":
            raise StoppedError(f"Order {order_id} was cancelled.")
        if (order.status, order.run_id) != ("running", run_id):
            if order.status == "running" and not _abandoned(order, now):
                raise TakenError(
                    f"Order {order_id} is being done by run {order.run_id} ({order.holder}: host:process:id); wait for its "
                    "end, or cancel it."
                )
            if asked_at is not None and asked_at != order.updated_at.isoformat():
                raise TakenError(
                    f"Order {order_id} is {order.status}, by run {order.run_id}: it was taken up by another."
                )
            if order.status == "running":
                _LOG.warning("order %s taken over from run %s, whose process %s is gone", *_had(order))
            order.status, order.run_id, order.error, order.updated_at = "running", run_id, None, utc_now()
            order.token += 1
        order.holder, order.holder_started = holder.name, holder.started
        order.held_until = now + timedelta(seconds=ttl)
        return order


def settle_order(
    catalog: Catalog,
    order_id: str,
    run_id: str | None,
    status: Literal["done", "failed", "cancelled"],
    *,
    asked_at: str | None = None,
    error: str | None = None,
) -> Order:
    """A run has ended: say so of the order if it is this run that it was waiting for, else leave it as it stands.

    It is where the run has it, or where it is still queued as of `asked_at`, the `updated_at` (ISO 8601) that the run was
    started for (no run at all, None, where it lacked nothing). An order that its user asked to stop is cancelled, however
    its run ended. Raises NotFoundError.
    """
    with catalog.tenant_session(order_id.partition("-")[0], writing=True) as session:
        order = _locked(session, order_id)
        never_begun = order.status == "queued" and asked_at == order.updated_at.isoformat()
        if (order.status == "running" and order.run_id == run_id) or never_begun:
            stopped = status == "cancelled" or order.cancel_at is not None
            order.status, order.error = ("cancelled", None) if stopped else (status, error)
            order.run_id, order.updated_at = run_id or order.run_id, utc_now()
            order.holder = order.holder_started = order.held_until = None
            record_end(session, order)
        return order


def abandoned_orders(catalog: Catalog) -> list[Order]:
    """Orders of all tenants that run, as far as the catalog knows, though the process of their run is gone."""
    with catalog.reading() as session:
        now = database_now(session.connection())
        running = session.scalars(select(Order).where(Order.status == "running").order_by(Order.id))
        return [order for order in running if _abandoned(order, now)]


def _abandoned(order: Order, now: datetime) -> bool:
    return is_gone(order.holder, order.holder_started, order.held_until, now)


def _had(order: Order) -> tuple[str, str | None, str | None]:
    return order.id, order.run_id, order.holder


def _take_images(session: Session, principal: Principal, images: int, now: datetime) -> None:
    if images:
        take_within(session, principal.tenant, "images_per_day", now.astimezone(UTC).date(), images)


def _locked(session: Session, order_id: str) -> Order:
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise _unknown(order_id)
    return order


def _may_edit(principal: Principal) -> None:
    if not principal.may_edit:
        raise ForbiddenError(
            "a viewer may read, not order; ask an editor or an owner of the tenant.", field="role"
        ).coded("role.viewer")


def _unknown(order_id: str) -> NotFoundError:
    return NotFoundError(f"There is no order {order_id!r}; `tgstudio orders` names the tenant's orders.").coded(
        "order.unknown"
    )
