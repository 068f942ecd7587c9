"""Names and texts of strangers in the terminal: shown, and never obeyed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from rich.text import Text

from tgstudio_dagster.cli.output import console, moment_text, print_json, print_rows, print_table

EVIL = "\u202eevil\u202c \x1b[2J\x1b]0;owned\x07 \x9b31m name\r"
SHOWN = "evil [2J]0;owned 31m name"


def test_a_table_shows_no_control_or_bidi_character(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "text"], [[EVIL, Text(EVIL)]], title=EVIL)
    out = capsys.readouterr().out
    assert out.count(SHOWN) == 3
    assert not any(mark in out for mark in "\u202e\u202c\x1b\x07\x9b\r")


def test_a_sentence_shows_none_either(capsys: pytest.CaptureFixture[str]) -> None:
    console.print(f"{EVIL}: done", markup=False)
    assert capsys.readouterr().out.strip() == f"{SHOWN}: done"


def test_rows_of_a_frame_and_json_are_harmless_and_json_keeps_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pl.DataFrame({"name": [EVIL]})
    print_rows(frame, {"name": lambda row: row["name"]}, as_json=True, empty="")
    out = capsys.readouterr().out
    assert json.loads(out) == [{"name": EVIL}]
    assert not any(mark in out for mark in "\u202e\x1b\x07\x9b\r")
    print_json({"moment": datetime(2020, 5, 1, tzinfo=UTC)})
    assert "2020-05-01" in capsys.readouterr().out


def test_a_moment_has_its_year() -> None:
    assert moment_text(datetime(2019, 3, 14, 15, 4, tzinfo=UTC)) == "2019-03-14 15:04"
