"""A tenant's lake with messages and their index, for the tests of this folder."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from tests import builders
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.lake.tables.topics import EMBEDDINGS
from tgstudio_dagster.search.build import index_day
from tgstudio_dagster.search.find import Page, Search

DAY = date(2026, 3, 9)


def materialized(lake: TenantLake, *rows: dict[str, Any], embeddings: pl.DataFrame | None = None) -> TenantLake:
    """The lake with these posts as the messages of their days, and the index of each."""
    messages = builders.messages(*rows)
    for (day,), part in messages.group_by(pl.col("date").dt.date(), maintain_order=True):
        lake.write(MESSAGES, part, day=day)  # type: ignore[arg-type]
        lake.write(SEARCH_INDEX, index_day(part, embeddings), day=day)  # type: ignore[arg-type]
    return lake


def of_texts(folder: Path, *texts: str, tenant: str = "acme") -> Search:
    """Search over a lake with one post for each text, a minute apart."""
    lake = materialized(Lake(str(folder / "lake")).tenant(tenant), *({"text": text} for text in texts))
    return Search(lake, folder / "home")


def ids(page: Page) -> list[int]:
    return [hit.msg_id for hit in page.hits]


def dense(messages: pl.DataFrame, vectors: list[list[float]], model: str = "model") -> pl.DataFrame:
    """EMBEDDINGS with a sentence model's vector for each row of `messages`."""
    keys = messages.select("channel_id", "msg_id", "text_hash").to_dicts()
    rows = [
        {**key, "model": "lexical", "indices": [1], "vector": [1.0], "dense_model": model, "dense": vector}
        for key, vector in zip(keys, vectors, strict=True)
    ]
    return builders.frame(EMBEDDINGS, rows)
