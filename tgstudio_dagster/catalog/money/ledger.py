"""The rows of the ledger of model calls: a claim before a call, its end and what it used after it, and the ceilings.

Only `ai/ledger.py` calls this module, and nothing else writes `ai_claims` or `ai_usage`: what is asked of whom, and what
a caller does with an answer, is decided there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.holders import Holder, database_now, is_gone
from tgstudio_dagster.catalog.money.models import AiClaim, AiUsage, Plan, Quota
from tgstudio_dagster.catalog.money.plans import DEFAULT_PLAN, lock_tenant
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.core.errors import BudgetError

__all__ = ["CEILINGS", "Call", "Claimed", "Held", "Kept", "Lost", "Used", "claim", "forget", "renew", "settle", "trim"]

_LOG = logging.getLogger(__name__)
Purpose = Literal["text", "image", "moderation", "embedding"]
Ending = Literal["done", "failed", "unknown"]
CEILINGS = ("ai_micro_usd_per_order", "ai_micro_usd_per_day", "ai_micro_usd_per_month")
"""What calls may cost, in millionths of a dollar: limits of a plan or quotas of a tenant; no row, no ceiling. Days and
months are UTC."""


@dataclass(frozen=True)
class Call:
    """A call to be claimed. `reserve` is what it may cost in millionths of a dollar; None: its model's price is unknown.

    `wish` is the order's (`Order.wish`). `retry`: a person asks for it again, outside an order.
    """

    tenant: str
    key: str
    purpose: Purpose
    provider: str
    model: str
    reserve: int | None
    order_id: str | None = None
    wish: int | None = None
    retry: bool = False


@dataclass(frozen=True)
class Claimed:
    """The call is the caller's to make; `attempt` is its fencing token."""

    attempt: int


@dataclass(frozen=True)
class Kept:
    """The call was made before: its answer, and the order that it was made for."""

    answer: dict[str, Any]
    model: str
    request_id: str | None
    order_id: str | None


@dataclass(frozen=True)
class Held:
    """Another process makes the call."""

    holder: str


@dataclass(frozen=True)
class Lost:
    """The call was sent at `asked_at` by a process that ended before it noted the answer: it may have been paid."""

    asked_at: datetime
    reserved: int | None


@dataclass(frozen=True)
class Used:
    """What a call used. `cost` is in millionths of a dollar, None where the model's price is unknown."""

    model: str
    request_id: str | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    cost: int | None = 0
    estimated: bool = False


def claim(catalog: Catalog, call: Call, holder: Holder, ttl: float) -> Claimed | Kept | Held | Lost:
    """Claim the call, or say what stands in its way. Raises BudgetError where it might pass a ceiling.

    One that failed is claimed anew. One that was lost is claimed anew where it is free, or where a person has asked for
    it since: by queueing its order again (another order must have been queued again too), or with `retry`.
    """
    with catalog.tenant_session(call.tenant, writing=True) as session:
        lock_tenant(session, call.tenant)
        now = database_now(session.connection())
        row = session.get(AiClaim, (call.tenant, call.key))
        if row is not None and row.state == "done" and row.answer is not None:
            session.add(_usage(call, Used(row.model, row.request_id), cached=True))
            return Kept(row.answer, row.model, row.request_id, row.order_id)
        if row is not None and row.state == "asked":
            if row.holder is not None and not is_gone(row.holder, row.holder_started, row.held_until, now):
                return Held(row.holder)
            _lose(session, row)
        if row is not None and row.state == "unknown" and not _asked_again(row, call):
            return Lost(row.asked_at, row.reserved_micro_usd)
        if call.reserve != 0:
            _within_ceilings(session, call, now)
        if row is None:
            row = AiClaim(tenant=call.tenant, key=call.key, attempt=0)
            session.add(row)
        row.purpose, row.provider, row.model, row.reserved_micro_usd = (
            call.purpose, call.provider, call.model, call.reserve,
        )  # fmt: skip
        row.order_id, row.wish, row.state, row.asked_at = call.order_id, call.wish, "asked", now
        row.holder, row.holder_started, row.held_until = holder.name, holder.started, now + timedelta(seconds=ttl)
        row.answer = row.error = row.request_id = row.settled_at = None
        row.attempt += 1
        return Claimed(row.attempt)


def renew(catalog: Catalog, call: Call, attempt: int, ttl: float) -> None:
    """Say that who makes the call is alive. A database that does not answer is logged: the next time may succeed."""
    mine = update(AiClaim).where(AiClaim.key == call.key, AiClaim.attempt == attempt, AiClaim.state == "asked")
    try:
        with catalog.tenant_session(call.tenant, writing=True) as session:
            until = database_now(session.connection()) + timedelta(seconds=ttl)
            session.execute(mine.values(held_until=until))
    except DBAPIError as error:
        _LOG.warning("call %s: heartbeat failed: %s", call.key, error)


