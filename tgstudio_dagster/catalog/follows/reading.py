"""Reading: how far each account has read each channel, and when a tenant was last read.

The posts are in the lake; whether a tenant is due is decided in orchestration/decide/.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.accounts.accounts import unknown_account
from tgstudio_dagster.catalog.accounts.models import TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import AccountChannelState, Channel, TenantRead
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.core.errors import ConflictError, NotFoundError
from tgstudio_dagster.core.principal import Principal

__all__ = [
    "ChannelCursor",
    "TenantRead",
    "begin_read",
    "cursor",
    "finish_read",
    "furthest",
    "note_channel_error",
    "remember_peer",
    "save_cursor",
    "tenant_read",
    "wake",
]


@dataclass(frozen=True)
class ChannelCursor:
    """How far a channel was read: everything up to `last_msg_id`, but for the id ranges in `gaps` (ends included).

    `access_hash` is of the account's session; None where that has not met the channel yet.
    """

    channel_id: int
    access_hash: int | None = None
    last_msg_id: int = 0
    gaps: tuple[tuple[int, int], ...] = ()
    read_at: datetime | None = None
    error: str | None = None


def cursor(catalog: Catalog, tenant: str, account_id: str, channel_id: int) -> ChannelCursor:
    """Where the account goes on reading the channel: where the tenant's account that read furthest has stopped.

    Message ids are the channel's own, so another account's place holds for this one; its access hash does not. A channel
    that was never read gives a cursor at 0.
    """
    query = select(AccountChannelState).where(AccountChannelState.channel_id == channel_id)
    with catalog.tenant_session(tenant) as session:
        states = list(session.scalars(query))
    own = next((state for state in states if state.account_id == account_id), None)
    state = furthest(states, account_id)
    if state is None:
        return ChannelCursor(channel_id)
    return ChannelCursor(
        channel_id=channel_id,
        access_hash=own.access_hash if own else None,
        last_msg_id=state.last_msg_id,
        gaps=tuple((first, last) for first, last in state.gaps),
        read_at=state.read_at,
        error=own.error if own else None,
    )


def furthest(states: Iterable[AccountChannelState], account_id: str | None) -> AccountChannelState | None:
    """Of a tenant's states of one channel, the one that has come furthest; the account's own among equals."""
    return max(states, key=lambda state: (state.last_msg_id, state.account_id == account_id), default=None)


def save_cursor(catalog: Catalog, tenant: str, account_id: str, cursor: ChannelCursor) -> None:
    """Store how far the account has read. The access hash is left alone: that is `remember_peer`'s.

    Raises ConflictError where the channel would be read backwards, NotFoundError for an unknown account or channel.
    """
    with catalog.tenant_session(tenant, writing=True) as session:
        state = _state(session, tenant, account_id, cursor.channel_id)
        if cursor.last_msg_id < state.last_msg_id:
            raise ConflictError(
                f"Channel {cursor.channel_id} was read up to {state.last_msg_id} by account {account_id} and can't go "
                f"back to {cursor.last_msg_id}: another run has read it meanwhile."
            )
        state.last_msg_id, state.gaps = cursor.last_msg_id, [list(gap) for gap in cursor.gaps]
        state.read_at, state.error = cursor.read_at, cursor.error


def remember_peer(catalog: Catalog, tenant: str, account_id: str, channel_id: int, access_hash: int | None) -> None:
    """Keep the channel's access hash of the account's session; None forgets it. Raises NotFoundError as `save_cursor` does."""
    with catalog.tenant_session(tenant, writing=True) as session:
        _state(session, tenant, account_id, channel_id).access_hash = access_hash


def note_channel_error(catalog: Catalog, tenant: str, account_id: str, channel_id: int, error: str | None) -> None:
    """Say why the account could not read the channel, None that it can. Raises NotFoundError as `save_cursor` does."""
    with catalog.tenant_session(tenant, writing=True) as session:
        _state(session, tenant, account_id, channel_id).error = error


def tenant_read(catalog: Catalog, tenant: Principal | str) -> TenantRead:
    """When the tenant was last read; all None where it never was."""
    slug = tenant if isinstance(tenant, str) else tenant.tenant
    with catalog.tenant_session(tenant) as session:
        return session.get(TenantRead, slug) or TenantRead(tenant=slug)


def begin_read(catalog: Catalog, tenant: str, *, now: datetime) -> None:
    """A reading of the tenant begins: what woke it before is being answered."""
    with catalog.tenant_session(tenant, writing=True) as session:
        _read(session, tenant).started_at = now


def finish_read(
    catalog: Catalog, tenant: str, *, now: datetime, waits_until: datetime | None = None, error: str | None = None
) -> None:
    """The reading has ended: well (`read_at` becomes now), at a wait that is too long to sleep, or by an error.

    After an error `read_at` stays, so that it always says when the tenant was last really read; `started_at` says when it
    was last tried.
    """
    with catalog.tenant_session(tenant, writing=True) as session:
        row = _read(session, tenant)
        row.waits_until, row.error = waits_until, error
        if error is None:
            row.read_at = now


def wake(catalog: Catalog, tenant: str, *, now: datetime) -> None:
    """Make the tenant due at once: something happened that the next reading should fetch."""
    with catalog.tenant_session(tenant, writing=True) as session:
        _read(session, tenant).woken_at = now


def _read(session: Session, tenant: str) -> TenantRead:
    lock_tenant(session, tenant)
    row = session.get(TenantRead, tenant)
    if row is None:
        row = TenantRead(tenant=tenant)
        session.add(row)
    return row


def _state(session: Session, tenant: str, account_id: str, channel_id: int) -> AccountChannelState:
    """The account's state of the channel, locked; made where there is none yet."""
    state = session.get(AccountChannelState, (account_id, channel_id), with_for_update=True)
    if state is not None:
        return state
    if session.get(TgAccount, account_id, with_for_update=True) is None:
        raise unknown_account(account_id)
    if session.get(Channel, (tenant, channel_id)) is None:
        raise NotFoundError(f"Tenant {tenant!r} has not seen channel {channel_id}; remember_channels comes first.")
    # The account's row is locked by now: whoever was first may have made the state meanwhile.
    state = session.get(AccountChannelState, (account_id, channel_id), populate_existing=True)
    if state is None:
        state = AccountChannelState(tenant=tenant, account_id=account_id, channel_id=channel_id, last_msg_id=0, gaps=[])
        session.add(state)
    return state
