"""A tenant's lake that goes on: posts observed at hours, merged as runs merge them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from tests import builders
from tests.topics import posts
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.posts.merge import merge

START = builders.FIRST


def hour(n: float) -> datetime:
    return START + timedelta(hours=n)


def observe(lake: TenantLake, *rows: dict[str, Any]) -> None:
    """Merge observations into the lake as a run does; `seen` is in hours."""
    landed = builders.landing(
        *({"msg_id": 1, "date": START, "observed_at": hour(row.pop("seen"))} | row for row in map(dict, rows))
    )
    for (day,), part in landed.group_by(pl.col("date").dt.date(), maintain_order=True):
        assert isinstance(day, date)
        before = (lake.read(table, days=[day]) for table in (MESSAGES, MESSAGE_VERSIONS, MESSAGE_STATS))
        frame = merge(part, *before)
        lake.write(MESSAGES, frame.messages, day=day)
        lake.write(MESSAGE_VERSIONS, frame.versions, day=day)
        lake.write(MESSAGE_STATS, frame.stats, day=day)


def events(seen: float) -> list[dict[str, Any]]:
    metro = [{"channel_id": n + 1, "text": text, "views": 100} for n, text in enumerate(posts.METRO)]
    bank = [{"channel_id": n + 11, "text": text, "views": 50} for n, text in enumerate(posts.BANK)]
    return [{**row, "seen": seen} for row in metro + bank]
