"""The contract of every table in the lake: grain, partition, columns. The one place where a column is described.

`docs/data-dictionary.md`, the schema check before a write, the views in `sql/` and the asset checks are made from it.
Partition columns (tenant, and date or order) come from the path; they are not stored in the files.
"""

from __future__ import annotations

from tgstudio_dagster.capabilities import load_all
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS, EXPORTS, IMAGE_BRIEFS, IMAGES
from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES, MEDIA, MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.lake.tables.topics import (
    EMBEDDINGS,
    FEATURE_COUNTS,
    RANKINGS,
    TOPIC_CHANGES,
    TOPIC_MAP,
    TOPIC_MESSAGES,
    TOPICS,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        MESSAGES,
        MESSAGE_VERSIONS,
        MESSAGE_STATS,
        MEDIA,
        CHANNEL_LINES,
        EMBEDDINGS,
        FEATURE_COUNTS,
        SEARCH_INDEX,
        TOPICS,
        TOPIC_MESSAGES,
        TOPIC_CHANGES,
        TOPIC_MAP,
        RANKINGS,
        EDITOR_RESULTS,
        IMAGE_BRIEFS,
        IMAGES,
        CONTENT_PACKAGES,
        EXPORTS,
        *(table for _, tables in load_all("lake_tables") for table in tables),
    )
}
