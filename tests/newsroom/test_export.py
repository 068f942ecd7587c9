"""Packages as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.newsroom.posts import AS_OF, edited, result_row, russian_topic
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.lake.tables.newsroom import IMAGES
from tgstudio_dagster.newsroom.export import CSV_COLUMNS, package_files
from tgstudio_dagster.newsroom.publisher import publish


def packages() -> pl.DataFrame:
    return publish(
        result_row(),
        IMAGES.empty(),
        ["x", "tg"],
        order="acme-1",
        now=AS_OF,
        zone=ZoneInfo("UTC"),
        settings=TenantSettings(),
    )


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_json_holds_every_column_and_reads_as_russian() -> None:
    data = package_files("acme-1", packages(), edited(russian_topic(), "ru"))["json"]
    whole: dict[str, Any] = json.loads(data)
    assert [row["platform"] for row in whole["packages"]] == ["tg", "x"]
    assert set(whole["packages"][0]) == set(packages().columns)
    assert whole["editor_results"][0]["claims"][0]["messages"]
    assert "Северогорске" in data.decode()


def test_csv_has_a_line_per_package_with_the_editor_result_beside_it() -> None:
    rows = table(package_files("acme-1", packages(), edited(russian_topic(), "ru"))["csv"])
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(row["order"], row["platform"], row["model"]) for row in rows] == [
        ("acme-1", "tg", "offline-digest/1"),
        ("acme-1", "x", "offline-digest/1"),
    ]
    assert rows[0]["text"] == packages().filter(pl.col("platform") == "tg")["text"][0]
    assert rows[0]["post_time"] == "2026-03-10T09:00:00Z"


def test_the_byte_order_mark_is_an_option() -> None:
    results = edited(russian_topic(), "ru")
    assert not package_files("a-1", packages(), results)["csv"].startswith(b"\xef\xbb\xbf")
    assert package_files("a-1", packages(), results, bom=True)["csv"].startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "＝"])
def test_a_cell_that_looks_like_a_formula_is_defused(start: str) -> None:
    made = packages().with_columns(pl.lit(f'{start}cmd|" /C calc"!A0').alias("text"))
    (first, _) = table(package_files("a-1", made, edited(russian_topic(), "ru"))["csv"])
    assert first["text"] == f'\'{start}cmd|" /C calc"!A0'


def test_equal_inputs_give_equal_bytes() -> None:
    results = edited(russian_topic(), "ru")
    assert package_files("a-1", packages(), results) == package_files("a-1", packages().reverse(), results)
