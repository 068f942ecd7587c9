"""Subscriptions: the channels a tenant follows, and the wishes to follow more.

Finding what a reference names, and checking that the account sees it, is telegram/'s matter; how far a channel was read
is reading.py's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, TypedDict, Unpack

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.accounts.accounts import unknown_account
from tgstudio_dagster.catalog.accounts.models import TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import AccountChannelState, Channel, Subscription, SubscriptionRequest
from tgstudio_dagster.catalog.follows.reading import furthest
from tgstudio_dagster.catalog.money.plans import limits_within, lock_tenant
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import AuditEntry
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, FieldError, LimitError, NotFoundError
from tgstudio_dagster.core.principal import Principal

__all__ = [
    "Subscription",
    "SubscriptionRequest",
    "SubscriptionView",
    "Visibility",
    "active_subscriptions",
    "defer_request",
    "end_subscription",
    "finish_request",
    "list_subscriptions",
    "mark_subscription",
    "move_subscription",
    "request_subscription",
    "requests",
    "subscribe",
]

Visibility = Literal["public", "private"]
_LONGEST_REFERENCE = 200
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class SubscriptionView:
    """A subscription with its channel, and how far that was read. `gaps` are ranges of ids that are still missing.

    The day `filled_from` and all later ones are wholly read; None: no day is yet.
    """

    channel_id: int
    username: str | None
    title: str
    kind: str
    visibility: str
    members: int | None
    status: str
    error: str | None
    since: date | None
    filled_from: date | None
    comments: bool
    account_id: str | None
    reference: str
    last_msg_id: int
    gaps: tuple[tuple[int, int], ...]
    read_at: datetime | None
    checked_at: datetime | None


class SubscriptionChanges(TypedDict, total=False):
    """What a reader may find out about a subscription."""

    status: Literal["active", "paused", "lost"]
    error: str | None
    visibility: Visibility
    members: int | None
    checked_at: datetime | None
    filled_from: date | None


def request_subscription(
    catalog: Catalog,
    principal: Principal,
    *,
    reference: str,
    account_id: str | None,
    since: date | None,
    comments: bool,
) -> SubscriptionRequest:
    """Ask to follow what `reference` names, `since` a day or (None) with all of its history; an equal queued wish stands.

    Raises SettingsError for a reference that can't be one, NotFoundError for an unknown account, ConflictError for a
    viewer or an account that is not active, LimitError where the plan allows no more channels.
    """
    _may_edit(principal)
    reference = reference.strip()
    if not 0 < len(reference) <= _LONGEST_REFERENCE:
        raise FieldError("reference", "write @name, t.me/name, t.me/+invite or a channel's id.")
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        if account_id is not None:
            _active_account(session, account_id)
        queued = list(session.scalars(_requests("queued")))
        for known in queued:
            if (known.reference, known.account_id, known.since, known.comments) == (
                reference,
                account_id,
                since,
                comments,
            ):
                return known
        followed = set(session.scalars(select(Subscription.reference).where(Subscription.status != "ended")))
        asked = {known.reference for known in queued} - followed
        if reference not in followed | asked:
            _refuse_over_limit(session, principal, used=_subscribed(session) + len(asked))
        request = SubscriptionRequest(
            tenant=principal.tenant,
            reference=reference,
            account_id=account_id,
            since=since,
            comments=comments,
            created_by=principal.user_id,
        )
        session.add(request)
        session.flush()
        return request


def requests(
    catalog: Catalog, tenant: Principal | str, status: Literal["queued", "done", "failed"] | None = None
) -> list[SubscriptionRequest]:
    """The tenant's wishes to follow, oldest first; only those with the status, where given."""
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(_requests(status)))


def finish_request(
    catalog: Catalog,
    tenant: str,
    request_id: str,
    *,
    status: Literal["done", "failed"],
    error: str | None = None,
    channel_id: int | None = None,
) -> SubscriptionRequest:
    """Say what became of the wish. Raises NotFoundError, or ConflictError where it had another end already."""
    with catalog.tenant_session(tenant, writing=True) as session:
        request = _request(session, request_id)
        if request.status not in ("queued", status):
            raise ConflictError(f"The request for {request.reference} is {request.status} and can't become {status}.")
        request.status, request.error, request.not_before = status, error, None
        request.channel_id = channel_id
        return request


