"""Heard posts: what a live listener heard was edited or deleted, kept until a reading has observed it again.

They are hints: what became of a post is said by the observation alone. New posts need none, the cursor finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import Channel, HeardPost
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.core.errors import NotFoundError

__all__ = ["Taken", "note_heard", "take_heard"]


def note_heard(catalog: Catalog, tenant: str, channel_id: int, msg_ids: Iterable[int], *, now: datetime) -> None:
    """Have these posts observed again at the tenant's next reading. Raises NotFoundError for an unknown channel."""
    with catalog.tenant_session(tenant, writing=True) as session:
        lock_tenant(session, tenant)
        if session.get(Channel, (tenant, channel_id)) is None:
            raise NotFoundError(f"Tenant {tenant!r} has not seen channel {channel_id}; remember_channels comes first.")
        for msg_id in set(msg_ids):
            session.merge(HeardPost(tenant=tenant, channel_id=channel_id, msg_id=msg_id, heard_at=now))


class Taken:
    """Ids of posts to observe again, ascending."""

    def __init__(self, ids: Iterable[int]) -> None:
        self.ids = tuple(ids)
        self.kept = False

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids)

    def keep(self) -> None:
        """Not all could be observed now: leave them for the next reading."""
        self.kept = True


@contextmanager
def take_heard(catalog: Catalog, tenant: str, channel_id: int) -> Iterator[Taken]:
    """The channel's posts to observe again; the block observes and lands them.

    They are forgotten when the block ends well. After an error, or `keep`, they stay for the next reading, as does a post
    that was heard of again meanwhile.
    """
    query = select(HeardPost).where(HeardPost.channel_id == channel_id).order_by(HeardPost.msg_id)
    with catalog.tenant_session(tenant) as session:
        known = {row.msg_id: row.heard_at for row in session.scalars(query)}
    taken = Taken(known)
    yield taken
    if taken.kept or not known:
        return
    with catalog.tenant_session(tenant, writing=True) as session:
        for row in session.scalars(query.with_for_update()):
            if known.get(row.msg_id) == row.heard_at:
                session.delete(row)
