"""A tenant whose channels are read from the test server into a lake, and the lake merged as the asset does it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import delete

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import Paired, paired
from tgstudio_dagster.catalog.accounts.accounts import TgAccount
from tgstudio_dagster.catalog.accounts.models import AccountWait
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.reading import ChannelCursor, cursor, remember_peer
from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView, list_subscriptions, subscribe
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.attachments import note_files, wanted, with_fetched
from tgstudio_dagster.posts.merge import merge
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.telegram.reading.read_report import ReadReport
from tgstudio_dagster.telegram.reading.reader import read_tenant


@dataclass
class Clock:
    """The present, moved on by what a test lets pass."""

    shift: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def wait(self, **passed: float) -> None:
        """Let time pass."""
        self.shift += timedelta(**passed)


@dataclass
class Reads:
    """A tenant with a lake, who reads."""

    paired: Paired
    lake: TenantLake
    now: Clock = field(default_factory=Clock)

    @property
    def telegram(self) -> TelegramServer:
        """The server."""
        return self.paired.telegram

    @property
    def tenant(self) -> str:
        """The tenant's slug."""
        return self.paired.tenant

    def account(self, user: User) -> TgAccount:
        """Pair the user."""
        return self.paired.account(user)

    def follow(
        self,
        account: TgAccount,
        channel: Channel,
        *,
        since: date | None = None,
        comments: bool = False,
        key: int | None = -1,
    ) -> None:
        """Let the account read the channel; `key` is its access hash, by default the right one, None: not known."""
        catalog, name = self.paired.catalog, channel.username
        self.telegram.join(channel, account.telegram_id or 0)
        kind = "supergroup" if channel.megagroup else "channel"
        remember_channels(catalog, self.tenant, [ChannelSeen(channel.id, name, channel.title, kind)])
        own = self.telegram.access_hash(channel, account.telegram_id or 0) if key == -1 else key
        remember_peer(catalog, self.tenant, account.id, channel.id, own)
        subscribe(
            catalog, self.tenant, channel_id=channel.id, account_id=account.id,
            reference=f"@{name}" if name else str(channel.id), visibility="public" if name else "private", members=None,
            since=since, comments=comments, created_by=None,
        )  # fmt: skip

    def read(
        self, *, filters: Filters | None = None, settings: dict[str, Any] | None = None, **given: Any
    ) -> ReadReport:
        """Read the tenant once."""
        arguments: dict[str, Any] = {"first_day": date(2020, 1, 1), "now": self.now, "wait": 0} | given
        return asyncio.run(
            read_tenant(
                self.tenant, catalog=self.paired.catalog, lake=self.lake, vault=self.paired.vault,
                settings=self.paired.settings.model_copy(update=settings or {}), filters=filters or Filters(), **arguments,
            )
        )  # fmt: skip

    def merge(self) -> None:
        """Merge what has landed, day by day, as the asset does."""
        for day in self.lake.landing_days():
            landings = self.lake.landings(day)
            before = [self.lake.read(table, days=[day]) for table in (MESSAGES, MESSAGE_VERSIONS, MESSAGE_STATS)]
            merged = merge(self.lake.read_landings(landings), *before)
            self.lake.write(MESSAGES, merged.messages, day=day)
            self.lake.write(MESSAGE_VERSIONS, merged.versions, day=day)
            self.lake.write(MESSAGE_STATS, merged.stats, day=day)
            self.lake.drop_landings(landings)

    def messages(self, channel: Channel | None = None) -> pl.DataFrame:
        """All messages of the tenant, or of a channel, after a merge."""
        self.merge()
        rows = self.lake.read(MESSAGES)
        return rows if channel is None else rows.filter(pl.col("channel_id") == channel.id)

    def texts(self, channel: Channel) -> dict[int, str]:
        """The texts of a channel's posts by id; fails where one stands twice."""
        rows = self.messages(channel)
        found = dict(rows.select("msg_id", "text").iter_rows())
        assert len(found) == rows.height
        return found

    def cursor(self, account: TgAccount, channel: Channel) -> ChannelCursor:
        """How far the account has read."""
        return cursor(self.paired.catalog, self.tenant, account.id, channel.id)

    def forget_waits(self) -> None:
        """Let all waits of the tenant's accounts be over."""
        with self.paired.catalog.tenant_session(self.tenant, writing=True) as session:
            session.execute(delete(AccountWait))

    def subscription(self, channel: Channel) -> SubscriptionView:
        """The subscription as it stands."""
        views = list_subscriptions(self.paired.catalog, self.tenant)
        return next(view for view in views if view.channel_id == channel.id)


def reads(catalog: Catalog, telegram: TelegramServer, folder: Path, tenant: str = "demo") -> Reads:
    """A tenant who reads into an empty lake in the folder; tenants of one folder share the lake's root."""
    return Reads(paired(catalog, telegram, folder, tenant), Lake(str(folder / "lake")).tenant(tenant))


def posted(telegram: TelegramServer, channel: Channel) -> dict[int, str]:
    """The texts that stand in the channel, by id; of a service message none."""
    return {number: message.text for number, message in telegram.messages(channel).items()}


def fill(telegram: TelegramServer, channel: Channel, count: int, *, start: datetime, step: timedelta) -> list[int]:
    """Post so many texts; returns their ids."""
    return telegram.post_many(channel, [f"post {n}" for n in range(count)], start=start, step=step)


def fetch_files(access: Telegram, catalog: Catalog, lake: TenantLake, now: datetime) -> None:
    """The files of all days: noted by `media`, fetched by the reader, told in `media`, as those do it."""
    filters = tenant_settings(catalog, lake.tenant).filters
    days = lake.days(MESSAGES)
    tell_media(catalog, lake, days, filters, now)
    asyncio.run(access.fetch(catalog, lake, dict.fromkeys(days, now)))
    tell_media(catalog, lake, days, filters, now)


def tell_media(catalog: Catalog, lake: TenantLake, days: list[date], filters: Filters, now: datetime) -> None:
    for day in days:
        news = lake.fetched.read(day)
        plan = wanted(lake.read(MESSAGES, days=[day]), lake.read(MEDIA, days=[day]), filters)
        table = with_fetched(plan, news.rows)
        note_files(catalog, lake.tenant, day, table, now)
        lake.write(MEDIA, table, day=day)
        lake.fetched.drop(day, news.names)