def defer_request(
    catalog: Catalog,
    tenant: str,
    request_id: str,
    *,
    not_before: datetime,
    error: str | None = None,
    join_asked_at: datetime | None = None,
) -> SubscriptionRequest:
    """Leave the wish queued, but not to be tried before then; `join_asked_at`: the channel's admins were asked then.

    Raises NotFoundError, or ConflictError where it has ended.
    """
    with catalog.tenant_session(tenant, writing=True) as session:
        request = _request(session, request_id)
        if request.status != "queued":
            raise ConflictError(f"The request for {request.reference} is {request.status} and can't be put off.")
        request.not_before, request.error = not_before, error
        request.join_asked_at = join_asked_at or request.join_asked_at
        return request


def subscribe(
    catalog: Catalog,
    tenant: str,
    *,
    channel_id: int,
    account_id: str,
    reference: str,
    visibility: Visibility,
    members: int | None,
    since: date | None,
    comments: bool,
    created_by: str | None,
    chosen: bool = True,
) -> Subscription:
    """Follow a channel that the tenant has seen, read by the account; one that is followed already becomes active.

    To follow one again switches nothing off: the deeper `since` of the two is kept (None, all of history, is the
    deepest), and so are its comments, an invite that leads back to it, and, where the account was not `chosen` by a
    person, the active account that reads it. Ending it first begins anew. Raises NotFoundError for an unknown
    account or channel, ConflictError where the account is not active, LimitError where the plan allows no more channels.
    """
    with catalog.tenant_session(tenant, writing=True) as session:
        lock_tenant(session, tenant)
        _active_account(session, account_id)
        if session.get(Channel, (tenant, channel_id)) is None:
            raise NotFoundError(f"Tenant {tenant!r} has not seen channel {channel_id}; remember_channels comes first.")
        row = session.get(Subscription, (tenant, channel_id))
        followed = row is not None and row.status != "ended"
        if not followed:
            _refuse_over_limit(session, tenant, used=_subscribed(session))
        if row is None:
            row = Subscription(tenant=tenant, channel_id=channel_id, since=since, created_by=created_by)
            session.add(row)
        if row.status != "active":
            detail = {"reference": reference, "account_id": account_id}
            begun = {"action": "subscription.begin", "subject": str(channel_id), "detail": detail}
            session.add(AuditEntry(tenant=tenant, user_id=created_by, **begun))
        if row.status == "active" and not chosen and _is_active(session, row.account_id):
            account_id = row.account_id or account_id
        if followed:
            comments = comments or row.comments
            reference = row.reference if _is_invite(row.reference) and not _is_invite(reference) else reference
        row.account_id, row.reference, row.visibility, row.members = account_id, reference, visibility, members
        row.since = None if row.since is None or since is None else min(row.since, since)
        row.comments, row.status, row.error, row.checked_at = comments, "active", None, utc_now()
        session.flush()
        _grant_others(session, row, reference)
        return row


def _grant_others(session: Session, row: Subscription, reference: str) -> None:
    """Other wishes for the channel are granted now: those that have failed, and those that wait, with what they ask for."""
    username = session.scalar(select(Channel.username).where(Channel.channel_id == row.channel_id))
    names = {reference, str(row.channel_id), *([f"@{username.lower()}"] if username else [])}
    others = select(SubscriptionRequest).where(
        SubscriptionRequest.status.in_(("queued", "failed")),
        SubscriptionRequest.reference.in_(names),
        SubscriptionRequest.account_id.is_(None) | (SubscriptionRequest.account_id == row.account_id),
    )
    for request in session.scalars(others):
        if request.status == "queued":
            row.since = None if row.since is None or request.since is None else min(row.since, request.since)
            row.comments = row.comments or request.comments
        request.status, request.error, request.not_before = "done", None, None
        request.channel_id = row.channel_id


def list_subscriptions(catalog: Catalog, tenant: Principal | str) -> list[SubscriptionView]:
    """All subscriptions of the tenant, ended ones too, by the channel's title."""
    return _views(catalog, tenant, select(Subscription, Channel))


def active_subscriptions(catalog: Catalog, tenant: str, account_id: str) -> list[SubscriptionView]:
    """What the account is to read, those never or longest not read first."""
    query = select(Subscription, Channel).where(Subscription.status == "active", Subscription.account_id == account_id)
    return sorted(_views(catalog, tenant, query), key=lambda view: view.read_at or _NEVER)


def mark_subscription(
    catalog: Catalog, tenant: str, channel_id: int, **changes: Unpack[SubscriptionChanges]
) -> Subscription:
    """Write down what a reader has found out. A subscription that the tenant has ended stays ended.

    Raises NotFoundError where the tenant does not follow the channel.
    """
    with catalog.tenant_session(tenant, writing=True) as session:
        row = _known(session, tenant, channel_id)
        if row.status == "ended":
            changes.pop("status", None)
        for name, value in changes.items():
            setattr(row, name, value)
        return row


