"""Accounts: a tenant's paired Telegram accounts and their sealed sessions.

How an account is paired is pairings.py's and telegram/'s matter, how a session is sealed vault.py's. One process at a
time uses a session: it holds the lease `session_lease(account_id)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import SecretStr
from sqlalchemy import Update, func, select, update
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.accounts.models import TgAccount
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import AccountChannelState, Subscription, SubscriptionRequest
from tgstudio_dagster.catalog.money.plans import limits_within, lock_tenant
from tgstudio_dagster.catalog.outbox.events import AccountLost, record
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import AuditEntry
from tgstudio_dagster.core.errors import ConflictError, LimitError, NotFoundError, VaultError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal

__all__ = [
    "TgAccount",
    "account_limit",
    "add_account",
    "erase_account",
    "get_account",
    "list_accounts",
    "mark_account",
    "rotate_keys",
    "session_lease",
    "session_of",
    "unknown_account",
]

_REMOVED = "The account that read it was removed: choose another account, or pair it again."


def session_lease(account_id: str) -> str:
    """Name of the lease that whoever uses the account's session must hold (leases.py)."""
    return f"session/{account_id}"


def add_account(
    catalog: Catalog,
    tenant: str,
    vault: Vault,
    *,
    telegram_id: int,
    name: str,
    username: str | None,
    session: SecretStr,
    paired_by: str | None,
) -> TgAccount:
    """Store a paired account, active. The same Telegram user again keeps its id and gets the new session.

    Access hashes of the former session go: Telegram refuses them in the new one. What the former one lost, or lost with
    it, is read again from where it stopped. `paired_by` is a user's id, None for the operator. Raises LimitError where
    the plan allows no more accounts.
    """
    with catalog.tenant_session(tenant, writing=True) as rows:
        lock_tenant(rows, tenant)
        account = rows.scalar(select(TgAccount).where(TgAccount.telegram_id == telegram_id).with_for_update())
        if account is None or account.status == "removed":
            limit = limits_within(rows, tenant).accounts
            used = rows.scalar(select(func.count()).select_from(TgAccount).where(TgAccount.status != "removed")) or 0
            if used >= limit:
                raise LimitError(
                    f"the tenant's plan allows {limit}, and {used} are paired; remove one, or change the plan.",
                    field="accounts",
                ).coded("limit.accounts", limit=limit, used=used)
        if account is None:
            account = TgAccount(id=new_id(), tenant=tenant, telegram_id=telegram_id)
            rows.add(account)
        account.name, account.username, account.paired_by = name, username, paired_by
        account.status, account.error = "active", None
        account.session_cipher = vault.seal(session, tenant=tenant, account_id=account.id)
        _begin_anew(rows, account.id)
        detail = {"telegram_id": telegram_id}
        rows.add(AuditEntry(tenant=tenant, user_id=paired_by, action="account.pair", subject=account.id, detail=detail))
        rows.flush()
        return account


def _begin_anew(rows: Session, account_id: str) -> None:
    """Forget what held for the account's former session only."""
    rows.execute(_hashes_forgotten(account_id))
    rows.execute(
        update(Subscription)
        .where(
            Subscription.account_id == account_id,
            (Subscription.status == "lost") | ((Subscription.status == "paused") & (Subscription.error == _REMOVED)),
        )
        .values(status="active", error=None)
    )


def _hashes_forgotten(account_id: str) -> Update:
    return update(AccountChannelState).where(AccountChannelState.account_id == account_id).values(access_hash=None)


def account_limit(catalog: Catalog, tenant: Principal | str) -> str | None:
    """What to know before somebody pairs: that the plan's accounts are all taken; None while there is room."""
    with catalog.tenant_session(tenant) as rows:
        limit = limits_within(rows, tenant).accounts
        paired = list(
            rows.scalars(select(TgAccount).where(TgAccount.status != "removed").order_by(TgAccount.created_at))
        )
    if len(paired) < limit:
        return None
    names = ", ".join(account.name for account in paired)
    again = f" Only {names} can be paired again." if paired else ""
    accounts, are = "account" if limit == 1 else "accounts", "is" if len(paired) == 1 else "are"
    return f"The tenant's plan allows {limit} {accounts}, and {len(paired)} {are} paired.{again}"


def list_accounts(catalog: Catalog, tenant: Principal | str) -> list[TgAccount]:
    """The tenant's accounts, removed ones too, oldest first."""
    with catalog.tenant_session(tenant) as rows:
        return list(rows.scalars(select(TgAccount).order_by(TgAccount.created_at, TgAccount.id)))


def get_account(catalog: Catalog, tenant: Principal | str, account_id: str) -> TgAccount:
    """The tenant's account. Raises NotFoundError where there is none of this id, or it is another tenant's."""
    with catalog.tenant_session(tenant) as rows:
        account = rows.get(TgAccount, account_id)
    if account is None:
        raise unknown_account(account_id)
    return account


