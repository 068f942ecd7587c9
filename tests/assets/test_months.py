"""A run over months: which days it works on, what it tells of them, and how much of that is stored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.builders import landing
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.freshness import days_of_older_code
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import CHANNEL_LINES, MESSAGES
from tgstudio_dagster.operate.launch import QUIET
from tgstudio_dagster.orchestration.code_versions import CODE_VERSIONS
from tgstudio_dagster.orchestration.partitions import tenant_month_key, tenants
from tgstudio_dagster.orchestration.progress import Step, listening
from tgstudio_dagster.orchestration.tags import days_tags

LINES = dg.AssetKey("channel_lines")


class Platform:
    """A lake, a catalog and an instance of this test's own; runs one cheap asset, whose edges are all others' too."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.lake, self.instance = Lake(str(folder / "lake")), instance
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
        add_tenant(self.catalog, "acme", "Acme")
        instance.add_dynamic_partitions(str(tenants.name), ["acme"])
        job = build_definitions(
            lake=dg.ResourceDefinition.hardcoded_resource(self.lake),
            catalog=dg.ResourceDefinition.hardcoded_resource(self.catalog),
        )
        self.job = job.resolve_job_def("refresh").get_subset(asset_selection={LINES}, asset_check_selection=set())

    def post(self, *days: date) -> None:
        for day in days:
            at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            self.store.write(MESSAGES, pl.DataFrame(schema=MESSAGES.schema), day=day)
            self.store.land(landing({"date": at, "observed_at": at}))

    @property
    def store(self):  # type: ignore[no-untyped-def]
        return self.lake.tenant("acme")

    def run(self, *, key: str | None = None, tags: dict[str, str] | None = None, days: str = "") -> None:
        config = QUIET | ({"resources": {"run_days": {"config": {"days": days}}}} if days else {})
        assert self.job.execute_in_process(
            instance=self.instance, partition_key=key, tags=tags, run_config=config
        ).success

    def events(self) -> dict[str, dict[str, object]]:
        """By month's key, the metadata of its newest materialization."""
        records = self.instance.fetch_materializations(LINES, limit=100).records
        return {
            str(record.partition_key): {
                name: value.value for name, value in record.asset_materialization.metadata.items()
            }
            for record in reversed(records)
            if record.asset_materialization is not None
        }


@pytest.fixture
def platform(tmp_path: Path, sqlite_template: Path) -> Iterator[Platform]:
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    with dg.DagsterInstance.ephemeral() as instance:
        made = Platform(tmp_path, instance)
        yield made
        made.catalog.close()


def test_a_cell_of_the_calendar_is_every_day_of_the_month_from_the_tenant_s_first(platform: Platform) -> None:
    platform.post(date(2026, 3, 20), date(2026, 4, 2))
    platform.run(key="2026-03|acme")
    assert platform.store.days(CHANNEL_LINES) == list(DayRange(date(2026, 3, 20), date(2026, 3, 31)))
    assert platform.events()["2026-03|acme"]["days"] == "2026-03-20..2026-03-31"


def test_the_current_month_ends_today(platform: Platform) -> None:
    today = datetime.now(UTC).date()
    platform.post(today)
    platform.run(key=str(tenant_month_key("acme", today)))
    assert platform.store.days(CHANNEL_LINES) == [today]


def test_a_tag_or_the_launchpad_narrows_the_days(platform: Platform) -> None:
    platform.post(date(2026, 3, 1))
    platform.run(tags=days_tags("acme", [DayRange(date(2026, 3, 3), date(2026, 3, 4))]))
    assert platform.store.days(CHANNEL_LINES) == [date(2026, 3, 3), date(2026, 3, 4)]
    platform.run(key="2026-03|acme", days="2026-03-09")
    assert platform.store.days(CHANNEL_LINES)[-1] == date(2026, 3, 9)


def test_many_months_are_one_run_with_one_event_each_that_names_its_days(platform: Platform) -> None:
    ranges = [DayRange(date(2013, 8, 30), date(2013, 9, 2)), DayRange(date(2013, 10, 5), date(2013, 10, 5))]
    platform.run(tags=days_tags("acme", ranges))
    events = platform.events()
    assert {key: event["days"] for key, event in events.items()} == {
        "2013-08|acme": "2013-08-30..2013-08-31",
        "2013-09|acme": "2013-09-01..2013-09-02",
        "2013-10|acme": "2013-10-05",
    }
    assert len(platform.instance.get_runs()) == 1


def test_who_listens_is_told_of_every_day(platform: Platform) -> None:
    days, steps = DayRange(date(2026, 3, 3), date(2026, 3, 5)), list[Step]()
    with listening(steps.append):
        platform.run(tags=days_tags("acme", [days]))
    assert steps == [Step("channel_lines", day, number, 3, 1) for number, day in enumerate(days, start=1)]


def test_a_day_made_by_older_code_is_found_until_it_is_made_again(platform: Platform) -> None:
    day = date(2026, 3, 3)
    platform.run(tags=days_tags("acme", [DayRange(day, day + timedelta(days=1))]))
    newer = CODE_VERSIONS | {"channel_lines": "2"}
    assert days_of_older_code(platform.store, CODE_VERSIONS) == []
    assert days_of_older_code(platform.store, newer) == [day, day + timedelta(days=1)]
    platform.store.write(CHANNEL_LINES, CHANNEL_LINES.empty(), day=day, code_version="2")
    assert days_of_older_code(platform.store, newer) == [day + timedelta(days=1)]


def test_every_month_s_event_has_whole_numbers_to_plot_by_partition(platform: Platform) -> None:
    platform.run(tags=days_tags("acme", [DayRange(date(2013, 8, 30), date(2013, 9, 3))]))
    events = platform.events()
    assert {key: event["days_written"] for key, event in events.items()} == {"2013-08|acme": 2, "2013-09|acme": 3}
    for event in events.values():
        assert isinstance(event["rows"], int) and isinstance(event["bytes"], int) and event["bytes"] > 0


def test_a_tenant_that_is_not_read_turns_no_asset_red() -> None:
    specs: list[Any] = list(build_definitions().resolve_all_asset_specs())
    policies = [spec.freshness_policy for spec in specs if spec.freshness_policy is not None]
    assert policies
    for policy in policies:
        assert policy.fail_window.to_timedelta() > timedelta(days=365)
        assert policy.warn_window.to_timedelta() <= timedelta(hours=26)
