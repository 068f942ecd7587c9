"""The analyst's bundle: readable by every tool, the same bytes again, whole or not there at all."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.builders import frame, messages
from tgstudio_dagster.core.csv import BOM
from tgstudio_dagster.core.errors import ConflictError, LakeError, SettingsError
from tgstudio_dagster.lake.bundle import BUNDLE_TABLES, MANIFEST, Manifest, write_bundle
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES
from tgstudio_dagster.lake.tables.posts import MESSAGES

DAY = date(2026, 3, 9)
DAYS = [DAY, DAY + timedelta(1)]
TEXTS = ["=1+1", "+7", "-5", "@name", "\tx", "\rx", "Привет, «мир»\nв две строки", 'a "quoted", text', "", "😀 ل"]
ORDER = "acme-01arz3ndektsv4rrffq69g5fav"


@pytest.fixture
def acme(tmp_path: Path) -> TenantLake:
    return filled(Lake(str(tmp_path / "lake")))


def filled(lake: Lake) -> TenantLake:
    """A lake with two days inside the bundle's range, one outside, an order, and another tenant."""
    acme = lake.tenant("acme")
    acme.write(MESSAGES, messages(*({"text": text, "hashtags": ["a", 'б"=', ""]} for text in TEXTS)), day=DAY)
    acme.write(
        MESSAGES, messages({"msg_id": 50, "views": 7, "reactions_by_emoji": [{"emoji": "👍", "count": 2}]}), day=DAYS[1]
    )
    acme.write(MESSAGES, messages({"msg_id": 90}), day=DAY + timedelta(2))
    acme.write(CONTENT_PACKAGES, package(), order=ORDER)
    lake.tenant("other").write(MESSAGES, messages({"msg_id": 99, "text": "not acme's"}), day=DAY)
    return acme


def package() -> pl.DataFrame:
    text = dict.fromkeys(["text_short", "text_medium", "text_long", "text", "cta"], "Text")
    row = {"platform": "tg", "package_id": f"{ORDER}-tg", "post_time": datetime(2026, 3, 9, 9, tzinfo=UTC), **text}
    return frame(
        CONTENT_PACKAGES, [{**row, "hashtags": ["x"], "checks": [{"name": "n", "passed": True, "detail": "d"}]}]
    )


def bundle(lake: TenantLake, target: Path, **given: Any) -> Manifest:
    options: dict[str, Any] = {"days": DAYS, "formats": ("parquet", "csv"), "bom": False, "as_zip": False}
    return write_bundle(lake, target, code_version="1.0", **options | given)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_parquet_holds_the_range_with_its_partition_columns(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "out")
    got = pl.read_parquet(tmp_path / "out" / "messages.parquet")
    assert_frame_equal(got, acme.read(MESSAGES, days=DAYS, with_partition=True))
    assert got.columns[-2:] == ["tenant", "day"]
    assert got["day"].unique().sort().to_list() == DAYS
    assert set(got["tenant"]) == {"acme"}


def test_packages_of_every_order_are_in_it(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "out")
    got = pl.read_parquet(tmp_path / "out" / "content_packages.parquet")
    assert got["order_id"].to_list() == [ORDER]
    assert rows_of(tmp_path / "out" / "content_packages.csv")[0]["order_id"] == ORDER


@pytest.mark.parametrize("bom", [False, True])
def test_pandas_polars_duckdb_and_csv_read_the_same_cells(acme: TenantLake, tmp_path: Path, bom: bool) -> None:
    bundle(acme, tmp_path / "out", bom=bom)
    path = tmp_path / "out" / "messages.csv"
    assert path.read_bytes().startswith(BOM) is bom
    want = [row["text"] for row in rows_of(path)]
    assert len(want) == len(TEXTS) + 1
    assert next(iter(rows_of(path)[0])) == "channel_id"
    assert pl.read_csv(path, infer_schema=False)["text"].fill_null("").to_list() == want
    by_pandas = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert by_pandas["text"].tolist() == want
    assert by_pandas.columns[0] == "channel_id"
    relation = duckdb.read_csv(str(path), all_varchar=True, header=True)
    assert relation.columns[0] == "channel_id"
    assert [row[0] or "" for row in relation.select("text").fetchall()] == want


def test_pandas_and_duckdb_read_the_parquet(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "out")
    path = str(tmp_path / "out" / "messages.parquet")
    want = acme.read(MESSAGES, days=DAYS)
    assert pd.read_parquet(path)["text"].tolist() == want["text"].to_list()
    assert [row[0] for row in duckdb.read_parquet(path).select("text").fetchall()] == want["text"].to_list()


def test_texts_that_look_like_formulas_get_an_apostrophe_in_csv_only(acme: TenantLake, tmp_path: Path) -> None:
    manifest = bundle(acme, tmp_path / "out")
    texts = [row["text"] for row in rows_of(tmp_path / "out" / "messages.csv")]
    assert texts[: len(TEXTS)] == [f"'{text}" if text[:1] in tuple("=+-@\t\r") else text for text in TEXTS]
    assert pl.read_parquet(tmp_path / "out" / "messages.parquet")["text"].to_list()[: len(TEXTS)] == TEXTS
    assert any("apostrophe" in note for note in manifest.notes)


