"""The newest observation of each post in the lake, to decide which posts to read again.

Reads the lake only: merged messages, and the landings that wait to be merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.posts.normalize import to_micros

KEY = ["channel_id", "msg_id"]
_COLUMNS = [
    *KEY, "album", "date", "observed_at", "comments", "comment_on", "comment_channel", "deleted_at", "type",
]  # fmt: skip
_ATTEMPTS = 3


def known_posts(lake: TenantLake, days: Iterable[date]) -> pl.DataFrame:
    """The posts of the days that stand, one row each: key, album, date, observed_at, comments, comment_on, comment_channel.

    The newest observation of each; those proved deleted are left out.
    """
    rows = pl.concat([MESSAGES.empty().select(_COLUMNS), *(_day(lake, day) for day in sorted(set(days)))])
    newest = rows.sort("observed_at", maintain_order=True).group_by(KEY, maintain_order=True)
    return (
        newest.agg(
            pl.col("album").filter(pl.col("album").list.len() > 0).last().fill_null([]),
            pl.col("date", "observed_at", "type", "deleted_at").last(),
            pl.col("comments", "comment_on", "comment_channel").drop_nulls().last(),
        )
        .filter(pl.col("deleted_at").is_null(), pl.col("type") != "deleted")
        .drop("deleted_at", "type")
        .sort(KEY)
    )


def known_dates(lake: TenantLake, channel_id: int, msg_ids: Iterable[int]) -> dict[int, int]:
    """When these posts of a channel were made (microseconds since 1970), of those that the lake holds; newest days first."""
    ids, dates = set(msg_ids), dict[int, int]()
    for day in sorted({*lake.days(MESSAGES), *lake.landing_days()}, reverse=True):
        if ids <= dates.keys():
            break
        rows = _day(lake, day).filter(pl.col("channel_id") == channel_id, pl.col("msg_id").is_in(list(ids)))
        dates.update({msg_id: to_micros(moment) for msg_id, moment in rows.select("msg_id", "date").iter_rows()})
    return dates


def _day(lake: TenantLake, day: date) -> pl.DataFrame:
    """All observations of a day's posts, landed first: what is merged in between is seen twice, and never missed."""
    attempt = 1
    while True:
        try:
            landed = lake.read_landings(lake.landings(day)).select(_COLUMNS)
            break
        except LakeError:
            # A landing that was merged and dropped between the listing and the reading; its rows are in messages now.
            if attempt == _ATTEMPTS:
                raise
            attempt += 1
    return pl.concat([lake.read(MESSAGES, days=[day], columns=_COLUMNS), landed])
