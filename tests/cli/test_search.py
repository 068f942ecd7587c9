"""`tgstudio search` prints a page with its words marked, says what was not searched, and goes on with a cursor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests import builders
from tests.search import lakes
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.cli.search import search
from tgstudio_dagster.core.settings import Settings, settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES

app = typer.Typer()
app.command()(search)


@pytest.fixture
def lake(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TenantLake]:
    """The lake of a tenant `acme` with three posts."""
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path))
    settings.cache_clear()
    given = Settings()
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog.open(given)
    builders.make_tenant(catalog, "acme")
    catalog.close()
    texts = ("Закон [о] бюджете", "закон принят", "🔥")
    yield lakes.materialized(Lake.open(given).tenant("acme"), *({"text": text} for text in texts))
    settings.cache_clear()


def run(*words: str) -> str:
    return CliRunner().invoke(app, ["--tenant", "acme", *words], catch_exceptions=False).output


def test_a_page_is_printed_with_texts_links_and_the_number_found(lake: TenantLake) -> None:
    printed = run("законы")
    assert "Закон [о] бюджете" in printed
    assert "https://t.me/channel1001/1" in printed
    assert "2 posts in all." in printed


def test_the_cursor_that_is_printed_leads_on(lake: TenantLake) -> None:
    first = run("закон", "--limit", "1")
    second = run("закон", "--limit", "1", "--cursor", first.split("--cursor ")[1].split()[0])
    assert ("channel1001/2" in first, "channel1001/1" in second) == (True, True)
    assert "--cursor" not in second


def test_json_holds_the_page(lake: TenantLake) -> None:
    page = json.loads(run("закон", "--json", "--by", "meaning"))
    assert [hit["msg_id"] for hit in page["hits"]] == [2, 1]
    assert page["method"] == "related words"


def test_nothing_found_says_what_to_try(lake: TenantLake) -> None:
    assert "related words: --by meaning" in run("нигде")
    assert "No post holds any of these words" in run("нигде", "--by", "meaning")


def test_days_without_an_index_are_named(lake: TenantLake) -> None:
    later = builders.FIRST + timedelta(days=1)
    lake.write(MESSAGES, builders.messages({"text": "закон", "date": later}), day=later.date())
    assert "Not searched, no index: 2026-03-10. Run `tgstudio materialize`." in run("закон")
