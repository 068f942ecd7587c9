"""A lake with one ranked topic, a catalog, and orders fulfilled in this process: what the studio's tests start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from tests.builders import frame, make_tenant
from tests.newsroom.posts import russian_topic
from tgstudio_dagster.ai.offline.painter import OfflinePainter
from tgstudio_dagster.ai.offline.writer import OfflineWriter
from tgstudio_dagster.ai.protocols import PaintRequest, PaintResult, Reply, WriteRequest, WriteResult
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.orders import settle_order
from tgstudio_dagster.core.principal import Principal, Role
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.newsroom.pipeline import CHAIN, made_of, missing
from tgstudio_dagster.operate.launch import QUIET
from tgstudio_dagster.orchestration.jobs import FULFIL_ORDER
from tgstudio_dagster.orchestration.partitions import orders
from tgstudio_dagster.orchestration.tags import order_tags
from tgstudio_dagster.services import Studio

DAY = date(2026, 3, 9)
NOW = datetime(2026, 3, 9, 21, tzinfo=UTC)
TOPIC = "t-0123456789ab"


class CountingWriter(OfflineWriter):
    """The offline writer, counting what a paid one would be paid for."""

    def __init__(self) -> None:
        self.calls = 0

    def write(self, request: WriteRequest) -> Reply[WriteResult]:
        self.calls += 1
        return super().write(request)


class CountingPainter(OfflinePainter):
    """The offline painter, likewise."""

    def __init__(self) -> None:
        self.calls = 0

    def paint(self, request: PaintRequest) -> Reply[PaintResult]:
        self.calls += 1
        return super().paint(request)


@dataclass
class Desk:
    """One lake and catalog, the tenants `acme` and `bravo`, and a topic of acme's."""

    catalog: Catalog
    lake: Lake
    instance: dg.DagsterInstance
    writer: CountingWriter = field(default_factory=CountingWriter)
    painter: CountingPainter = field(default_factory=CountingPainter)

    @classmethod
    def open(cls, folder: Path, catalog: Catalog, instance: dg.DagsterInstance) -> Desk:
        for tenant in ("acme", "bravo"):
            make_tenant(catalog, tenant, platforms=("tg", "x", "ig"))
        lake = Lake(str(folder / "lake"))
        fill(lake.tenant("acme"))
        return cls(catalog, lake, instance)

    def studio(self, tenant: str = "acme", role: Role = "editor", **given: Any) -> Studio:
        return Studio.open(Principal(tenant, None, role), self.catalog, self.lake, **given)

    def made(self, order: str) -> set[str]:
        return made_of(self.lake.tenant(order.partition("-")[0]), order)

    def fulfil(self, order: str) -> dg.ExecuteInProcessResult:
        """What orders_sensor starts and how its run's end is settled, in this process."""
        studio = self.studio(order.partition("-")[0])
        goal = next(one.goal for one in studio.orders.all() if one.id == order)
        result = self.run(order, missing(goal, self.made(order)))
        settle_order(self.catalog, order, result.run_id, "done" if result.success else "failed", error="it failed")
        return result

    def run(self, order: str, assets: tuple[str, ...] = CHAIN) -> dg.ExecuteInProcessResult:
        self.instance.add_dynamic_partitions(str(orders.name), [order])
        hold = dg.ResourceDefinition.hardcoded_resource
        job = build_definitions(
            lake=hold(self.lake), catalog=hold(self.catalog), writer=hold(self.writer), painter=hold(self.painter)
        ).resolve_job_def(FULFIL_ORDER)
        return job.execute_in_process(
            instance=self.instance,
            tags=order_tags(order.partition("-")[0], order),
            partition_key=order,
            run_config=QUIET,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(name) for name in assets],
        )


def fill(lake: TenantLake) -> None:
    """One day: the Russian topic's posts, as a topic that leads both windows."""
    posts = russian_topic()
    first = posts.row(0, named=True)
    lake.write(MESSAGES, posts, day=DAY)
    topic = {
        "topic_id": TOPIC, "title": "Метро", "keywords": ["метро", "авария"], "lang": "ru", "langs": ["ru"],
        "first_seen": posts["date"].min(), "last_seen": posts["date"].max(), "messages": posts.height,
        "channels": posts["channel_id"].n_unique(), "channel_id": first["channel_id"], "msg_id": first["msg_id"],
        "story_id": "s-0123456789ab",
    }  # fmt: skip
    lake.write(TOPICS, frame(TOPICS, [topic]), day=DAY)
    members = [
        {
            "topic_id": TOPIC,
            "channel_id": row["channel_id"],
            "msg_id": row["msg_id"],
            "date": row["date"],
            "similarity": 0.5,
        }
        for row in posts.iter_rows(named=True)
    ]
    lake.write(TOPIC_MESSAGES, frame(TOPIC_MESSAGES, members), day=DAY)
    lake.write(RANKINGS, frame(RANKINGS, [ranking(TOPIC, window=window) for window in ("24h", "7d")]), day=DAY)


def ranking(
    entity: str, *, window: str = "24h", rank: int = 1, score: float = 2.0, channels: int = 4
) -> dict[str, Any]:
    """A RANKINGS row of a topic."""
    numbers = dict.fromkeys(("popularity", "trend", "engagement", "audience", "decay", "expected"), 1.0)
    return numbers | {
        "entity_kind": "topic", "entity_id": entity, "window": window, "as_of": NOW, "rank": rank, "score": score,
        "messages": 5, "channels": channels, "recent": 1,
    }  # fmt: skip
