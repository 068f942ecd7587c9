"""Which orders' texts cite posts that no longer stand, found for many orders by one reading of the days they share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import polars as pl

from tgstudio_dagster.ai.protocols import MessageKey
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.newsroom import EDITOR_RESULTS
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.newsroom.provenance import StaleReason, staleness
from tgstudio_dagster.newsroom.records.editor_result import Claim
from tgstudio_dagster.topics.window import window_days


def stale_orders(
    lake: TenantLake, orders: Mapping[str, date], changed: Collection[date]
) -> dict[str, dict[MessageKey, StaleReason]]:
    """By order, the cited posts that were edited or deleted, for those orders that look at a day that has changed.

    `orders` are ids with their days. One without a text, or whose sources all stand, is left out.
    """
    windows = {order: window_days(day) for order, day in orders.items()}
    claims = {}
    for order, days in windows.items():
        if not set(days).isdisjoint(changed):
            results = lake.read(EDITOR_RESULTS, order=order, columns=["claims"])
            if not results.is_empty():
                claims[order] = [Claim.model_validate(claim) for claim in results["claims"].to_list()[0]]
    if not claims:
        return {}
    cited = {key.msg_id for order in claims.values() for claim in order for key in claim.messages}
    messages = lake.read(
        MESSAGES,
        days=sorted({day for order in claims for day in windows[order]}),
        where=[pl.col("msg_id").is_in(sorted(cited))],
    )
    reasons = {order: staleness(rows, messages) for order, rows in claims.items()}
    return {order: sources for order, sources in reasons.items() if sources}
