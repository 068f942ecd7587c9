"""`tgstudio import`, `materialize`, `export`: what could not be done is said in a sentence, and the exit code says so too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from tests import builders
from tests.telegram.exports import chat, message, write
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import list_channels
from tgstudio_dagster.cli.materializing import materialize
from tgstudio_dagster.cli.work import export, import_
from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.settings import Settings, settings
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.topics import RANKINGS
from tgstudio_dagster.services.topics import newest_day

CASES = Path(__file__).parents[1] / "telegram" / "cases"
app = typer.Typer()
app.command("import")(import_)
app.command()(materialize)
app.command()(export)
TODAY = datetime.now(UTC).date()


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A home with an empty tenant `acme`."""
    monkeypatch.setenv("TGSTUDIO_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    given = Settings()
    given.home.mkdir()
    shutil.copyfile(sqlite_template, given.home / "catalog.sqlite")
    catalog = Catalog.open(given)
    builders.make_tenant(catalog, "acme")
    catalog.close()
    yield given
    settings.cache_clear()


def lake_of(home: Settings) -> TenantLake:
    return Lake.open(home).tenant("acme")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--tenant", "acme"])


@pytest.mark.parametrize("case", ["no_messages", "empty_array"])
def test_a_file_without_messages_is_no_success(home: Settings, case: str) -> None:
    got = run("import", str(CASES / case))
    assert got.exit_code == 1 and "holds no messages" in got.output


def test_a_file_of_which_everything_is_left_out_is_no_success_and_says_why(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(1)], type="personal_chat"))
    got = run("import", str(path))
    assert got.exit_code == 1 and "Nothing landed of 1 messages (" in got.output
    told = json.loads(run("import", str(path), "--json").stdout.partition("Nothing landed")[0])
    assert (told["read"], told["landed"], told["filtered"]) == (1, 0, 1)


def test_a_file_that_was_imported_before_is_a_success(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(1)]))
    assert run("import", str(path)).exit_code == 0
    assert run("import", str(path)).exit_code == 0


def test_a_dump_without_a_title_says_so_and_takes_one(home: Settings) -> None:
    path = str(CASES / "telethon_no_title")
    first = run("import", path)
    assert first.exit_code == 0 and "--title" in first.output
    named = run("import", path, "--again", "--title", "City news")
    assert named.exit_code == 0 and "no title" not in named.output
    catalog = Catalog.open(home)
    assert [row.title for row in list_channels(catalog, "acme")] == ["City news"]
    catalog.close()
    lake = lake_of(home)
    titles = {title for day in lake.landing_days() for title in lake.read_landings(lake.landings(day))["channel_title"]}
    assert titles == {"", "City news"}


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2022-10-12", "2022-10-11", "2022-10-12 is after --to 2022-10-11"),
        (str(TODAY + timedelta(days=1000)), str(TODAY + timedelta(days=1001)), "still to come"),
        (str(TODAY), str(TODAY + timedelta(days=1)), "still to come"),
        ("1999-01-01", "1999-01-02", "before the first day that posts are taken from, 2013-08-01"),
    ],
)
@pytest.mark.parametrize("command", [("materialize",), ("export", "bundle.zip")])
def test_a_range_without_sense_is_one_sentence(
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    first: str,
    last: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    got = run(*command, "--from", first, "--to", last)
    assert isinstance(got.exception, FieldError) and said in str(got.exception)
    assert not (tmp_path / "bundle.zip").exists()
    assert lake_of(home).days(RANKINGS) == []


def test_an_empty_day_to_come_is_not_the_newest_day(home: Settings) -> None:
    from tgstudio_dagster.cli.output import open_studio

    lake = lake_of(home)
    known = TODAY - timedelta(days=300)
    for day in (known, date(TODAY.year + 5, 1, 1)):
        lake.write(RANKINGS, RANKINGS.empty(), day=day)
    assert newest_day(open_studio("acme").scope) == known
