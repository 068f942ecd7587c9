"""What posts say themselves, without the lines that their channels repeat: all that related words are learnt from."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from tgstudio_dagster.lake import read_cache
from tgstudio_dagster.lake.store import TenantLake
from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES
from tgstudio_dagster.topics.clean import lines
from tgstudio_dagster.topics.footers import add_counts, repeated
from tgstudio_dagster.topics.label import is_call

DAYS = 3  # that end with a post's own: in which a channel's repeated lines are counted

_LINE = ["channel_id", "line"]


def telling_texts(lake: TenantLake, posts: pl.DataFrame) -> list[str]:
    """The text of each post without links, signs and repeated lines.

    `posts`: channel_id, date, text. A line is repeated where its channel repeats it in those days (`footers.repeated`),
    where two of these posts of one channel have it, or where it calls to subscribe and the like.
    """
    if posts.is_empty():
        return []
    said = lines(posts)
    twice = said.group_by(_LINE).agg(pl.col("row").n_unique()).filter(pl.col("row") > 1)
    own = said.join(twice, on=_LINE, how="anti").join(_repeated(lake, posts), on=_LINE, how="anti").sort("row", "place")
    texts: list[list[str]] = [[] for _ in range(posts.height)]
    for row, line in own.select("row", "line").iter_rows():
        if not is_call(line):
            texts[row].append(line)
    return ["\n".join(of_post) for of_post in texts]


def _repeated(lake: TenantLake, posts: pl.DataFrame) -> pl.DataFrame:
    held = read_cache.versions(lake, CHANNEL_LINES)
    days = {day - timedelta(days=back) for day in posts["date"].dt.date().unique() for back in range(DAYS)}
    counted = sorted(day for day in days if day in held)
    channels = pl.col("channel_id").is_in(posts["channel_id"].unique().to_list())
    return repeated(add_counts([lake.read(CHANNEL_LINES, days=counted, where=[channels])])) if counted else _NONE


_NONE = pl.DataFrame(schema={"channel_id": pl.Int64, "line": pl.String})
