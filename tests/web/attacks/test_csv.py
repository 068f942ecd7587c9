"""Formulas in posts and in names: no file that a spreadsheet opens has one that runs, whichever door it comes through."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tgstudio_dagster.core.csv import cells
from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.newsroom.export import CSV_COLUMNS, _cell

STARTS = [*"=+-@\t\r\n", *"＝＋－＠", *"﹦﹢﹣﹫"]
EVIL = [f'{start}HYPERLINK("https://evil.example";A1)' for start in STARTS]
GUARDED = {
    Path("streamlit_app/app_pages/data.py"),
    Path("tgstudio_dagster/lake/bundle.py"),
    Path("tgstudio_dagster/newsroom/export.py"),
}


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_runs(text: str) -> None:
    frame = pl.DataFrame({"text": [text], text: [text], "n": [-1], "at": [datetime(2026, 3, 9, tzinfo=UTC)]})
    header, row = csv.reader(io.StringIO(cells(frame).write_csv(), newline=""))
    assert [row[0], row[1], header[1]] == [f"'{text}"] * 3
    assert row[2] == "-1"
    assert _cell(text) == _cell([text]) == f"'{text}"


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("select 'AZ'::blob as b", "b\n415a\n"),
        ("""select 1 as "=a", 2 as "'=a" """, "'=a,'=a (2)\n1,2\n"),
        ("select map{'a': 1} as m", 'm\n"{""a"": 1}"\n'),
        ("select {'a': 'x'::blob} as s", 's\n"{""a"": ""78""}"\n'),
        ("select ['x'::blob] as l", 'l\n"[""78""]"\n'),
        ("select [map{'a': 1}] as m", 'm\n"[{""a"": 1}]"\n'),
        ("select null as n, {'q': [1, 2]} as s", 'n,s\n,"{""q"":[1,2]}"\n'),
    ],
)
def test_every_type_of_an_answer_is_written(statement: str, text: str) -> None:
    assert cells(duckdb.sql(statement).pl()).write_csv() == text


def test_every_file_for_spreadsheets_passes_the_one_guard() -> None:
    found = set()
    for folder in ("tgstudio_dagster", "streamlit_app", "assets"):
        for path in (PROJECT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if re.search(r"\.write_csv\(|\.to_csv\(|csv\.(?:Dict)?[wW]riter\(", text):
                assert "tgstudio_dagster.core.csv import" in text, path
                found.add(path.relative_to(PROJECT))
    assert found == GUARDED
    assert CSV_COLUMNS


def test_a_table_on_a_page_has_no_download_of_its_own() -> None:
    config = tomllib.loads((PROJECT / "streamlit_app/.streamlit/config.toml").read_text(encoding="utf-8"))
    assert config["client"]["disableDataExport"] is True
    from streamlit import config as options

    assert "client.disableDataExport" in options._config_options_template  # noqa: SLF001 - a name Streamlit knows
