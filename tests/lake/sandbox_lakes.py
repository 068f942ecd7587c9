"""Lakes that the sandbox is asked of: one tenant in a folder, and one on each kind of store beside another tenant's."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.builders import frame, landing, messages
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables.newsroom import EXPORTS
from tgstudio_dagster.lake.tables.posts import MESSAGES

DAY = date(2026, 3, 9)
Root = tuple[str, dict[str, str] | None]


def fill(lake: Lake) -> TenantLake:
    """Three days of messages and an order for acme, and a secret for globex."""
    acme = lake.tenant("acme")
    for n in range(3):
        rows = messages(*({"msg_id": i + 1, "lang": "ru" if i % 2 else "en", "views": i} for i in range(10)))
        acme.write(MESSAGES, rows.with_columns(pl.col("date") + timedelta(days=n)), day=DAY + timedelta(n))
    export = frame(EXPORTS, [{"format": "csv", "uri": "u", "sha256": "s", "bytes": 1, "packages": 1}])
    acme.write(EXPORTS, export, order="acme-01")
    acme.land(landing({"text": "waiting"}))
    lake.tenant("globex").write(MESSAGES, messages({"text": "SECRET"}), day=DAY)
    return acme


@pytest.fixture
def both(lake_root: Root) -> TenantLake:
    root, options = lake_root
    return fill(Lake(root, s3=S3Options(**options) if options else None))


@pytest.fixture
def acme(tmp_path: Path) -> TenantLake:
    return fill(Lake(str(tmp_path / "lake")))
