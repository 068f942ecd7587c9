"""Which version of the code makes each table: the constant of the room that computes it.

Dagster shows an asset as stale, and `tgstudio materialize --stale` makes days again, when it has been raised since.
"""

from __future__ import annotations

from tgstudio_dagster import newsroom, posts, search, topics
from tgstudio_dagster.capabilities import load_all
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables import newsroom as newsroom_tables
from tgstudio_dagster.lake.tables import posts as posts_tables
from tgstudio_dagster.lake.tables import search as search_tables
from tgstudio_dagster.lake.tables import topics as topics_tables

_ROOMS = (
    (posts.VERSION, posts_tables),
    (topics.VERSION, topics_tables),
    (search.VERSION, search_tables),
    (newsroom.VERSION, newsroom_tables),
)
CODE_VERSIONS: dict[str, str] = {
    table.name: version for version, module in _ROOMS for table in vars(module).values() if isinstance(table, Table)
} | {table.name: capability.code_version for capability, added in load_all("lake_tables") for table in added}