def end_subscription(catalog: Catalog, principal: Principal, channel_id: int) -> Subscription:
    """Follow the channel no longer; what was read stays. Raises NotFoundError, or ConflictError for a viewer."""
    _may_edit(principal)
    with catalog.tenant_session(principal, writing=True) as session:
        row = _known(session, principal.tenant, channel_id)
        if row.status != "ended":
            row.status, row.error = "ended", None
            audit(session, principal, "subscription.end", str(channel_id), {"reference": row.reference})
        return row


def move_subscription(catalog: Catalog, principal: Principal, channel_id: int, account_id: str) -> Subscription:
    """Let another account read the channel, from now on; a paused or lost subscription becomes active.

    Raises NotFoundError for an unknown account or channel, ConflictError for a viewer, an account that is not active, or
    a subscription that has ended.
    """
    _may_edit(principal)
    with catalog.tenant_session(principal, writing=True) as session:
        row = _known(session, principal.tenant, channel_id)
        _active_account(session, account_id)
        if row.status == "ended":
            raise ConflictError(f"The subscription of {row.reference} has ended; subscribe anew.").coded(
                "subscription.ended"
            )
        detail = {"from": row.account_id, "to": account_id}
        audit(session, principal, "subscription.move", str(channel_id), detail)
        row.account_id, row.status, row.error, row.checked_at = account_id, "active", None, None
        return row


def _views(catalog: Catalog, tenant: Principal | str, query: Select[Subscription, Channel]) -> list[SubscriptionView]:
    query = query.join(Channel, Channel.channel_id == Subscription.channel_id)
    states = defaultdict(list)
    with catalog.tenant_session(tenant) as session:
        for state in session.scalars(select(AccountChannelState)):
            states[state.channel_id].append(state)
        rows = session.execute(query.order_by(Channel.title, Channel.channel_id)).all()
    return [_view(row, channel, furthest(states[row.channel_id], row.account_id)) for row, channel in rows]


def _view(row: Subscription, channel: Channel, state: AccountChannelState | None) -> SubscriptionView:
    return SubscriptionView(
        channel_id=row.channel_id,
        username=channel.username,
        title=channel.title,
        kind=channel.kind,
        visibility=row.visibility,
        members=row.members,
        status=row.status,
        error=row.error,
        since=row.since,
        filled_from=row.filled_from,
        comments=row.comments,
        account_id=row.account_id,
        reference=row.reference,
        last_msg_id=state.last_msg_id if state else 0,
        gaps=tuple((first, last) for first, last in state.gaps) if state else (),
        read_at=state.read_at if state else None,
        checked_at=row.checked_at,
    )


def _subscribed(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Subscription).where(Subscription.status != "ended")) or 0


def _refuse_over_limit(session: Session, tenant: Principal | str, *, used: int) -> None:
    limit = limits_within(session, tenant).channels
    if used >= limit:
        raise LimitError(
            f"the tenant's plan allows {limit}, and {used} are followed or asked for; end one, or change the plan.",
            field="channels",
        ).coded("limit.channels", limit=limit, used=used)


def _requests(status: str | None) -> Select[SubscriptionRequest]:
    query = select(SubscriptionRequest).order_by(SubscriptionRequest.created_at, SubscriptionRequest.id)
    return query if status is None else query.where(SubscriptionRequest.status == status)


def _request(session: Session, request_id: str) -> SubscriptionRequest:
    request = session.get(SubscriptionRequest, request_id, with_for_update=True)
    if request is None:
        raise NotFoundError(f"There is no request {request_id!r} to subscribe; `tgstudio subscriptions` names them.")
    return request


def _known(session: Session, tenant: str, channel_id: int) -> Subscription:
    row = session.get(Subscription, (tenant, channel_id), with_for_update=True)
    if row is None:
        raise NotFoundError(
            f"Tenant {tenant!r} does not follow channel {channel_id}; `tgstudio subscriptions` names those it follows."
        )
    return row


def _is_invite(reference: str) -> bool:
    return "t.me/+" in reference


def _is_active(session: Session, account_id: str | None) -> bool:
    account = None if account_id is None else session.get(TgAccount, account_id)
    return account is not None and account.status == "active"


def _active_account(session: Session, account_id: str) -> None:
    account = session.get(TgAccount, account_id)
    if account is None:
        raise unknown_account(account_id)
    if account.status != "active":
        raise ConflictError(
            f"Account {account_id} ({account.name}) is {account.status}: pair it again, or take another."
        )


def _may_edit(principal: Principal) -> None:
    if not principal.may_edit:
        raise ConflictError("a viewer may read, not subscribe; ask an editor or an owner of the tenant.", field="role")
