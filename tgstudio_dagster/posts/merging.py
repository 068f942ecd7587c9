"""A day of a tenant's lake, merged: what has landed for it and what its tables hold. `merge.py` has the rule."""

from __future__ import annotations

from datetime import date

from tgstudio_dagster.lake.store import Landing, TenantLake
from tgstudio_dagster.lake.tables.posts import LANDING, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.merge import Merged, merge


def merge_day(lake: TenantLake, day: date) -> tuple[Merged, list[Landing]]:
    """The day's tables after a merge, and the landings in them: to be dropped when the tables are written. Writes nothing."""
    landings = lake.landings(day)
    merged = merge(
        lake.read_landings(landings) if landings else LANDING.empty(),
        lake.read(MESSAGES, days=[day]),
        lake.read(MESSAGE_VERSIONS, days=[day]),
        lake.read(MESSAGE_STATS, days=[day]),
    )
    return merged, landings
