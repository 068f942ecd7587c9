"""The `media` table: one row per attachment of the day's posts.

Storing the files is `file_store.py`'s work; here their state is only laid out.
"""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.tables import MEDIA
from tgstudio_dagster.telegram.normalize import file_extension


def media_table(messages: pl.DataFrame) -> pl.DataFrame:
    """MEDIA rows of MESSAGES: `index` is the place in the post, `uri` the stored file's, null where none is."""
    exploded = (
        messages.select("channel_id", "msg_id", "attachments")
        .filter(pl.col("attachments").list.len() > 0)
        .with_columns(index=pl.int_ranges(pl.col("attachments").list.len(), dtype=pl.Int32))
        .explode("attachments", "index")
    )
    if exploded.is_empty():
        return MEDIA.empty()
    rows = exploded.with_columns(pl.col("attachments").struct.rename_fields(_RENAMED)).unnest("attachments")
    uris = [
        f"{digest}.{file_extension(name, mime, kind)}" if digest else None
        for digest, name, mime, kind in rows.select("sha256", "file_name", "mime", "kind").iter_rows()
    ]
    rows = rows.with_columns(pl.Series("uri", uris, dtype=pl.String))
    return rows.select(list(MEDIA.columns)).sort(MEDIA.key)


_RENAMED = [
    "member_id", "kind", "mime", "file_name", "size", "width", "height", "duration", "sha256", "status",
]  # fmt: skip
