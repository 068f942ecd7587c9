"""What the product says and makes is what was frozen (see the package's docstring for how to freeze it anew)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.golden.commands import demo_text, help_text
from tests.golden.description import served
from tests.golden.frozen import difference
from tests.golden.lake import differences, lake_text
from tests.web.site import copy_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_api_describes_itself_as_frozen(tmp_path: Path) -> None:
    assert not (found := difference("openapi.json", served(tmp_path / "home"))), found


def test_every_command_s_help_is_as_frozen() -> None:
    assert not (found := difference("cli-help.txt", help_text())), found


def test_the_reading_commands_print_as_frozen(demo_home: Path, tmp_path: Path) -> None:
    assert not (found := difference("cli-demo.txt", demo_text(copy_home(demo_home, tmp_path / "home")))), found


def test_the_demo_s_lake_holds_what_was_frozen(demo_home: Path) -> None:
    assert not (found := difference("lake.json", lake_text(demo_home))), found


def test_a_lake_with_one_other_number_differs(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    assert differences(demo_home, home) == []
    path = next((home / "lake" / "topic_map").rglob("part-0.parquet"))
    changed = pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col("x") + 1e-9)
    path.unlink()  # a link to the shared one
    changed.write_parquet(path)
    assert [line.partition(": ")[2] for line in differences(demo_home, home)] == ["other digits in x"]
    assert not difference("lake.json", lake_text(home))
    changed.head(-1).write_parquet(path)
    assert "topic_map" in difference("lake.json", lake_text(home))
