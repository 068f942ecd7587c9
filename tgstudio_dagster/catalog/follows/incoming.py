"""Heard posts: what a live listener heard was edited or deleted, kept until a reading has observed it again.

They are hints: what became of a post is said by the observation alone. New posts need none, the cursor finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import Channel, HeardPost
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.core.errors import NotFoundError

__all__ = ["forget_heard", "heard_posts", "note_heard"]


def note_heard(catalog: Catalog, tenant: str, channel_id: int, msg_ids: Iterable[int], *, now: datetime) -> None:
    """Have these posts observed again at the tenant's next reading. Raises NotFoundError for an unknown channel."""
    with catalog.tenant_session(tenant, writing=True) as session:
        lock_tenant(session, tenant)
        if session.get(Channel, (tenant, channel_id)) is None:
            raise NotFoundError(f"Tenant {tenant!r} has not seen channel {channel_id}; remember_channels comes first.")
        for msg_id in set(msg_ids):
            session.merge(HeardPost(tenant=tenant, channel_id=channel_id, msg_id=msg_id, heard_at=now))


def heard_posts(catalog: Catalog, tenant: str, channel_id: int) -> dict[int, datetime]:
    """The channel's posts to observe again, by ascending id, and when each was last heard of."""
    query = select(HeardPost).where(HeardPost.channel_id == channel_id).order_by(HeardPost.msg_id)
    with catalog.tenant_session(tenant) as session:
        return {row.msg_id: row.heard_at for row in session.scalars(query)}


def forget_heard(catalog: Catalog, tenant: str, channel_id: int, observed: Mapping[int, datetime]) -> None:
    """These have been observed again and have landed; a post that was heard of again meanwhile stays."""
    query = select(HeardPost).where(HeardPost.channel_id == channel_id).with_for_update()
    with catalog.tenant_session(tenant, writing=True) as session:
        for row in session.scalars(query):
            if observed.get(row.msg_id) == row.heard_at:
                session.delete(row)
