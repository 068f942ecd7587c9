"""A process to be killed: does one step of the main job in a home, after saying that its imports are done.

python -m tests.e2e.worker import FOLDER      python -m tests.e2e.worker materialize
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.days import by_adjacent_months
from tgstudio_dagster.core.home import prepare_home
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.freshness import stale_days
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.operate.launch import materialize_days
from tgstudio_dagster.orchestration.decide.refresh import ranges
from tgstudio_dagster.telegram.sources.importer import import_path

TENANT = "acme"


def main(step: str, *arguments: str) -> None:
    """Do one step to its end; raises where it fails."""
    prepare_home(settings())
    catalog, lake = Catalog.open(settings()), Lake.open(settings()).tenant(TENANT)
    print("ready", flush=True)
    if step == "import":
        import_path(
            Path(arguments[0]),
            tenant=TENANT,
            catalog=catalog,
            lake=lake,
            settings=TenantSettings(),
            first_day=date(2020, 1, 1),
            now=datetime(2026, 4, 1, tzinfo=UTC),
            batch=100,
        )
        return
    for days in by_adjacent_months(ranges(stale_days(lake), lake.days(MESSAGES))):
        outcome = materialize_days(TENANT, days)
        if not outcome.success:
            raise SystemExit(outcome.error)


if __name__ == "__main__":
    main(*sys.argv[1:])