def settle(
    catalog: Catalog,
    call: Call,
    attempt: int,
    state: Ending,
    used: Used | None,
    *,
    answer: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """The call has ended so. What it used is noted in any case; the claim is left to another attempt that took it over.

    An `unknown` end counts as paid in full: what was reserved.
    """
    with catalog.tenant_session(call.tenant, writing=True) as session:
        lock_tenant(session, call.tenant)
        row = session.get_one(AiClaim, (call.tenant, call.key))
        if used is not None:
            session.add(_usage(call, used))
        if row.attempt != attempt or row.state != "asked":
            return
        if state == "unknown":
            _lose(session, row, error)
            return
        row.state, row.answer, row.error = state, answer, error
        row.request_id = used.request_id if used is not None else None
        row.model = used.model if used is not None else row.model
        row.holder = row.holder_started = row.held_until = None
        row.settled_at = database_now(session.connection())


def forget(catalog: Catalog, call: Call, reason: str) -> None:
    """The kept answer is gone (its file was deleted): the next caller makes the call anew."""
    with catalog.tenant_session(call.tenant, writing=True) as session:
        row = session.get_one(AiClaim, (call.tenant, call.key))
        if row.state == "done":
            row.state, row.answer, row.error = "failed", None, reason


def trim(catalog: Catalog, before: datetime) -> int:
    """Delete the claims that were settled before the moment, with their kept answers; returns how many. Usage stays.

    A call whose end nobody knows is kept: it may have been paid, and is repeated only where a person asks for it.
    """
    settled = delete(AiClaim).where(AiClaim.state.in_(("done", "failed")), AiClaim.settled_at < before)
    with catalog.session() as session:
        return session.connection().execute(settled).rowcount


def _lose(session: Session, row: AiClaim, error: str | None = None) -> None:
    """Nobody will tell how the call ended: it counts as paid, unless it is free."""
    row.state, row.settled_at = "unknown", database_now(session.connection())
    row.error = error or f"its process ({row.holder}: host:process:id) ended before it noted the answer"
    row.holder = row.holder_started = row.held_until = None
    if row.reserved_micro_usd != 0:
        session.add(
            AiUsage(
                tenant=row.tenant, call_hash=row.key, order_id=row.order_id, purpose=row.purpose, provider=row.provider,
                model=row.model, cost_micro_usd=row.reserved_micro_usd, estimated=True,
            )
        )  # fmt: skip


def _asked_again(row: AiClaim, call: Call) -> bool:
    if call.reserve == 0 or call.retry:
        return True
    before = (row.wish or 1) if row.order_id == call.order_id else 1
    return call.wish is not None and call.wish > before


def _usage(call: Call, used: Used, *, cached: bool = False) -> AiUsage:
    return AiUsage(
        tenant=call.tenant, call_hash=call.key, order_id=call.order_id, purpose=call.purpose, provider=call.provider,
        model=used.model, request_id=used.request_id, input_tokens=used.input_tokens, cached_tokens=used.cached_tokens,
        output_tokens=used.output_tokens, images=used.images, cost_micro_usd=used.cost, estimated=used.estimated,
        cached=cached,
    )  # fmt: skip


def _within_ceilings(session: Session, call: Call, now: datetime) -> None:
    """Raises BudgetError where what was paid, what is being asked and this call together might pass a ceiling."""
    limits = _ceilings(session, call.tenant)
    today = datetime.combine(now.date(), time(), UTC)
    spans = {
        CEILINGS[0]: (AiUsage.order_id == call.order_id, AiClaim.order_id == call.order_id),
        CEILINGS[1]: (AiUsage.created_at >= today, AiClaim.asked_at >= today),
        CEILINGS[2]: (AiUsage.created_at >= today.replace(day=1), AiClaim.asked_at >= today.replace(day=1)),
    }
    for name, limit in limits.items():
        if name == CEILINGS[0] and call.order_id is None:
            continue
        if call.reserve is None:
            raise BudgetError(
                name, f"{name}: the price of model {call.model} is unknown, so nobody can say whether it stays within the "
                f"ceiling of {limit / 1e6:.2f} USD. State its price, or lift the ceiling."
            )  # fmt: skip
        paid, asked = spans[name]
        spent = session.scalar(select(func.sum(AiUsage.cost_micro_usd)).where(AiUsage.tenant == call.tenant, paid)) or 0
        reserved = session.scalar(
            select(func.sum(AiClaim.reserved_micro_usd)).where(
                AiClaim.tenant == call.tenant, asked, AiClaim.state == "asked", AiClaim.key != call.key
            )
        )
        total = int(spent) + int(reserved or 0)
        if total + call.reserve > limit:
            raise BudgetError(
                name, f"{name}: {total / 1e6:.4f} of {limit / 1e6:.2f} USD are spent or reserved, and this call of "
                f"{call.model} may cost {call.reserve / 1e6:.4f}. Raise the ceiling, then ask again."
            )  # fmt: skip


def _ceilings(session: Session, tenant: str) -> dict[str, int]:
    plan = session.get(Plan, session.get_one(Tenant, tenant).plan or DEFAULT_PLAN)
    limits = dict(plan.limits) if plan is not None else {}
    limits |= {row.name: row.limit for row in session.scalars(select(Quota).where(Quota.name.in_(CEILINGS)))}
    return {name: int(limits[name]) for name in CEILINGS if limits.get(name) is not None}
