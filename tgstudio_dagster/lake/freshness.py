"""Which days are out of date, told from the lake itself: what waits to be merged, and what was made before its source.

The rule of `make`: a table is stale where the day's messages were written after it. So a run that was killed half way
is finished by the next one, whoever starts it.
"""

from __future__ import annotations

from datetime import date

from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MEDIA, MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MAP

ENDS = (MEDIA, TOPIC_MAP, RANKINGS, SEARCH_INDEX)


def stale_days(lake: TenantLake) -> list[date]:
    """Days to materialize, oldest first: with landings waiting, or whose messages are newer than what is made of them.

    Only a day's own tables are compared: later windows that hold the day are reached by `automation.refresh.ranges`.
    """
    messages = lake.modified(MESSAGES)
    made = [lake.modified(table) for table in ENDS]
    behind = {day for day, written in messages.items() if any(times.get(day, 0.0) < written for times in made)}
    return sorted({*lake.landing_days(), *behind})
