"""Retention: old runs go with their events and files, the newest materialization of each month of a tenant stays."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.home import prepare_home
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.orchestration.nightly import changed_days
from tgstudio_dagster.orchestration.partitions import tenant_month, tenants
from tgstudio_dagster.orchestration.retention import prune
from tgstudio_dagster.orchestration.tags import days_tags

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


class Home:
    """An instance with the storage that `prepare_home` sets up, and a job of one asset that fails when told to."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.instance, self.folder = instance, folder
        self.fails = False
        instance.add_dynamic_partitions(str(tenants.name), ["acme"])

        @dg.asset(partitions_def=tenant_month, backfill_policy=dg.BackfillPolicy.single_run())
        def table(context: dg.AssetExecutionContext) -> None:
            context.log.debug("a line that nobody misses")
            context.log.warning("a warning")
            if self.fails:
                raise ValueError("it was told to")

        self.job = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")

    def run(self, month: date) -> str:
        tags = days_tags("acme", [DayRange(month, month)])
        return self.job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False).run_id

    def events(self, run_id: str) -> list[str]:
        return [
            entry.dagster_event_type.value if entry.dagster_event_type else entry.user_message
            for entry in self.instance.all_logs(run_id)
        ]

    @property
    def index(self) -> Path:
        return self.folder / "history" / "runs" / "index.db"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    folder = prepare_home(Settings(home=tmp_path))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield Home(instance, folder)


def test_a_run_that_succeeded_keeps_its_materializations_and_its_end(home: Home) -> None:
    run_id = home.run(MARCH)
    assert home.events(run_id) == ["ASSET_MATERIALIZATION", "PIPELINE_SUCCESS"]
    assert [path.stem for path in home.index.parent.glob("*.db")] == ["index"]
    (record,) = home.instance.fetch_materializations(dg.AssetKey("table"), limit=5).records
    assert record.partition_key == "2026-03|acme"


def test_a_run_that_failed_keeps_what_tells_why(home: Home) -> None:
    home.fails = True
    events = home.events(home.run(MARCH))
    assert {"STEP_START", "STEP_FAILURE", "PIPELINE_FAILURE", "a warning"} <= set(events)
    assert "a line that nobody misses" not in events


def test_old_runs_go_but_for_those_that_hold_the_newest_of_a_month(home: Home) -> None:
    older, march, april = home.run(MARCH), home.run(MARCH), home.run(APRIL)
    home.fails = True
    failed = home.run(MARCH)
    assert prune(home.instance, datetime.now(UTC) - timedelta(days=1)).runs == 0
    assert prune(home.instance, datetime.now(UTC) + timedelta(minutes=1)).runs == 2
    assert {run.run_id for run in home.instance.get_runs()} == {march, april}
    assert home.events(older) == home.events(failed) == []
    assert [path.stem for path in home.index.parent.glob("*.db")] == ["index"]
    assert home.instance.get_materialized_partitions(dg.AssetKey("table")) == {"2026-03|acme", "2026-04|acme"}


def test_runs_of_a_tenant_that_is_gone_and_of_days_go_too(home: Home) -> None:
    home.run(MARCH)
    home.instance.report_runless_asset_event(dg.AssetMaterialization("table", partition="2026-03-15|acme"))
    home.instance.delete_dynamic_partition(str(tenants.name), "acme")
    assert prune(home.instance, datetime.now(UTC) + timedelta(minutes=1)).runs == 1


def test_the_room_that_they_took_is_given_back(home: Home) -> None:
    with closing(sqlite3.connect(home.index)) as database:
        database.execute("create table filler (text text)")
        database.execute("insert into filler select hex(zeroblob(2000)) from asset_keys, (select 1 union select 2)")
        database.executemany("insert into filler values (?)", [("x" * 4000,)] * 500)
        database.commit()
        database.execute("drop table filler")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = home.index.stat().st_size
    assert prune(home.instance, datetime.now(UTC)).bytes > 1_000_000
    assert home.index.stat().st_size < before / 2


def test_changed_days_are_runs_of_adjacent_months() -> None:
    night = datetime(2026, 4, 2, 2, 20, tzinfo=UTC)
    times = {date(2026, 3, 30): night.timestamp() - 60, date(2026, 3, 31): night.timestamp(), date(2025, 1, 1): 0.0}
    assert changed_days(times, night - timedelta(hours=25)) == [(DayRange(date(2026, 3, 30), date(2026, 3, 31)),)]