def test_nested_columns_are_json_and_times_are_iso_in_csv(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "out")
    row = rows_of(tmp_path / "out" / "messages.csv")[-1]
    assert json.loads(row["reactions_by_emoji"]) == [{"emoji": "👍", "count": 2}]
    assert json.loads(rows_of(tmp_path / "out" / "messages.csv")[0]["hashtags"]) == ["a", 'б"=', ""]
    assert row["hashtags"] == "[]"
    assert datetime.fromisoformat(row["date"]) == datetime(2026, 3, 9, 12, tzinfo=UTC)
    assert row["edit_date"] == ""
    assert row["day"] == "2026-03-10"


def test_the_manifest_tells_what_is_on_disk(acme: TenantLake, tmp_path: Path) -> None:
    manifest = bundle(acme, tmp_path / "out")
    stored = Manifest.model_validate_json((tmp_path / "out" / MANIFEST).read_bytes())
    assert stored == manifest
    assert (manifest.tenant, manifest.first, manifest.last, manifest.code_version) == ("acme", *DAYS, "1.0")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {file.name for file in manifest.files} == names - {MANIFEST}
    for file in manifest.files:
        content = (tmp_path / "out" / file.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
    rows = {file.name: file.rows for file in manifest.files}
    assert rows["messages.csv"] == rows["messages.parquet"] == len(TEXTS) + 1
    assert (rows["topics.csv"], rows["content_packages.csv"]) == (0, 1)
    assert {table.name for table in manifest.tables} == set(BUNDLE_TABLES)
    for table in manifest.tables:
        columns = pl.read_parquet_schema(tmp_path / "out" / f"{table.name}.parquet")
        assert [(field.name, field.type) for field in table.columns] == [(n, str(t)) for n, t in columns.items()]
        assert all(field.description for field in table.columns)


def test_every_table_can_be_bundled_even_without_rows(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake")).tenant("acme")
    manifest = bundle(lake, tmp_path / "out", tables=list(TABLES))
    assert len(manifest.files) == 2 * len(TABLES)
    for name, table in TABLES.items():
        assert set(table.columns) < set(pl.read_parquet_schema(tmp_path / "out" / f"{name}.parquet"))
        assert (tmp_path / "out" / f"{name}.csv").read_text().startswith(next(iter(table.columns)))


def test_the_same_lake_gives_the_same_zip(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "a.zip", as_zip=True)
    bundle(acme, tmp_path / "deep" / "b.zip", as_zip=True, days=[*reversed(DAYS), DAY])
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "deep" / "b.zip").read_bytes()
    assert leftovers(tmp_path) == []


def test_a_zip_holds_what_a_folder_holds(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "a.zip", as_zip=True)
    bundle(acme, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(path.name for path in (tmp_path / "out").iterdir())
        for name in archive.namelist():
            assert archive.read(name) == (tmp_path / "out" / name).read_bytes()


def test_only_the_asked_format_and_tables_are_written(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "out", formats=("csv",), tables=("messages",))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"messages.csv", MANIFEST}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"formats": ("xlsx", "csv")}, "xlsx"),
        ({"formats": ()}, "formats"),
        ({"tables": ("messages", "../x")}, "../x"),
        ({"tables": ()}, "tables"),
        ({"days": []}, "days"),
    ],
)
def test_what_makes_no_bundle_is_refused_by_name(
    acme: TenantLake, tmp_path: Path, given: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        bundle(acme, tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_an_earlier_bundle_is_replaced_as_a_whole(acme: TenantLake, tmp_path: Path) -> None:
    bundle(acme, tmp_path / "out")
    bundle(acme, tmp_path / "out", formats=("csv",))
    assert not list((tmp_path / "out").glob("*.parquet"))
    assert leftovers(tmp_path) == []


def test_a_folder_of_something_else_is_left_alone(acme: TenantLake, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ConflictError, match="no bundle"):
        bundle(acme, tmp_path / "photos")
    with pytest.raises(ConflictError, match="folder"):
        bundle(acme, tmp_path / "photos", as_zip=True)
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_full_disk_leaves_the_old_bundle_and_no_rubbish(
    acme: TenantLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_zip: bool
) -> None:
    target = tmp_path / ("a.zip" if as_zip else "out")
    bundle(acme, target, as_zip=as_zip)
    before = target.read_bytes() if as_zip else (target / MANIFEST).read_bytes()
    synced = 0

    def full(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakeError, match="The disk is full"):
        bundle(acme, target, as_zip=as_zip, formats=("csv",))
    assert (target.read_bytes() if as_zip else (target / MANIFEST).read_bytes()) == before
    assert leftovers(tmp_path) == []


def test_a_target_that_cannot_be_made_says_why(acme: TenantLake, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LakeError, match="cannot write"):
        bundle(acme, tmp_path / "file" / "a.zip", as_zip=True)


def test_a_bundle_is_the_same_from_a_folder_and_from_s3(
    lake_root: tuple[str, dict[str, str] | None], tmp_path: Path
) -> None:
    root, options = lake_root
    lake = filled(Lake(root, s3=S3Options(**options) if options else None))
    bundle(lake, tmp_path / "a.zip", as_zip=True)
    bundle(filled(Lake(str(tmp_path / "reference"))), tmp_path / "b.zip", as_zip=True)
    with zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())) as archive:
        assert b"not acme's" not in archive.read("messages.csv")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
