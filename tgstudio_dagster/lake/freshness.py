"""Which days are out of date, told from the lake itself: what waits to be merged, what was made before its source, and
what was made by older code.

The rule of `make`: a table is stale where the day's messages were written after it. So a run that was killed half way
is finished by the next one, whoever starts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MAP

ENDS = (MEDIA, TOPIC_MAP, RANKINGS, SEARCH_INDEX)


def stale_days(lake: TenantLake) -> list[date]:
    """Days to materialize, oldest first: with landings waiting, or whose messages are newer than what is made of them.

    Only a day's own tables are compared: later windows that hold the day are reached by `orchestration.decide.refresh.ranges`.
    """
    messages = lake.modified(MESSAGES)
    made = [lake.modified(table) for table in ENDS]
    behind = {day for day, written in messages.items() if any(times.get(day, 0.0) < written for times in made)}
    return sorted({*lake.landing_days(), *behind})


def days_of_older_code(lake: TenantLake, versions: Mapping[str, str]) -> list[date]:
    """Days that hold an object which another version of the code made than the table's in `versions`, oldest first.

    A footer of each object is read: for a person who asks after an upgrade, not for every tick.
    """
    tables = [table for table in TABLES.values() if table.partition == "tenant_day"]
    return sorted(
        {
            day
            for table in tables
            for day, made_by in lake.code_versions(table).items()
            if made_by != versions[table.name]
        }
    )
