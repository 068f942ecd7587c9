"""Builders of Telegram's rows in the catalog: accounts and subscriptions, every unnamed field filled in sensibly."""

from __future__ import annotations

from datetime import date

from pydantic import SecretStr

from tgstudio_dagster.catalog.accounts.accounts import TgAccount, add_account
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.subscriptions import Subscription, subscribe

VAULT = Vault({1: b"1" * 32})


def make_account(
    catalog: Catalog, tenant: str = "demo", telegram_id: int = 2**40, *, session: str = "", vault: Vault = VAULT
) -> TgAccount:
    """A paired account, active; its session is `session of <telegram_id>` unless given."""
    return add_account(
        catalog,
        tenant,
        vault,
        telegram_id=telegram_id,
        name=f"User {telegram_id}",
        username=None,
        session=SecretStr(session or f"session of {telegram_id}"),
        paired_by=None,
    )


def make_subscription(
    catalog: Catalog,
    account: TgAccount,
    channel_id: int = 1,
    *,
    since: date | None = None,
    title: str = "",
    comments: bool = False,
) -> Subscription:
    """An active subscription of the account's tenant to a public channel, `@channel<id>`."""
    username = f"channel{channel_id}"
    seen = ChannelSeen(channel_id, username, title or f"Channel {channel_id}", "channel")
    remember_channels(catalog, account.tenant, [seen])
    return subscribe(
        catalog,
        account.tenant,
        channel_id=channel_id,
        account_id=account.id,
        reference=f"@{username}",
        visibility="public",
        members=10,
        since=since,
        comments=comments,
        created_by=None,
    )