def session_of(catalog: Catalog, tenant: str, vault: Vault, account_id: str) -> SecretStr:
    """The account's session, whatever its status.

    Raises NotFoundError for an unknown account, ConflictError where it has no session (it was removed), VaultError where
    the session does not open.
    """
    account = get_account(catalog, tenant, account_id)
    if account.session_cipher is None:
        raise ConflictError(f"Account {account_id} ({account.name}) has no session: pair it again.").coded(
            "account.no_session", name=account.name
        )
    return vault.open(account.session_cipher, tenant=tenant, account_id=account_id)


def mark_account(
    catalog: Catalog,
    tenant: str,
    account_id: str,
    status: Literal["active", "expired", "banned"],
    error: str | None = None,
) -> TgAccount:
    """Say what became of the account, and why. Raises NotFoundError, or ConflictError where it was removed."""
    with catalog.tenant_session(tenant, writing=True) as rows:
        account = rows.get(TgAccount, account_id, with_for_update=True)
        if account is None:
            raise unknown_account(account_id)
        if account.status == "removed":
            raise ConflictError(f"Account {account_id} was removed; pair it again.")
        if status != "active" and account.status != status:
            record(rows, AccountLost(tenant=tenant, account_id=account_id, status=status, reason=error))
        account.status, account.error = status, error
        return account


def erase_account(catalog: Catalog, tenant: Principal | str, account_id: str) -> TgAccount:
    """Remove the account: its session and access hashes go, what it reads is paused, its queued requests fail.

    Logging it out at Telegram comes before, and is not done here. How far it read stays, for another account to go on
    from. Raises NotFoundError for an unknown account; a removed one stays as it is.
    """
    with catalog.tenant_session(tenant, writing=True) as rows:
        account = rows.get(TgAccount, account_id, with_for_update=True)
        if account is None:
            raise unknown_account(account_id)
        if account.status == "removed":
            return account
        account.status, account.error, account.session_cipher = "removed", None, None
        rows.execute(_hashes_forgotten(account_id))
        rows.execute(
            update(Subscription)
            .where(Subscription.account_id == account_id, Subscription.status == "active")
            .values(status="paused", error=_REMOVED)
        )
        rows.execute(
            update(SubscriptionRequest)
            .where(SubscriptionRequest.account_id == account_id, SubscriptionRequest.status == "queued")
            .values(status="failed", error=_REMOVED)
        )
        audit(rows, tenant, "account.remove", account_id, {"telegram_id": account.telegram_id})
        return account


def rotate_keys(catalog: Catalog, vault: Vault, *, done: Callable[[int, int], None]) -> int:
    """Seal every tenant's sessions with the newest key; returns how many were sealed anew.

    Row by row: readers go on meanwhile, as the old key still opens what is not sealed anew yet. `done` is told after each
    row how many of how many are done. Raises VaultError, after all others are done, where some do not open.
    """
    query = select(TgAccount.tenant, TgAccount.id).where(TgAccount.session_cipher.is_not(None))
    with catalog.reading() as rows:
        accounts = rows.execute(query.order_by(TgAccount.tenant, TgAccount.id)).all()
    rotated, failed = 0, []
    for count, (tenant, account_id) in enumerate(accounts, start=1):
        try:
            rotated += _rotate(catalog, vault, tenant, account_id)
        except VaultError as error:
            failed.append(f"tenant {tenant}: {error}")
        done(count, len(accounts))
    if failed:
        raise VaultError(f"{len(failed)} of {len(accounts)} sessions could not be sealed anew. {' '.join(failed)}")
    return rotated


def _rotate(catalog: Catalog, vault: Vault, tenant: str, account_id: str) -> bool:
    """Seal one session anew, unless it is by now; False where nothing was to do."""
    # Not by tenant_session: the sessions of a deleted tenant must not stay under an old key either.
    mine = (TgAccount.tenant == tenant, TgAccount.id == account_id)
    while True:
        with catalog.reading() as rows:
            old = rows.scalar(select(TgAccount.session_cipher).where(*mine))
        if old is None or not vault.needs_rotation(old):
            return False
        plain = vault.open(old, tenant=tenant, account_id=account_id)
        new = vault.seal(plain, tenant=tenant, account_id=account_id)
        with catalog.session() as rows:
            # Compare and swap: where the account was paired again or removed meanwhile, that stands.
            swap = update(TgAccount).where(*mine, TgAccount.session_cipher == old).values(session_cipher=new)
            if rows.connection().execute(swap).rowcount == 1:
                return True


def unknown_account(account_id: str) -> NotFoundError:
    """The error for an account that the tenant does not have."""
    return NotFoundError(f"There is no account {account_id!r}; `tgstudio accounts` names the tenant's accounts.")
