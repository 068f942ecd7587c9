import dagster as dg
import polars as pl

from tests.capabilities.example.lake import NOTE_WORDS
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.orchestration.day_writer import write_days
from tgstudio_dagster.orchestration.run_days import RunDays
from tgstudio_dagster.orchestration.specs import month_specs

SPECS = month_specs((NOTE_WORDS,), group="notes", owner="team:notes", kinds={"polars"}, deps=["messages"])


@dg.multi_asset(name="note_words", specs=SPECS)
def note_words(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], run_days: RunDays):
    words = pl.col("text").str.count_matches(r"\S+").sum().cast(pl.Int64).alias("words")
    count = lambda store, day: (store.read(MESSAGES, days=[day]).group_by("channel_id").agg(words),)  # noqa: E731
    yield from write_days(context, lake, run_days.of(context, lake), (NOTE_WORDS,), count)


JOBS = (dg.define_asset_job("count_words", selection=dg.AssetSelection.assets("note_words")),)
