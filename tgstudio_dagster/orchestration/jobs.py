"""The jobs: refresh a tenant's days, fetch the files of its posts, fulfil an order.

Which keys they run on is decided by sensors and the CLI.
"""

from __future__ import annotations

import dagster as dg

REFRESH = "refresh"
FETCH_MEDIA = "fetch_media"
FULFIL_ORDER = "fulfil_order"

refresh = dg.define_asset_job(
    REFRESH,
    selection=dg.AssetSelection.groups("ingest", "understand"),
    description="Merge a tenant's landings and bring everything up to rankings to date, for a range of days.",
    executor_def=dg.in_process_executor,
)
fetch_media = dg.define_asset_job(
    FETCH_MEDIA,
    selection=dg.AssetSelection.assets("media"),
    description="Tell in `media` what became of files that the reader has fetched, for a range of days.",
    executor_def=dg.in_process_executor,
)
fulfil_order = dg.define_asset_job(
    FULFIL_ORDER,
    selection=dg.AssetSelection.groups("edit", "deliver"),
    description="Turn one order into a text, images, packages and export files.",
    executor_def=dg.in_process_executor,
)

JOBS = [refresh, fetch_media, fulfil_order]
