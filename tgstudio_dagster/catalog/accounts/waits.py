"""Waits: when an account may call a method of Telegram again, because Telegram asked to wait or by the product's own pace.

Whether a wait is slept or ends the run is telegram/'s matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.accounts.accounts import unknown_account
from tgstudio_dagster.catalog.accounts.models import AccountWait, TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.events import FloodWait, record
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.principal import Principal

__all__ = ["AccountWaits", "Wait", "list_waits"]

TOLD_FROM = 60
"""Seconds of a flood wait from which on others are told of it: shorter ones are slept, and nobody notices."""


@dataclass(frozen=True)
class Wait:
    """A flood wait that is not over: whose, of which method, until when, and how many seconds Telegram asked for."""

    account_id: str
    account: str
    method: str
    not_before: datetime
    flood_seconds: int
    noted_at: datetime


class AccountWaits:
    """The waits of one account."""

    def __init__(self, catalog: Catalog, tenant: str, account_id: str) -> None:
        self._catalog = catalog
        self._tenant = tenant
        self._account_id = account_id

    def not_before(self, method: str) -> datetime | None:
        """When the method may be called again; it may be past. None where nothing was ever held."""
        query = select(AccountWait.not_before).where(
            AccountWait.account_id == self._account_id, AccountWait.method == method
        )
        with self._catalog.tenant_session(self._tenant) as session:
            return session.scalar(query)

    def hold(self, method: str, until: datetime, flood_seconds: int | None) -> None:
        """Let nobody call the method before `until`: `flood_seconds` is what Telegram asked for, None for a pace.

        A wait only ever gets longer, and a pace that ends within a flood wait changes nothing. Raises NotFoundError for
        an account that is not the tenant's.
        """
        with self._catalog.tenant_session(self._tenant, writing=True) as session:
            # The account's row is locked, so that two processes do not both add the method's.
            if session.get(TgAccount, self._account_id, with_for_update=True) is None:
                raise unknown_account(self._account_id)
            self._tell(session, method, until, flood_seconds)
            row = session.get(AccountWait, (self._account_id, method))
            if row is None:
                session.add(
                    AccountWait(
                        tenant=self._tenant,
                        account_id=self._account_id,
                        method=method,
                        not_before=until,
                        flood_seconds=flood_seconds,
                    )
                )
                return
            if until > row.not_before or (flood_seconds is not None and row.flood_seconds is None):
                row.flood_seconds, row.noted_at = flood_seconds, utc_now()
                row.not_before = max(row.not_before, until)

    def _tell(self, session: Session, method: str, until: datetime, flood_seconds: int | None) -> None:
        if flood_seconds is not None and flood_seconds >= TOLD_FROM:
            record(
                session,
                FloodWait(
                    tenant=self._tenant,
                    account_id=self._account_id,
                    method=method,
                    seconds=flood_seconds,
                    until=until,
                ),
            )


def list_waits(catalog: Catalog, tenant: Principal | str, *, now: datetime) -> list[Wait]:
    """The flood waits of the tenant's accounts that are not over, the longest last."""
    query = (
        select(AccountWait, TgAccount.name)
        .join(TgAccount, TgAccount.id == AccountWait.account_id)
        .where(AccountWait.not_before > now, AccountWait.flood_seconds.is_not(None))
        .order_by(AccountWait.not_before, AccountWait.account_id, AccountWait.method)
    )
    with catalog.tenant_session(tenant) as session:
        return [
            Wait(row.account_id, name, row.method, row.not_before, row.flood_seconds or 0, row.noted_at)
            for row, name in session.execute(query)
        ]
