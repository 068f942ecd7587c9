"""A package whose cited posts were edited or deleted is told of, once for each state of its sources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from sqlalchemy import select

from tests.newsroom.posts import russian_topic
from tests.services.desk import DAY, TOPIC, Desk
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.models import OutboxEvent
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.orchestration.sensors.staleness import stale_sensor


@pytest.fixture
def desk(tmp_path: Path, catalog: Catalog) -> Iterator[Desk]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk.open(tmp_path, catalog, instance)


def tick(desk: Desk, cursor: str | None) -> Any:
    context = dg.build_sensor_context(
        instance=desk.instance, cursor=cursor, resources={"catalog": desk.catalog, "lake": desk.lake}
    )
    return stale_sensor(context)


def events(desk: Desk) -> list[OutboxEvent]:
    query = select(OutboxEvent).where(OutboxEvent.kind == "package.stale").order_by(OutboxEvent.n)
    with desk.catalog.reading() as session:
        return list(session.scalars(query))


def test_a_package_is_told_of_when_a_post_it_cites_is_edited_and_again_when_one_is_deleted(desk: Desk) -> None:
    assert isinstance(tick(desk, None), dg.SkipReason)
    studio = desk.studio()
    order = studio.orders.request(TOPIC, now=datetime.now(UTC), day=DAY, platforms=["tg"]).id
    desk.fulfil(order)
    cursor = tick(desk, None).cursor
    assert events(desk) == []

    posts = russian_topic().with_columns(
        version=pl.when(pl.col("channel_id") == 2).then(pl.lit(2, pl.Int32)).otherwise("version")
    )
    desk.lake.tenant("acme").write(MESSAGES, posts, day=DAY)
    cursor = tick(desk, cursor).cursor
    (edited,) = events(desk)
    assert (edited.tenant, edited.data["order_id"], edited.data["platforms"]) == ("acme", order, ["tg"])
    assert {(source["channel_id"], source["reason"]) for source in edited.data["sources"]} == {(2, "edited")}
    tick(desk, None)
    assert len(events(desk)) == 1

    gone = pl.when(pl.col("channel_id") == 1).then(pl.lit(datetime.now(UTC), MESSAGES.schema["deleted_at"]))
    desk.lake.tenant("acme").write(MESSAGES, posts.with_columns(deleted_at=gone.otherwise("deleted_at")), day=DAY)
    tick(desk, cursor)
    _, deleted = events(desk)
    assert {(source["channel_id"], source["reason"]) for source in deleted.data["sources"]} == {
        (1, "deleted"),
        (2, "edited"),
    }


def test_posts_that_have_not_changed_are_not_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.studio().orders.request(TOPIC, now=datetime.now(UTC), day=DAY, platforms=["tg"]).id
    desk.fulfil(order)
    cursor = tick(desk, None).cursor
    monkeypatch.setattr(
        "tgstudio_dagster.orchestration.sensors.staleness.stale_orders", lambda *_: pytest.fail("posts were read")
    )
    assert tick(desk, cursor).cursor == cursor
