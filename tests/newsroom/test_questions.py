"""What a lake says of packages, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tests.builders import frame
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS
from tgstudio_dagster.newsroom import questions

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
Root = tuple[str, dict[str, str] | None]


@pytest.fixture
def acme(lake_root: Root) -> TenantLake:
    root, options = lake_root
    return Lake(root, s3=S3Options(**options) if options else None).tenant("acme")


def package(order: str, platform: str) -> dict[str, Any]:
    texts = dict.fromkeys(["text_short", "text_medium", "text_long", "text", "cta"], "x")
    row = {"platform": platform, "package_id": f"{order}-{platform}", "post_time": NOON, **texts}
    return {**row, "hashtags": [], "checks": []}


def test_packages_come_with_their_editor_result_newest_order_first(acme: TenantLake) -> None:
    texts = {name: name for name, dtype in EDITOR_RESULTS.schema.items() if dtype == pl.String}
    result = {**texts, "overlap": 0.1, "as_of": NOON}
    lists = {name: [] for name, dtype in EDITOR_RESULTS.schema.items() if isinstance(dtype, pl.List)}
    for order in ("acme-01", "acme-02"):
        acme.write(CONTENT_PACKAGES, frame(CONTENT_PACKAGES, [package(order, p) for p in ("vk", "tg")]), order=order)
        acme.write(EDITOR_RESULTS, frame(EDITOR_RESULTS, [{**result, **lists}]), order=order)
    every = [("acme-02", "tg"), ("acme-02", "vk"), ("acme-01", "tg"), ("acme-01", "vk")]
    assert questions.packages(acme, orders=None).select("order_id", "platform").rows() == every
    assert (
        questions.packages(acme, orders=["acme-01"]).select("order_id", "headline").rows()
        == [("acme-01", "headline")] * 2
    )
    assert questions.packages(acme, orders=["acme-09"]).is_empty()
    assert questions.packages(acme, orders=[]).is_empty()
