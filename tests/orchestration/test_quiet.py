"""A tick ends at once where nothing waits, and never where something does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import landing, make_tenant, put_order
from tests.services.desk import DAY, NOW, TOPIC
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.catalog.work.bundles import create_bundle
from tgstudio_dagster.catalog.work.orders import cancel_order, create_order
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.sensors.quiet import Quiet

HOUR = timedelta(hours=1)


class Desk:
    def __init__(self, catalog: Catalog, lake: Lake) -> None:
        self.catalog, self.lake = catalog, lake
        self.principal: Principal = make_tenant(catalog, "acme")
        self.quiet = Quiet(HOUR, lambda: (catalog, lake))

    def order(self) -> str:
        return create_order(
            self.catalog, self.principal, topic_id=TOPIC, day=DAY, platforms=["tg"], language="ru", tone="neutral", now=NOW
        ).id  # fmt: skip


@pytest.fixture
def desk(catalog: Catalog, tmp_path: Path) -> Desk:
    desk = Desk(catalog, Lake(str(tmp_path / "lake")))
    assert not desk.quiet(), "the first tick asks everything"
    assert desk.quiet()
    return desk


def _lands(desk: Desk) -> None:
    moment = datetime(2026, 3, 14, 9, tzinfo=UTC)
    desk.lake.tenant("acme").land(landing({"date": moment, "observed_at": moment}))


def _bundle(desk: Desk) -> None:
    create_bundle(desk.catalog, desk.principal, first=DAY, last=DAY, tables=["messages"], format="csv", now=NOW)


def _cancelled(desk: Desk) -> None:
    order = desk.order()
    cancel_order(desk.catalog, desk.principal, order, now=datetime.now(UTC))


@pytest.mark.parametrize("waits", [Desk.order, _bundle, _lands, _cancelled])
def test_whatever_waits_is_seen_in_every_tick(desk: Desk, waits: Callable[[Desk], object]) -> None:
    waits(desk)
    assert not desk.quiet()
    assert not desk.quiet()


def test_a_tenant_that_came_is_seen_once(desk: Desk) -> None:
    add_tenant(desk.catalog, "bravo", "Bravo")
    assert not desk.quiet()
    assert desk.quiet()


def test_what_is_done_lets_a_tick_end_at_once(desk: Desk) -> None:
    order = desk.order()
    put_order(desk.catalog, order, "done")
    assert desk.quiet()


def test_the_parts_are_asked_now_and_then_whatever_is_found(desk: Desk) -> None:
    eager = Quiet(HOUR, lambda: (desk.catalog, desk.lake), longest=0.0)
    assert [eager(), eager()] == [False, False]
