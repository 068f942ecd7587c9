"""`tgstudio rank-diff` compares weights, and code, on the days of a tenant's lake."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from tests import builders
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.ranking_weights import SHIPPED
from tgstudio_dagster.cli.rank import rank_diff
from tgstudio_dagster.core.errors import NotFoundError, SettingsError
from tgstudio_dagster.core.settings import Settings, settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.rank_days import ranked_days

app = typer.Typer()
app.command()(rank_diff)
DAY = date(2026, 3, 9)


@pytest.fixture
def lake(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The lake of a tenant `acme` with two ranked days: posts of two channels, one viewed, one forwarded."""
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path))
    settings.cache_clear()
    given = Settings()
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog.open(given)
    builders.make_tenant(catalog, "acme")
    catalog.close()
    opened = Lake.open(given)
    fill(opened)
    yield opened
    settings.cache_clear()


def fill(opened: Lake) -> None:
    mine = opened.tenant("acme")
    for n, day in enumerate((DAY, DAY + timedelta(days=1))):
        start = builders.FIRST + timedelta(days=n)
        rows = [{"channel_id": 1, "msg_id": 100 * n + k + 1, "date": start, "text": f"Post [{k}]"} for k in range(7)]
        messages = builders.messages(*rows)
        seen = [
            {
                "channel_id": 1,
                "msg_id": row["msg_id"],
                "observed_at": start + timedelta(hours=4),
                "views": 9000 if k == 0 else 100,
                "forwards": 900 if k == 1 else 10,
            }
            for k, row in enumerate(rows)
        ]
        mine.write(MESSAGES, messages, day=day)
        mine.write(MESSAGE_STATS, builders.frame(MESSAGE_STATS, seen), day=day)
        mine.write(TOPICS, TOPICS.empty(), day=day)
        mine.write(TOPIC_MESSAGES, TOPIC_MESSAGES.empty(), day=day)
        mine.write(RANKINGS, ranked_days(mine, [day], SHIPPED).drop("day"), day=day)


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["--tenant", "acme", "--by", "message", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_other_weights_move_what_they_favour(lake: Lake) -> None:
    told = json.loads(run("--from", "2026-03-09", "--set", "views=0", "--set", "forwards=1", "--json"))
    assert told["compared"] == "views 0.5 → 0.0, forwards 0.25 → 1.0"
    assert [row["day"] for row in told["agreement"]] == ["2026-03-09", "2026-03-10"]
    first = told["moves"][0]
    assert (first["entity_id"], first["title"]) in {("1/1", "Post [0]"), ("1/2", "Post [1]")}
    assert all(row["kendall_tau"] < 1 for row in told["agreement"])


def test_without_other_weights_what_is_stored_is_compared_with_this_code(lake: Lake) -> None:
    told = json.loads(run("--json"))
    assert told["compared"] == "stored → made by this code"
    assert told["overall"][0]["kendall_tau"] == 1.0 and told["moves"] == []
    stored = lake.tenant("acme").read(RANKINGS, days=[DAY + timedelta(days=1)])
    turned = stored.with_columns(
        (pl.col("rank").max().over("entity_kind", "window") + 1 - pl.col("rank")).alias("rank")
    )
    lake.tenant("acme").write(RANKINGS, turned, day=DAY + timedelta(days=1))
    assert json.loads(run("--json"))["overall"][0]["kendall_tau"] == -1.0


def test_the_table_and_the_plot_name_the_posts(lake: Lake, tmp_path: Path) -> None:
    target = tmp_path / "diff.svg"
    printed = run("--set", "views=0", "--set", "forwards=1", "--plot", str(target))
    assert "Post [0]" in printed and "falls" in printed and "Kendall tau" in printed
    assert "Post [1]" in target.read_text(encoding="utf-8")


def test_what_can_t_be_done_is_said(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.svg"):
        run("--plot", str(tmp_path / "diff.png"))
    with pytest.raises(SettingsError, match="likes=1"):
        run("--set", "likes=1")
    with pytest.raises(NotFoundError, match="--from"):
        run("--from", "2027-01-01", "--to", "2027-01-02")
