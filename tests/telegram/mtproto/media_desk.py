"""A tenant who reads one channel of the test server and downloads its media. No fixture, no assertion."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.servers.telegram.model import Channel, User
from tests.telegram.paired import Paired
from tgstudio_dagster.catalog.accounts.accounts import TgAccount
from tgstudio_dagster.catalog.follows.reading import remember_peer
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import spent
from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.attachments import fetched_rows, wanted, with_fetched
from tgstudio_dagster.posts.merge import merge
from tgstudio_dagster.posts.shape import fold_albums, landing_frame
from tgstudio_dagster.telegram.accounts.session import Keys, open_session
from tgstudio_dagster.telegram.files.downloads import QUOTA, Downloads, download_media
from tgstudio_dagster.telegram.mtproto import files as mtproto_files
from tgstudio_dagster.telegram.mtproto.messages import newer
from tgstudio_dagster.telegram.mtproto.peers import PeerKey
from tgstudio_dagster.telegram.sources.source import Span
from tgstudio_dagster.telegram.sources.telethon_message import Messages, posts_of

DAY = date(2026, 3, 9)
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Fetch:
    """The downloads of a run, and how many rows of MEDIA have each status (without reasons)."""

    downloads: Downloads
    statuses: dict[str, int]


class MediaDesk:
    """One account that reads one channel, the tenant's lake, and MEDIA as the last run left it."""

    def __init__(self, paired: Paired, lake: TenantLake, staging: Path) -> None:
        self.paired, self.lake, self.staging = paired, lake, staging
        self.telegram = paired.telegram
        self.before = MEDIA.empty()
        self.user: User = self.telegram.add_user()
        self.account: TgAccount = paired.account(self.user)
        self.channel = self.follow(self.telegram.add_channel(f"news{self.user.id}"))

    def follow(self, channel: Channel) -> Channel:
        """Subscribe to a channel."""
        self.paired.subscription(self.account, channel, self.user)
        key = self.key(channel)
        remember_peer(self.paired.catalog, self.paired.tenant, self.account.id, channel.id, key.access_hash)
        return channel

    def key(self, channel: Channel | None = None) -> PeerKey:
        """The account's key of the channel."""
        one = channel or self.channel
        return PeerKey(one.id, self.telegram.access_hash(one, self.user))

    def post(self, data: bytes, **given: Any) -> int:
        """Post a file at noon; returns the message's id."""
        text = given.pop("text", "")
        return self.telegram.post(self.channel, text, date=NOON, media=self.telegram.add_file(data, **given))

    def keys(self, **settings: Any) -> Keys:
        """What opens the account's session."""
        return Keys(self.paired.tenant, self.paired.catalog, self.paired.vault, self._settings(settings))

    def messages(self) -> pl.DataFrame:
        """MESSAGES as the reader makes them of what stands in the channel."""

        async def read() -> pl.DataFrame:
            async with open_session(self.keys(), self.account.id) as (client, _):
                page = await newer(client, self.key(), after=0)
            now = datetime.now(UTC)
            posts = posts_of(page, Messages(Span(DAY, now), usernames={}, titles={}), now)
            landed = landing_frame(fold_albums(posts), "telegram")
            return merge(landed, MESSAGES.empty(), MESSAGE_VERSIONS.empty(), MESSAGE_STATS.empty()).messages

        return asyncio.run(read())

    def run(self, messages: pl.DataFrame | None = None, *, filters: Filters | None = None, **settings: Any) -> Fetch:
        """What the reader and the asset do: download what the day's MEDIA wants, and tell it there."""
        frame = self.messages() if messages is None else messages
        plan = wanted(frame, self.before, filters or Filters())
        downloads = Downloads()
        if plan.wanted:
            downloads = asyncio.run(
                download_media(
                    self.paired.tenant,
                    plan.wanted,
                    catalog=self.paired.catalog,
                    lake=self.lake,
                    vault=lambda: self.paired.vault,
                    settings=self._settings(settings),
                    staging=self.staging,
                )
            )
        self.before = MEDIA.conform(with_fetched(plan, fetched_rows(downloads.outcomes)))
        counted = Counter(status.partition(":")[0] for status in self.before["status"])
        return Fetch(downloads, dict(sorted(counted.items())))

    def statuses(self) -> list[str]:
        """The status of each row of MEDIA, by key."""
        return self.before["status"].to_list()

    def contents(self) -> list[bytes]:
        """The stored files, by key."""
        return [self.lake.open_file(uri).read() for uri in self.before["uri"]]

    def parts(self) -> list[int]:
        """Offsets of the parts of files that were asked for; those of thumbnails (`m`) are left out."""
        calls = self.telegram.calls("upload.getFile")
        return [call.request.offset for call in calls if call.request.location.thumb_size != "m"]

    def limit(self, quota: int) -> None:
        """Let the tenant download so many bytes a day."""
        with self.paired.catalog.tenant_session(self.paired.tenant, writing=True) as session:
            session.merge(Quota(tenant=self.paired.tenant, name="media_bytes_per_day", limit=quota))

    def _settings(self, changes: dict[str, Any]) -> TelegramSettings:
        return self.paired.settings.model_copy(update=changes)


Open = Callable[..., MediaDesk]


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def small_parts(monkeypatch: pytest.MonkeyPatch, part: int = 8192) -> None:
    """Let files come in small parts, so that small files have many."""
    monkeypatch.setattr(mtproto_files, "PART", part)


def spent_today(desk: MediaDesk) -> int:
    """Bytes that count against the tenant's quota of today."""
    return spent(desk.paired.catalog, desk.paired.tenant, QUOTA, today())


def today() -> date:
    """The day that quotas count by."""
    return datetime.now(UTC).date()
