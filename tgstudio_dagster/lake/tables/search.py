"""The table of search."""

from __future__ import annotations

import polars as pl

from tgstudio_dagster.lake.contract import Column, Table
from tgstudio_dagster.lake.tables.columns import UTC, post_key

SEARCH_INDEX = Table(
    "search_index",
    "One row per post with a word in it: what it is found by and shown with. Searching copies it to the local home.",
    "tenant_day",
    ("channel_id", "msg_id"),
    {
        **post_key(),
        "channel": Column(pl.String, "The channel's username without @; null for a private one.", nullable=True),
        "channel_title": Column(pl.String, "The channel's title when observed."),
        "date": Column(UTC, "When it was posted (UTC)."),
        "lang": Column(pl.String, "ISO 639-1 code of the text's language, und where it can't be told."),
        "comment": Column(pl.Boolean, "Whether it is a comment: left out of results unless asked for."),
        "deleted": Column(pl.Boolean, "Whether it was seen deleted: left out of results unless asked for."),
        "url": Column(pl.String, "Permalink."),
        "text": Column(pl.String, "The text, as shown."),
        "words": Column(pl.String, "The text's words as stems, in order, a space between them."),
        "model": Column(pl.String, "The model of `vector`; null where the day has no dense vectors.", nullable=True),
        "vector": Column(
            pl.List(pl.Int8),
            "The dense vector as whole numbers: each value times 127 / the largest; only its direction means anything.",
            nullable=True,
        ),
    },
)
