"""Which observations are of one post: an album is one post under its lowest message id, however it was cut.

Pure, on frames. Folding while a source is read is in `shape.py`.
"""

from __future__ import annotations

import polars as pl


def post_ids(rows: pl.DataFrame) -> pl.Series:
    """The id of the post each row belongs to (Int64, `post`), from channel_id, msg_id, album and grouped_id.

    Rows that share an album's member, or the channel's grouped_id, are one post; its id is the lowest message id.
    """
    rows = rows.select(
        "channel_id", "msg_id", "grouped_id", pl.col("album").list.min().alias("lowest"), "album"
    ).with_row_index("row")
    post = rows.select(pl.min_horizontal("msg_id", "lowest").alias("post"))["post"]
    if rows["grouped_id"].null_count() == rows.height and rows["lowest"].null_count() == rows.height:
        return post
    members = rows.select("row", "channel_id", pl.concat_list("msg_id", "album").list.unique().alias("member")).explode(
        "member"
    )
    groups = rows.select("row", "channel_id", "grouped_id").drop_nulls("grouped_id")
    while True:
        # Each turn passes the lowest id on to all who share a member or a group; chains take a few turns.
        before = post
        for links, key in ((members, "member"), (groups, "grouped_id")):
            lowest = (
                links.with_columns(post.gather(links["row"]))
                .with_columns(pl.col("post").min().over("channel_id", key))
                .group_by("row")
                .agg(pl.col("post").min())
            )
            joined = rows.select("row").join(lowest, on="row", how="left", maintain_order="left")["post"]
            post = pl.select(pl.min_horizontal(post, joined).alias("post"))["post"]
        if post.equals(before):
            return post
