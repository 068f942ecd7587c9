"""Standings: what a reader must know of all tenants at a glance, in a handful of queries however many there are.

What follows from it is decided in reader/decide/. The one place beside leases and sign-in that reads across tenants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.accounts.models import TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import (
    AccountChannelState,
    MediaBacklog,
    ReadWish,
    Subscription,
    SubscriptionRequest,
    TenantRead,
)
from tgstudio_dagster.catalog.money.plans import limit_by_tenant
from tgstudio_dagster.catalog.people.models import Tenant

_T = TypeVar("_T")
_CADENCE = "refresh_minutes"


@dataclass(frozen=True)
class Unfilled:
    """A subscription whose history is not wholly read: wanted from `since` on (None: all), read from `filled_from` on."""

    channel_id: int
    since: date | None
    filled_from: date
    gaps: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Files:
    """So many files of a day's posts wait until `not_before`."""

    day: date
    count: int
    not_before: datetime


@dataclass(frozen=True)
class Standing:
    """A tenant that has an active account. `listening` are those of its accounts that read a channel.

    `every` is its plan's cadence, None where the plan lacks one; `requested` are the moments from which queued requests to
    follow may be worked off.
    """

    tenant: str
    every: timedelta | None
    accounts: tuple[str, ...]
    listening: tuple[str, ...] = ()
    started_at: datetime | None = None
    woken_at: datetime | None = None
    waits_until: datetime | None = None
    requested: tuple[datetime, ...] = ()
    unfilled: tuple[Unfilled, ...] = ()
    files: tuple[Files, ...] = ()
    wishes: tuple[ReadWish, ...] = field(default=(), compare=False)


def standings(catalog: Catalog, *, earliest: date, only: str | None = None) -> list[Standing]:
    """Every tenant with an active account (or `only` that one), by slug. No history before `earliest` is wanted."""
    with catalog.reading() as session:
        accounts = _by_tenant(session, _accounts(only))
        if not accounts:
            return []
        reads = {row.tenant: row for row in session.scalars(select(TenantRead))}
        listening = _by_tenant(session, _listening())
        requested = _by_tenant(session, _requested())
        files = _by_tenant(
            session, select(MediaBacklog.tenant, MediaBacklog.day, MediaBacklog.files, MediaBacklog.not_before)
        )
        unfilled = _unfilled(session, earliest)
        wishes = _grouped((wish.tenant, wish) for wish in session.scalars(_wishes()))
        cadences = limit_by_tenant(session, _CADENCE)
    found = []
    for tenant, rows in sorted(accounts.items()):
        read = reads.get(tenant) or TenantRead(tenant=tenant)
        found.append(
            Standing(
                tenant,
                timedelta(minutes=cadences[tenant]) if tenant in cadences else None,
                accounts=tuple(account for (account,) in rows),
                listening=tuple(account for (account,) in listening.get(tenant, ())),
                started_at=read.started_at,
                woken_at=read.woken_at,
                waits_until=read.waits_until,
                requested=tuple(not_before or created for not_before, created in requested.get(tenant, ())),
                unfilled=tuple(unfilled.get(tenant, ())),
                files=tuple(Files(*row) for row in files.get(tenant, ())),
                wishes=tuple(wishes.get(tenant, ())),
            )
        )
    return found


def _accounts(only: str | None) -> Select[str, str]:
    query = (
        select(TgAccount.tenant, TgAccount.id)
        .join(Tenant, Tenant.slug == TgAccount.tenant)
        .where(TgAccount.status == "active", Tenant.deleted_at.is_(None))
        .order_by(TgAccount.created_at, TgAccount.id)
    )
    return query if only is None else query.where(TgAccount.tenant == only)


def _listening() -> Select[Any, Any]:
    return (
        select(Subscription.tenant, Subscription.account_id)
        .join(TgAccount, TgAccount.id == Subscription.account_id)
        .where(Subscription.status == "active", TgAccount.status == "active")
        .distinct()
    )


def _requested() -> Select[Any, Any, Any]:
    query = select(SubscriptionRequest.tenant, SubscriptionRequest.not_before, SubscriptionRequest.created_at)
    return query.where(SubscriptionRequest.status == "queued")


def _wishes() -> Select[ReadWish]:
    return select(ReadWish).where(ReadWish.status == "queued").order_by(ReadWish.created_at, ReadWish.id)


def _unfilled(session: Session, earliest: date) -> dict[str, list[Unfilled]]:
    query = select(Subscription.tenant, Subscription.channel_id, Subscription.since, Subscription.filled_from).where(
        Subscription.status == "active",
        Subscription.account_id.is_not(None),
        Subscription.filled_from > func.coalesce(Subscription.since, earliest),
        Subscription.filled_from > earliest,
    )
    rows = session.execute(query).all()
    if not rows:
        return {}
    channels = {row.channel_id for row in rows}
    states = (
        select(AccountChannelState.tenant, AccountChannelState.channel_id, AccountChannelState.gaps)
        .where(AccountChannelState.channel_id.in_(channels))
        .order_by(AccountChannelState.last_msg_id)
    )
    gaps = {
        (tenant, channel): tuple((low, high) for low, high in gaps) for tenant, channel, gaps in session.execute(states)
    }
    return _grouped(
        (tenant, Unfilled(channel_id, since, filled_from, gaps.get((tenant, channel_id), ())))
        for tenant, channel_id, since, filled_from in rows
        if filled_from is not None
    )


def _by_tenant(
    session: Session, query: Select[Any, Any] | Select[Any, Any, Any] | Select[Any, Any, Any, Any]
) -> dict[str, list[tuple[Any, ...]]]:
    return _grouped((tenant, tuple(row)) for tenant, *row in session.execute(query))


def _grouped(pairs: Iterable[tuple[str, _T]]) -> dict[str, list[_T]]:
    grouped: defaultdict[str, list[_T]] = defaultdict(list)
    for tenant, value in pairs:
        grouped[tenant].append(value)
    return dict(grouped)
