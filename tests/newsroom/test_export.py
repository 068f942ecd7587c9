"""Packages as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.newsroom.posts import AS_OF, edited
from tgstudio_dagster.ai.offline.moderator import OfflineModerator
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES
from tgstudio_dagster.newsroom.export import CSV_COLUMNS, FinishedOrder, package_files
from tgstudio_dagster.newsroom.publisher import publish
from tgstudio_dagster.newsroom.records.package import Package


def packages() -> list[Package]:
    return publish(
        edited(),
        [],
        ["x", "tg"],
        order="acme-1",
        now=AS_OF,
        zone=ZoneInfo("UTC"),
        settings=TenantSettings(),
        moderator=OfflineModerator(),
    )


def finished(made: list[Package] | None = None) -> FinishedOrder:
    return FinishedOrder.of("acme-1", edited(), packages() if made is None else made)


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_json_holds_every_column_and_reads_as_russian() -> None:
    data = package_files(finished())["json"]
    whole: dict[str, Any] = json.loads(data)
    assert [row["platform"] for row in whole["packages"]] == ["tg", "x"]
    assert set(whole["packages"][0]) == set(CONTENT_PACKAGES.columns)
    assert whole["editor_results"][0]["claims"][0]["messages"]
    assert "Северогорске" in data.decode()


def test_csv_has_a_line_per_package_with_the_editor_result_beside_it() -> None:
    rows = table(package_files(finished())["csv"])
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(row["order"], row["platform"], row["model"]) for row in rows] == [
        ("acme-1", "tg", "offline-digest/1"),
        ("acme-1", "x", "offline-digest/1"),
    ]
    assert rows[0]["text"] == finished().packages[0].text
    assert rows[0]["post_time"] == "2026-03-10T09:00:00Z"


def test_the_byte_order_mark_is_an_option() -> None:
    assert not package_files(finished())["csv"].startswith(b"\xef\xbb\xbf")
    assert package_files(finished(), bom=True)["csv"].startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "＝"])
def test_a_cell_that_looks_like_a_formula_is_defused(start: str) -> None:
    made = [package.model_copy(update={"text": f'{start}cmd|" /C calc"!A0'}) for package in packages()]
    (first, _) = table(package_files(finished(made))["csv"])
    assert first["text"] == f'\'{start}cmd|" /C calc"!A0'


def test_equal_inputs_give_equal_bytes() -> None:
    assert package_files(finished()) == package_files(finished(packages()[::-1]))
