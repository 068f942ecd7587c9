"""Routes about the tenant's Telegram accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from tgstudio_dagster.core.cursor import paged
from tgstudio_dagster.services.accounts import TgAccount, Wait
from tgstudio_dagster.web.api.common import Cursor, Id, Limit, OwnStudio, Page, Told
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1/accounts")


class AccountWait(Told):
    """A method that Telegram, or the product's own pace, lets this account call again later."""

    method: str
    until: datetime


class Account(Told):
    """A paired Telegram account."""

    id: str
    telegram_id: int | None
    name: str
    username: str | None
    status: Literal["active", "expired", "banned", "removed"] = Field(description="expired: pair it again.")
    error: str | None
    created_at: datetime
    waits: list[AccountWait]


class RemovedAccount(Told):
    """An account that was removed. `still_in` says why it could not be logged out at Telegram; null: it was."""

    id: str
    name: str
    still_in: str | None


@router.get("", summary="The tenant's accounts")
def accounts(studio: OwnStudio, limit: Limit = 50, cursor: Cursor = None) -> Page[Account]:
    """Removed ones too, oldest first."""
    waits = studio.accounts.waits()
    found = studio.accounts.all()
    some, further = paged(found, lambda one: [one.created_at.isoformat(), one.id], cursor=cursor, limit=limit)
    return Page[Account](items=[_account(one, waits) for one in some], cursor=further)


@router.delete("/{account_id}", summary="Remove an account")
def remove(studio: OwnStudio, account_id: Id) -> RemovedAccount:
    """It is logged out at Telegram and its session erased. What it has read stays; what it read is paused."""
    done = studio.accounts.remove(account_id)
    return RemovedAccount(id=done.account.id, name=done.account.name, still_in=done.still_in)


def _account(row: TgAccount, waits: list[Wait]) -> Account:
    mine = [AccountWait(method=one.method, until=one.not_before) for one in waits if one.account_id == row.id]
    return Account(**{name: getattr(row, name) for name in Account.model_fields if name != "waits"}, waits=mine)
