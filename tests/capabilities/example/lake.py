import polars as pl

from tgstudio_dagster.lake.contract import Column, Table

NOTE_WORDS = Table(
    "note_words",
    "Words of a day's posts.",
    "tenant_day",
    ("channel_id",),
    {"channel_id": Column(pl.Int64, "Channel."), "words": Column(pl.Int64, "Words of its posts.")},
)
TABLES = (NOTE_WORDS,)
