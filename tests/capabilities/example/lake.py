import polars as pl

from tgstudio_dagster.lake.contract import Column, Table

NOTE_WORDS = Table(
    "note_words",
    "Words of an order's packages.",
    "order",
    ("platform",),
    {"platform": Column(pl.String, "Platform."), "words": Column(pl.Int64, "Words of its text.")},
)
TABLES = (NOTE_WORDS,)
