"""`tgstudio topic`, and topics and rankings of a moment gone by."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests import builders
from tests.topics import posts
from tests.topics.lakes import START, events, hour, observe
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.cli.read import top, topics
from tgstudio_dagster.cli.topic import sparkline, topic
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.settings import Settings, settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_CHANGES, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.rank_history import known_at

app = typer.Typer()
for command in (top, topics, topic):
    app.command()(command)
DAY = START.date()


@pytest.fixture
def lake(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TenantLake]:
    """The lake of a tenant `acme`: two events, read at two hours, with topics and rankings of the second."""
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path))
    settings.cache_clear()
    given = Settings()
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog.open(given)
    builders.make_tenant(catalog, "acme")
    catalog.close()
    mine = Lake.open(given).tenant("acme")
    observe(mine, *events(1))
    observe(mine, {"channel_id": 4, "text": posts.METRO[0], "date": hour(2), "seen": 3})
    then = known_at(mine, hour(4))
    mine.write(TOPICS, then.found.topics, day=DAY)
    mine.write(TOPIC_MESSAGES, then.found.topic_messages, day=DAY)
    mine.write(RANKINGS, then.rankings, day=DAY)
    first, second = then.found.topics["topic_id"]
    change = {"kind": "split", "topic_id": first, "other_id": second, "shared": 2}
    mine.write(TOPIC_CHANGES, builders.frame(TOPIC_CHANGES, [change]), day=DAY)
    yield mine
    settings.cache_clear()


def run(command: str, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [command, "--tenant", "acme", *words], catch_exceptions=code == 2)
    assert result.exit_code == code, result.output
    return result.output


def largest() -> str:
    found: str = json.loads(run("topics", "--limit", "1", "--json"))[0]["topic_id"]
    return found


def test_a_topic_is_shown_with_its_timeline_and_repeats_folded(lake: TenantLake) -> None:
    printed = run("topic", largest())
    assert "4 posts of 4 channels" in printed
    assert "channel4" in printed and "█·" in printed and "·█" not in printed.partition("channel4")[0]
    told = json.loads(run("topic", largest(), "--json"))
    assert sorted(len(post["repeats"]) for post in told["posts"]) == [0, 0, 1]
    assert sum(row["posts"] for row in told["timeline"]) == 4
    assert [row["kind"] for row in told["changes"]] == ["split"]


def test_what_split_is_listed(lake: TenantLake) -> None:
    assert "split off" in run("topics", "--changes")
    (row,) = json.loads(run("topics", "--changes", "--json"))
    assert row["shared"] == 2 and row["title"] and row["other_title"]


def test_topics_and_rankings_of_a_moment_are_those_known_then(lake: TenantLake) -> None:
    now = json.loads(run("topics", "--json"))
    then = json.loads(run("topics", "--as-of", "2026-03-09T14:00", "--json"))
    assert [row["messages"] for row in now] == [4, 3]
    assert [row["messages"] for row in then] == [3, 3]
    assert run("topics", "--as-of", "2026-03-09T16:00", "--json") == run("topics", "--json")
    assert run("topics", "--as-of", "2026-03-09T17:00+01:00", "--json") == run("topics", "--json")
    for by in ("topic", "message"):
        assert run("top", "--by", by, "--as-of", "2026-03-09T16:00", "--json") == run("top", "--by", by, "--json")
    assert len(json.loads(run("top", "--by", "message", "--as-of", "2026-03-09T14:00", "--json"))) == 6
    assert "the newest observation was of 2026-03-09 13:00" in run("top", "--as-of", "2026-03-09T14:00")
    assert run("top", "--as-of", "2026-03-09T14:00", "--ids").split() != []


def test_what_can_t_be_shown_is_said(lake: TenantLake) -> None:
    with pytest.raises(NotFoundError, match="t-ffffffffffff"):
        run("topic", "t-ffffffffffff")
    with pytest.raises(NotFoundError, match="first read at"):
        run("topics", "--as-of", "2026-03-09T12:30")
    assert "is no moment" in run("topics", "--as-of", "noon", code=2)
    assert "--day or --as-of" in run("top", "--as-of", "2026-03-09T14:00", "--day", "2026-03-09", code=2)
    assert "one of them" in run("topics", "--changes", "--as-of", "2026-03-09T14:00", code=2)


def test_a_timeline_s_bars_rise_with_the_count() -> None:
    assert sparkline([0, 1, 4, 8], 8) == "·▁▄█"
    assert sparkline([1, 0, 1], 1) == "█·█"
    bars = sparkline(range(1, 1000), 999)
    assert list(bars) == sorted(bars)
