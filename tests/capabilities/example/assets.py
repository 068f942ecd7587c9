import dagster as dg
import polars as pl

from tgstudio_dagster.orchestration.partitions import orders


@dg.asset(partitions_def=orders, group_name="notes")
def note_words(content_packages: pl.DataFrame) -> pl.DataFrame:
    """Words of an order's packages."""
    return content_packages.select("platform", words=pl.col("text").str.count_matches(r"\S+").cast(pl.Int64))


JOBS = (dg.define_asset_job("count_words", selection=dg.AssetSelection.assets("note_words")),)
