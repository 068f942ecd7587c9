"""Store the files that a batch's attachments name, and write down what became of each.

Where the export says a file lies is checked here: nothing outside its folder is ever read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tgstudio_dagster.catalog.people.tenant_settings import Filters
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.columns import MEDIA_ITEM
from tgstudio_dagster.posts.filters import media_left_out, media_refusal
from tgstudio_dagster.posts.normalize import file_extension, inside
from tgstudio_dagster.posts.shape import nested_series
from tgstudio_dagster.telegram.sources.source import MediaFile


def store_files(
    frame: pl.DataFrame, files: Sequence[MediaFile], folder: Path, lake: TenantLake, filters: Filters
) -> pl.DataFrame:
    """The landing frame with sha256, size and status of the named attachments filled in.

    Status: stored; skipped: why; failed: file is missing, or unreadable. Files are stored by content, so that storing
    again stores nothing.
    """
    if not files:
        return frame
    rows: list[list[dict[str, Any]]] = frame["attachments"].to_list()
    refusals = frame.select(media_left_out(filters))["refusal"].to_list()
    for file in files:
        item, refusal = rows[file.row][file.index], refusals[file.row]
        item.update({"status": refusal} if refusal else _stored(inside(folder, file.path), item, lake, filters))
    names = [field.name for field in MEDIA_ITEM.fields]
    values = [[tuple(item[name] for name in names) for item in row] for row in rows]
    return frame.with_columns(nested_series("attachments", values, MEDIA_ITEM))


def _stored(path: Path | None, item: dict[str, Any], lake: TenantLake, filters: Filters) -> dict[str, Any]:
    if path is None:
        return {"status": "failed: the path leads out of the export's folder"}
    try:
        if not path.is_file():
            return {"status": "failed: file is missing"}
        size = path.stat().st_size
        extension = file_extension(item["file_name"], item["mime"], item["kind"])
        refusal = media_refusal(filters, kind=item["kind"], extension=extension, size=size)
        if refusal is not None:
            return {"status": refusal, "size": size}
        stream = path.open("rb")
    except OSError as error:
        return {"status": f"failed: {error.strerror or 'the file cannot be read'}"}
    with stream:
        stored = lake.put_file(stream, extension)
    return {"status": "stored", "sha256": stored.sha256, "size": stored.size}
