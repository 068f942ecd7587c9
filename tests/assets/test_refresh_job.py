"""The refresh on an ephemeral instance: what landed is merged, understood, checked and dropped."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import dagster as dg
import polars as pl
import pytest

from tests.builders import landing
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.frame_cache import FrameCache
from tgstudio_dagster.lake.freshness import stale_days
from tgstudio_dagster.lake.objects import LocalObjects
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGE_VERSIONS, MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES
from tgstudio_dagster.operate.launch import QUIET
from tgstudio_dagster.orchestration.jobs import CHECK, REFRESH
from tgstudio_dagster.orchestration.partitions import tenant_month_key, tenants
from tgstudio_dagster.orchestration.tags import range_tags
from tgstudio_dagster.topics import hourly
from tgstudio_dagster.topics.rank_history import known_at

DAY = date(2026, 3, 14)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
STORY = "Мэр открыл новую станцию метро Рыбный рынок после ремонта, жители ждали её три года"


@dataclass
class Platform:
    """A lake, a catalog and an instance of this test's own."""

    lake: Lake
    catalog: Catalog
    instance: dg.DagsterInstance

    def land(self, *rows: dict[str, object], tenant: str = "acme") -> None:
        self.lake.tenant(tenant).land(landing(*rows))

    def refresh(
        self, first: date = DAY, last: date = DAY, tenant: str = "acme", job_name: str = REFRESH
    ) -> dg.ExecuteInProcessResult:
        job = build_definitions(
            lake=dg.ResourceDefinition.hardcoded_resource(self.lake),
            catalog=dg.ResourceDefinition.hardcoded_resource(self.catalog),
        ).resolve_job_def(job_name)
        tags = range_tags(tenant, first, last)
        return job.execute_in_process(instance=self.instance, tags=tags, run_config=QUIET, raise_on_error=False)

    def read(self, table: str, day: date = DAY, tenant: str = "acme") -> pl.DataFrame:
        return self.lake.tenant(tenant).read(TABLES[table], days=[day])


@pytest.fixture
def platform(tmp_path: Path, sqlite_template: Path) -> Iterator[Platform]:
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    with dg.DagsterInstance.ephemeral() as instance:
        for tenant in ("acme", "bravo"):
            add_tenant(catalog, tenant, tenant)
            instance.add_dynamic_partitions(str(tenants.name), [tenant])
        yield Platform(Lake(str(tmp_path / "lake")), catalog, instance)
    catalog.close()


def post(msg_id: int, **values: object) -> dict[str, object]:
    return {"channel_id": 100 + msg_id % 3, "msg_id": msg_id, "date": NOON, "observed_at": NOON, "text": STORY} | values


def test_what_landed_becomes_every_table_and_is_dropped(platform: Platform) -> None:
    platform.land(*(post(n, views=100 * n) for n in range(1, 7)))
    assert platform.refresh().success
    assert platform.read("messages").height == 6
    assert platform.read("topics").row(0, named=True)["channels"] == 3
    assert set(platform.read("rankings")["entity_kind"]) == {"message", "topic"}
    assert platform.lake.tenant("acme").landing_days() == []
    assert stale_days(platform.lake.tenant("acme")) == []


def test_an_edit_and_a_delete_that_land_later_change_the_day(platform: Platform) -> None:
    platform.land(post(1, views=10), post(2, views=10))
    platform.refresh()
    later = NOON + timedelta(hours=2)
    platform.land(
        post(1, text=f"{STORY}. ОБНОВЛЕНО", observed_at=later, views=90),
        post(2, observed_at=later, deleted_at=later, type="deleted", text=""),
    )
    assert stale_days(platform.lake.tenant("acme")) == [DAY]
    assert platform.refresh().success
    edited, deleted = platform.read("messages").sort("msg_id").to_dicts()
    assert (edited["version"], edited["views"]) == (2, 90)
    assert (deleted["deleted_at"], deleted["text"]) == (later, STORY)
    assert platform.read("message_versions").height == 3
    assert platform.read("message_stats").filter(pl.col("msg_id") == 1)["views"].to_list() == [10, 90]


def test_a_range_is_one_run_and_windows_look_back_over_it(platform: Platform) -> None:
    days = [DAY - timedelta(days=back) for back in (2, 1, 0)]
    for number, day in enumerate(days):
        moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        platform.land(post(number + 1, date=moment, observed_at=moment, views=5))
    assert platform.refresh(days[0], days[-1]).success
    assert [platform.read("messages", day).height for day in days] == [1, 1, 1]
    assert platform.read("topic_messages", days[-1]).height == 3
    assert len(platform.instance.get_runs()) == 1


