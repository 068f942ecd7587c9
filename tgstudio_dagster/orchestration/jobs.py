"""The jobs: refresh a tenant's days, fetch the files of its posts, fulfil an order, check days.

Which keys they run on is decided by sensors and the CLI.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.newsroom.pipeline import GROUPS as ORDER_GROUPS
from tgstudio_dagster.orchestration.checks import BLOCKING, NIGHTLY

REFRESH = "refresh"
FETCH_MEDIA = "fetch_media"
FULFIL_ORDER = "fulfil_order"
CHECK = "check"


def blocking_checks(assets: Iterable[str]) -> list[dg.AssetCheckKey]:
    """The checks that run with these assets. Named in every run of some assets: Dagster adds all others where none is."""
    chosen = set(assets)
    return [dg.AssetCheckKey(dg.AssetKey(table), check) for table, check in sorted(BLOCKING) if table in chosen]


refresh = dg.define_asset_job(
    REFRESH,
    selection=dg.AssetSelection.groups("ingest", "understand").without_checks(),
    description="Merge a tenant's landings and bring everything up to rankings to date, for a range of days.",
    executor_def=dg.in_process_executor,
)
fetch_media = dg.define_asset_job(
    FETCH_MEDIA,
    selection=dg.AssetSelection.assets("media").without_checks(),
    description="Tell in `media` what became of files that the reader has fetched, for a range of days.",
    executor_def=dg.in_process_executor,
)
fulfil_order = dg.define_asset_job(
    FULFIL_ORDER,
    selection=dg.AssetSelection.groups(*ORDER_GROUPS).without_checks()
    | dg.AssetSelection.checks(*blocking_checks(TABLES)),
    description="Turn one order into a text, images, packages and export files.",
    executor_def=dg.in_process_executor,
)

check = dg.define_asset_job(
    CHECK,
    selection=dg.AssetSelection.checks(NIGHTLY),
    description="Check a tenant's days: the contract of every table, and the rules that hold between them.",
    executor_def=dg.in_process_executor,
)

JOBS = [refresh, fetch_media, fulfil_order, check]
