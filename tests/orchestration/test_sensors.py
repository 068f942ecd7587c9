"""The sensors on an ephemeral instance: rows, landings and due tenants become partitions and runs, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from tests.builders import landing, put_order
from tgstudio_dagster.catalog.accounts.accounts import add_account, mark_account
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.channels import ChannelSeen, remember_channels
from tgstudio_dagster.catalog.follows.media_backlog import Waiting, note_media_backlog
from tgstudio_dagster.catalog.follows.reading import begin_read, finish_read, wake
from tgstudio_dagster.catalog.follows.subscriptions import (
    finish_request,
    mark_subscription,
    request_subscription,
    subscribe,
)
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.principals import operator
from tgstudio_dagster.catalog.people.tenants import add_tenant, delete_tenant
from tgstudio_dagster.catalog.work.orders import create_order
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.decide import reading
from tgstudio_dagster.orchestration.partitions import tenants
from tgstudio_dagster.orchestration.sensors.orders import orders_sensor
from tgstudio_dagster.orchestration.sensors.tenants import (
    media_sensor,
    refresh_sensor,
    subscriptions_sensor,
    tenants_sensor,
)
from tgstudio_dagster.orchestration.tags import DAYS_TAG, HISTORY, KIND_TAG, RANGE_END, RANGE_START

DAY = date(2026, 3, 14)
NOW = datetime(2026, 3, 15, tzinfo=UTC)
CHANNEL = 1001


class Ticks:
    """Evaluates sensors against one lake, catalog and instance; what they ask of partitions is done."""

    def __init__(self, lake: Lake, catalog: Catalog, instance: dg.DagsterInstance) -> None:
        self.lake, self.catalog, self.instance = lake, catalog, instance
        self.cursors: dict[str, str | None] = {}

    def tick(self, sensor: dg.SensorDefinition) -> dg.SensorResult | dg.SkipReason:
        needed = {"lake": self.lake, "catalog": self.catalog}
        resources = {name: needed[name] for name in sensor.required_resource_keys}
        with dg.build_sensor_context(
            self.instance,
            cursor=self.cursors.get(sensor.name),
            definitions=build_definitions(),
            resources=resources,
        ) as context:
            found = sensor(context)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        if isinstance(found, dg.SensorResult):
            self.cursors[sensor.name] = found.cursor
            for change in found.dynamic_partitions_requests or []:
                name = str(change.partitions_def_name)
                if isinstance(change, dg.AddDynamicPartitionsRequest):
                    self.instance.add_dynamic_partitions(name, list(change.partition_keys))
                else:
                    for key in change.partition_keys:
                        self.instance.delete_dynamic_partition(name, key)
        return found

    def runs(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
        found = self.tick(sensor)
        return list(found.run_requests or []) if isinstance(found, dg.SensorResult) else []

    def running(self, tenant: str) -> None:
        """A refresh of the tenant is in progress."""
        self.instance.create_run_for_job(
            build_definitions().resolve_job_def("refresh"), tags={"tenant": tenant}, status=dg.DagsterRunStatus.STARTED
        )

    def order(self, principal: Principal) -> str:
        return create_order(
            self.catalog, principal, topic_id="t-1", day=DAY, platforms=["tg"], language="ru", tone="neutral", now=NOW
        ).id

    def pair(self, tenant: str = "acme") -> str:
        vault = Vault({1: b"k" * 32})
        session = SecretStr("a session")
        return add_account(
            self.catalog, tenant, vault, telegram_id=7, name="A", username=None, session=session, paired_by=None
        ).id

    def follow(self, account: str, *, since: date | None = None, filled_from: date | None = None) -> None:
        remember_channels(self.catalog, "acme", [ChannelSeen(CHANNEL, "news", "News", "channel")])
        subscribe(
            self.catalog, "acme", channel_id=CHANNEL, account_id=account, reference="@news", visibility="public",
            members=5, since=since, comments=False, created_by=None,
        )  # fmt: skip
        mark_subscription(self.catalog, "acme", CHANNEL, filled_from=filled_from)


@pytest.fixture
def ticks(tmp_path: Path, catalog: Catalog) -> Iterator[Ticks]:
    add_tenant(catalog, "acme", "Acme")
    with dg.DagsterInstance.ephemeral() as instance:
        found = Ticks(Lake(str(tmp_path / "lake")), catalog, instance)
        found.tick(tenants_sensor)
        yield found


def test_tenants_become_partitions_and_closed_ones_leave(ticks: Ticks) -> None:
    assert ticks.instance.get_dynamic_partitions(str(tenants.name)) == ["acme"]
    add_tenant(ticks.catalog, "bravo", "Bravo")
    delete_tenant(ticks.catalog, "acme")
    ticks.tick(tenants_sensor)
    assert ticks.instance.get_dynamic_partitions(str(tenants.name)) == ["bravo"]
    assert isinstance(ticks.tick(tenants_sensor), dg.SkipReason)


def test_a_closed_tenant_s_partition_stays_while_its_run_lasts(ticks: Ticks) -> None:
    ticks.running("acme")
    delete_tenant(ticks.catalog, "acme")
    ticks.tick(tenants_sensor)
    assert ticks.instance.get_dynamic_partitions(str(tenants.name)) == ["acme"]


def test_an_idle_tenant_gets_no_run(ticks: Ticks) -> None:
    assert ticks.runs(refresh_sensor) == []


def test_a_landing_becomes_one_run_of_its_tenant_s_range(ticks: Ticks) -> None:
    moment = datetime(2026, 3, 14, 9, tzinfo=UTC)
    ticks.lake.tenant("acme").land(landing({"date": moment, "observed_at": moment}))
    (request,) = ticks.runs(refresh_sensor)
    assert request.tags["tenant"] == "acme"
    assert request.tags[RANGE_START] == request.tags[RANGE_END] == "2026-03|acme"
    assert request.tags[DAYS_TAG] == "2026-03-14..2026-03-14"


def test_a_paired_tenant_with_a_subscription_is_read_and_then_at_its_plan_s_pace(ticks: Ticks) -> None:
    ticks.follow(ticks.pair())
    (request,) = ticks.runs(refresh_sensor)
    today = datetime.now(UTC).date()
    assert request.tags[DAYS_TAG] == f"{today - timedelta(days=2)}..{today}"
    begin_read(ticks.catalog, "acme", now=datetime.now(UTC) - timedelta(minutes=20))
    assert ticks.runs(refresh_sensor) == []
    set_plan(ticks.catalog, "acme", "pro")
    assert len(ticks.runs(refresh_sensor)) == 1


def test_a_new_request_or_a_live_hint_makes_a_tenant_due_at_once(ticks: Ticks) -> None:
    ticks.pair()
    begin_read(ticks.catalog, "acme", now=datetime.now(UTC) - reading.APART)
    assert ticks.runs(refresh_sensor) == []
    request = request_subscription(
        ticks.catalog, operator(ticks.catalog, "acme"), reference="@news", account_id=None, since=DAY, comments=False
    )
    (asked,) = ticks.runs(refresh_sensor)
    assert str(ticks.cursors["refresh_sensor"]) in asked.run_key
    finish_request(ticks.catalog, "acme", request.id, status="failed", error="no such channel")
    begin_read(ticks.catalog, "acme", now=datetime.now(UTC) - reading.APART)
    ticks.follow(ticks.pair())
    assert ticks.runs(refresh_sensor) == []
    wake(ticks.catalog, "acme", now=datetime.now(UTC))
    (woken,) = ticks.runs(refresh_sensor)
    assert woken.run_key != asked.run_key


def test_a_flood_wait_keeps_the_sensor_away_until_it_is_over(ticks: Ticks) -> None:
    ticks.follow(ticks.pair())
    start = datetime.now(UTC) - timedelta(hours=5)
    begin_read(ticks.catalog, "acme", now=start)
    finish_read(ticks.catalog, "acme", now=start, waits_until=datetime.now(UTC) + timedelta(minutes=1))
    assert ticks.runs(refresh_sensor) == []
    finish_read(ticks.catalog, "acme", now=start, waits_until=datetime.now(UTC) - timedelta(seconds=1))
    assert len(ticks.runs(refresh_sensor)) == 1


def test_a_tenant_whose_account_is_lost_or_that_has_a_run_is_left_alone(ticks: Ticks) -> None:
    account = ticks.pair()
    ticks.follow(account)
    ticks.running("acme")
    assert ticks.runs(refresh_sensor) == []
    mark_account(ticks.catalog, "acme", account, "expired", "pair again")
    assert ticks.runs(refresh_sensor) == []


def test_a_subscription_s_history_is_read_in_slices_beside_the_refreshes(ticks: Ticks) -> None:
    ticks.follow(ticks.pair(), since=DAY - timedelta(days=50), filled_from=DAY)
    (request,) = ticks.runs(subscriptions_sensor)
    assert request.tags[KIND_TAG] == HISTORY
    assert request.tags[DAYS_TAG] == f"{DAY - timedelta(days=31)}..{DAY - timedelta(days=1)}"
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2026-02|acme", "2026-03|acme")
    mark_subscription(ticks.catalog, "acme", CHANNEL, filled_from=DAY - timedelta(days=31))
    (rest,) = ticks.runs(subscriptions_sensor)
    assert rest.tags[DAYS_TAG].startswith(f"{DAY - timedelta(days=50)}..")
    mark_subscription(ticks.catalog, "acme", CHANNEL, filled_from=DAY - timedelta(days=50))
    assert isinstance(ticks.tick(subscriptions_sensor), dg.SkipReason)


def test_files_that_wait_become_a_run_once_they_may_be_tried(ticks: Ticks) -> None:
    assert isinstance(ticks.tick(media_sensor), dg.SkipReason)
    note_media_backlog(ticks.catalog, "acme", {DAY: Waiting(3, datetime.now(UTC) + timedelta(hours=1))})
    assert ticks.runs(media_sensor) == []
    note_media_backlog(ticks.catalog, "acme", {DAY: Waiting(2, datetime.now(UTC))})
    (request,) = ticks.runs(media_sensor)
    assert request.tags[DAYS_TAG] == f"{DAY}..{DAY}"
    note_media_backlog(ticks.catalog, "acme", {DAY: None})
    assert isinstance(ticks.tick(media_sensor), dg.SkipReason)


def test_an_order_becomes_one_partition_and_one_run(ticks: Ticks) -> None:
    order = ticks.order(operator(ticks.catalog, "acme"))
    (request,) = ticks.runs(orders_sensor)
    assert request.partition_key == order
    assert ticks.instance.get_dynamic_partitions("orders") == [order]
    assert [again.run_key for again in ticks.runs(orders_sensor)] == [request.run_key]


def test_an_order_that_is_queued_again_runs_again(ticks: Ticks) -> None:
    order = ticks.order(operator(ticks.catalog, "acme"))
    (first,) = ticks.runs(orders_sensor)
    put_order(ticks.catalog, order, "failed", error="disk full")
    put_order(ticks.catalog, order, "queued")
    (second,) = ticks.runs(orders_sensor)
    assert second.run_key != first.run_key


def test_a_done_order_and_a_closed_tenant_s_order_start_nothing(ticks: Ticks) -> None:
    add_tenant(ticks.catalog, "bravo", "Bravo")
    put_order(ticks.catalog, ticks.order(operator(ticks.catalog, "acme")), "done")
    ticks.order(operator(ticks.catalog, "bravo"))
    delete_tenant(ticks.catalog, "bravo")
    assert ticks.runs(orders_sensor) == []