def test_the_data_version_is_the_hash_of_the_object(platform: Platform) -> None:
    platform.land(post(1))
    platform.refresh()
    key = dg.AssetKey("messages")
    event = platform.instance.get_latest_data_version_record(key, partition_key=str(tenant_month_key("acme", DAY)))
    assert event is not None
    materialization = event.asset_materialization
    assert materialization is not None
    assert materialization.tags is not None
    (path,) = platform.lake.tenant("acme").paths(MESSAGES, days=[DAY])
    assert materialization.tags["dagster/data_version"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def test_one_tenant_s_refresh_leaves_the_other_s_lake_alone(platform: Platform) -> None:
    platform.land(post(1))
    platform.land(post(2), tenant="bravo")
    platform.refresh()
    assert platform.read("messages", tenant="bravo").is_empty()
    assert platform.lake.tenant("bravo").landing_days() == [DAY]


def test_a_step_that_fails_keeps_the_landings_for_the_next_run(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.land(post(1, views=5))
    store = type(platform.lake.tenant("acme"))
    write = store.write

    def full_disk(self: object, table: object, *args: object, **kwargs: object) -> object:
        if table is MESSAGE_STATS:
            raise OSError(28, "No space left on device")
        return write(self, table, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", full_disk)
        assert not platform.refresh().success
    assert platform.lake.tenant("acme").landing_days() == [DAY]
    assert platform.refresh().success
    assert platform.read("message_stats").height == 1


@pytest.mark.parametrize(
    ("table", "check"),
    [(MESSAGE_VERSIONS, "contract"), (RANKINGS, "contract"), (TOPIC_MESSAGES, "no_orphans")],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_nightly_checks_pass_on_good_data(platform: Platform, table: object, check: str) -> None:
    platform.land(*(post(n) for n in range(1, 5)))
    assert platform.refresh().get_asset_check_evaluations() == []
    found = platform.refresh(job_name=CHECK).get_asset_check_evaluations()
    wanted = [one for one in found if one.check_name == check and one.asset_key.to_user_string() == table.name]  # type: ignore[attr-defined]
    assert [one.passed for one in wanted] == [True]


def test_a_counter_that_falls_without_an_edit_is_shown_by_its_check(platform: Platform) -> None:
    platform.land(post(1, views=100))
    platform.refresh()
    platform.land(post(1, views=50, observed_at=NOON + timedelta(hours=1)))
    platform.refresh()
    result = platform.refresh(job_name=CHECK)
    failed = [one.check_name for one in result.get_asset_check_evaluations() if not one.passed]
    assert result.success
    assert failed == ["counters_never_shrink"]


def test_an_empty_day_is_materialized_as_no_rows(platform: Platform) -> None:
    assert platform.refresh().success
    assert platform.lake.tenant("acme").days(MESSAGES) == [DAY]
    assert platform.read("topic_map").is_empty()


def told(since: datetime, *minutes: int) -> list[dict[str, object]]:
    """Posts of channels of their own, each seen the minute after it was made; every 20th tells the same story."""
    chance = random.Random(minutes[0])
    found = []
    for minute in minutes:
        words = ("".join(chance.choices([a + b for a in "бвгдклмнпрст" for b in "аеиоуыя"], k=3)) for _ in range(15))
        at = since + timedelta(minutes=minute)
        text = f"{STORY}, {next(words)}" if minute % 20 == 0 else " ".join(words)
        seen = at + timedelta(minutes=1)
        found.append(post(minute + 1, channel_id=1000 + minute, date=at, observed_at=seen, text=text, views=minute))
    return found


def test_between_two_hours_new_posts_are_attached_and_nothing_is_clustered_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    clustered = []
    real = hourly.cluster_posts
    monkeypatch.setattr(
        hourly, "cluster_posts", lambda posts, *given: clustered.append(posts.height) or real(posts, *given)
    )
    since = NOON - timedelta(hours=2)
    platform.land(*told(since, *range(118)))
    platform.refresh()
    platform.land(*told(since, 120, 121))  # at twelve and a minute later
    assert platform.refresh().success
    first = platform.read("topics")
    platform.land(*told(since, 125, 140))
    assert platform.refresh().success
    # What was known before noon is what was known at noon.
    assert clustered == [118]
    assert set(first["topic_id"]) == set(platform.read("topics")["topic_id"])
    assert platform.read("topics")["messages"].max() == 8
    assert platform.read("rankings").filter(entity_kind="topic", window="24h")["messages"].max() == 8
    platform.land(*told(since, 181))
    platform.refresh()
    assert clustered == [118, 122]


def test_what_was_known_at_an_hour_is_what_a_run_made_then(platform: Platform) -> None:
    lake, since = platform.lake.tenant("acme"), NOON - timedelta(hours=2)
    made = []
    for minutes in (range(118), range(120, 124), range(125, 150, 5)):
        platform.land(*told(since, *minutes))
        assert platform.refresh().success
        moment = since + timedelta(minutes=minutes[-1] + 1)
        made.append((moment, *(platform.read(name) for name in ("topics", "topic_messages", "rankings"))))
    later = NOON + timedelta(hours=3)
    platform.land(
        *told(since, *range(200, 260)),
        post(1, channel_id=1000, date=since, observed_at=later, text="Совсем о другом: на выходных ждут снег"),
        post(
            21, channel_id=1020, date=since + timedelta(minutes=20), observed_at=later, deleted_at=later, type="deleted"
        ),
    )
    assert platform.refresh().success
    for moment, topics, members, rankings in made:
        then = known_at(lake, moment)
        assert then.found.topics.equals(topics)
        assert then.found.topic_messages.equals(members)
        assert then.rankings.equals(rankings)


def test_a_refresh_reads_an_object_once_however_many_steps_look_back_over_it(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [DAY - timedelta(days=back) for back in range(6, -1, -1)]
    for number, day in enumerate(days):
        moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        platform.land(post(number + 1, date=moment, observed_at=moment))
    assert platform.refresh(days[0], DAY).success
    platform.lake.cache = FrameCache()
    opened: Counter[str] = Counter()
    real = LocalObjects.open

    def counted(self: LocalObjects, path: str) -> BinaryIO:
        opened[path] += 1
        return real(self, path)

    monkeypatch.setattr(LocalObjects, "open", counted)
    platform.land(post(99))
    assert platform.refresh().success
    replaced = {path for path in opened if f"date={DAY}" in path}  # read before it is merged, and as it is after
    assert max(opened[path] for path in replaced) == 2
    assert {opened[path] for path in opened.keys() - replaced} == {1}
