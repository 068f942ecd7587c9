"""The backlog of media: days whose posts still have files to fetch, and when they may be tried again.

Which files, and why they wait, is in the lake's table `media`; when they are fetched is decided in reader/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.models import MediaBacklog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.core.principal import Principal

__all__ = ["MediaBacklog", "Waiting", "list_media_backlog", "note_media_backlog"]


@dataclass(frozen=True)
class Waiting:
    """So many files of a day wait, and may be tried from `not_before` on."""

    files: int
    not_before: datetime


def note_media_backlog(
    catalog: Catalog, tenant: str, days: Mapping[date, Waiting | None], *, seen: Mapping[date, datetime] | None = None
) -> None:
    """Say what is left of these days; None: nothing. With `seen`, only of those that still wait as they did then."""
    with catalog.tenant_session(tenant, writing=True) as session:
        lock_tenant(session, tenant)
        for day, waiting in days.items():
            if seen is not None:
                known = session.get(MediaBacklog, (tenant, day))
                if known is None or known.not_before != seen.get(day):
                    continue
            if waiting is not None:
                session.merge(MediaBacklog(tenant=tenant, day=day, files=waiting.files, not_before=waiting.not_before))
            elif (row := session.get(MediaBacklog, (tenant, day))) is not None:
                session.delete(row)


def list_media_backlog(catalog: Catalog, who: Principal | str) -> list[MediaBacklog]:
    """The tenant's days with files that wait, the newest first."""
    with catalog.tenant_session(who) as session:
        return list(session.scalars(select(MediaBacklog).order_by(MediaBacklog.day.desc())))
