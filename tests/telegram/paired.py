"""A tenant with accounts paired at the test server, and channels that they read. No fixture, no assertion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from tests.builders import make_tenant
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tgstudio_dagster.catalog.accounts.accounts import TgAccount, add_account
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.subscriptions import subscribe
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import TelegramSettings

VAULT_KEY = b"k" * 32


@dataclass(frozen=True)
class Paired:
    """A tenant, the server that its accounts live on, and how both are reached."""

    tenant: str
    principal: Principal
    catalog: Catalog
    telegram: TelegramServer
    settings: TelegramSettings
    vault: Vault

    def account(self, user: User) -> TgAccount:
        """Pair the user; again: with a new session."""
        return add_account(
            self.catalog,
            self.tenant,
            self.vault,
            telegram_id=user.id,
            name=user.first,
            username=user.username,
            session=SecretStr(self.telegram.session(user)),
            paired_by=None,
        )

    def subscription(self, account: TgAccount, channel: Channel, user: User) -> None:
        """Let the user join the channel and the account read it."""
        self.telegram.join(channel, user)
        kind = "supergroup" if channel.megagroup else "channel"
        remember_channels(self.catalog, self.tenant, [ChannelSeen(channel.id, channel.username, channel.title, kind)])
        subscribe(
            self.catalog,
            self.tenant,
            channel_id=channel.id,
            account_id=account.id,
            reference=f"@{channel.username}",
            visibility="public",
            members=1,
            since=None,
            comments=False,
            created_by=None,
        )


def paired(
    catalog: Catalog, telegram: TelegramServer, folder: Path, tenant: str = "demo", *, sending: bool = False
) -> Paired:
    """A tenant on a plan with several accounts, nobody paired yet."""
    principal = make_tenant(catalog, tenant, sending=sending)
    set_plan(catalog, tenant, "pro")
    return Paired(tenant, principal, catalog, telegram, telegram.settings(folder), Vault({1: VAULT_KEY}))
