"""The channels a tenant has seen: ids, usernames, titles.

Their posts are in the lake; which account reads them is decided by subscriptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select, update

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import Channel
from tgstudio_dagster.core.clock import utc_now

__all__ = ["Channel", "ChannelSeen", "channel_usernames", "list_channels", "remember_channels"]

LONGEST_TITLE = 128
"""Characters of a title, as Telegram limits them: a file may say anything."""


@dataclass(frozen=True)
class ChannelSeen:
    """A channel as a source shows it. `username` is without @, None for a private channel or where it isn't told."""

    channel_id: int
    username: str | None
    title: str
    kind: str


def remember_channels(catalog: Catalog, tenant: str, channels: Iterable[ChannelSeen]) -> None:
    """Keep the newest title and kind of each channel; a username is kept until another one is seen.

    A Desktop export tells no username, and must not wipe out what a richer source has told. A username that another
    channel has now is no longer the old one's: it moved.
    """
    newest = {channel.channel_id: channel for channel in channels}
    if not newest:
        return
    with catalog.tenant_session(tenant, writing=True) as session:
        moved = {channel.username.lower() for channel in newest.values() if channel.username}
        session.execute(
            update(Channel)
            .where(Channel.channel_id.not_in(newest), func.lower(Channel.username).in_(moved))
            .values(username=None)
        )
        rows = {row.channel_id: row for row in session.scalars(select(Channel).where(Channel.channel_id.in_(newest)))}
        for channel_id, channel in sorted(newest.items()):
            row = rows.get(channel_id)
            if row is None:
                row = Channel(tenant=tenant, channel_id=channel_id)
                session.add(row)
            row.username = channel.username or row.username
            row.title, row.kind, row.seen_at = channel.title[:LONGEST_TITLE], channel.kind, utc_now()


def channel_usernames(catalog: Catalog, tenant: str, channel_ids: Iterable[int]) -> dict[int, str]:
    """Usernames, without @, of those of the channels that have a known one."""
    query = select(Channel.channel_id, Channel.username).where(Channel.channel_id.in_(set(channel_ids)))
    with catalog.tenant_session(tenant) as session:
        return {channel_id: username for channel_id, username in session.execute(query) if username}


def list_channels(catalog: Catalog, tenant: str) -> list[Channel]:
    """All channels the tenant has seen, by title."""
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(select(Channel).order_by(Channel.title, Channel.channel_id)))
