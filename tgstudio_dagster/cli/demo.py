"""The main job end to end on the sample: what `make demo` runs. Running it again changes nothing and doubles nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from tgstudio_dagster import __version__
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import set_plan
from tgstudio_dagster.catalog.people.principals import operator
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import add_tenant, list_tenants
from tgstudio_dagster.cli.materializing import report, stale_ranges
from tgstudio_dagster.cli.output import shorten
from tgstudio_dagster.cli.work import describe, fulfil
from tgstudio_dagster.core.days import by_adjacent_months
from tgstudio_dagster.core.home import prepare_home
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.lake.bundle import write_bundle
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.sample.build import Sample, build
from tgstudio_dagster.services import Studio
from tgstudio_dagster.telegram.sources.importer import import_path
from tgstudio_dagster.telegram.sources.summary import ImportSummary
from tgstudio_dagster.topics.window import window_days

TENANT = "demo"
Say = Callable[[str], None]


class TopicLine(BaseModel):
    """A top topic as the summary shows it."""

    topic_id: str
    title: str
    score: float
    messages: int
    channels: int
    sources: list[str]


class Summary(BaseModel):
    """What the demo did and where things are."""

    imported: int
    rejected: int
    posts: int
    first_day: date
    last_day: date
    materialized: list[str]
    topics: list[TopicLine]
    packages: list[str]
    files: dict[str, str]
    seconds: float

    def print(self, console: Console) -> None:
        """For a person at a terminal."""

        def line(text: str) -> None:
            console.print(text, highlight=False, soft_wrap=True)

        line(
            f"\n[bold]{self.posts} posts[/] of {self.first_day} … {self.last_day} in the lake "
            f"({self.imported} messages read now, {self.rejected} rejected)"
        )
        line("\n[bold]Top topics of the 7 days[/]")
        for place, topic in enumerate(self.topics, 1):
            line(f" {place}. [bold]{escape(shorten(topic.title, 80))}[/]")
            line(f"    score {topic.score:.2f}, {topic.messages} posts in {topic.channels} channels, {topic.topic_id}")
            line(f"    [dim]{'  '.join(topic.sources)}[/]")
        line(f"\n[bold]{len(self.packages)} packages[/] within their platforms' limits")
        for order, packages in groupby(self.packages, key=lambda package: package.rpartition("-")[0]):
            line(f"    {order}: {', '.join(package.rpartition('-')[2] for package in packages)}")
        line("\n[bold]Where things are[/]")
        for name, path in self.files.items():
            line(f"    {name:<18}{path}")
        line(f"\nDone in {self.seconds:.0f} s. Next (in .venv/bin):")
        for command, why in (
            (f"tgstudio top --tenant {TENANT} --window 7d --explain", "why they rank as they do"),
            (f"tgstudio explain {self.packages[0]} --tenant {TENANT}", "what every sentence rests on"),
            (f'tgstudio sql --tenant {TENANT} "from channel_days order by day"', "ask anything"),
            ("make up", "the asset graph, runs and backfills in Dagster's UI"),
        ):
            line(f"    {command}   [dim]# {why}[/]")


def run_demo(settings: Settings, *, orders: int, say: Say) -> Summary:
    """Load the sample, materialize, order the top topics, export; returns what there is now."""
    started = datetime.now(UTC)
    prepare_home(settings)
    catalog, lake = Catalog.open(settings), Lake.open(settings)
    if TENANT not in {tenant.slug for tenant in list_tenants(catalog)}:
        add_tenant(catalog, TENANT, "Demo", settings=TenantSettings(time_zone="Europe/Moscow"))
        # Ten orders draw more images than the free plan allows a day.
        set_plan(catalog, TENANT, "pro")
    studio = Studio.open(operator(catalog, TENANT), catalog, lake)
    say("building the sample")
    sample = build(settings.home.resolve() / "sample")
    imports = _import(studio, sample, settings, started, say)
    materialized = _materialize(studio, say)
    topics = _top(studio, orders)
    packages = _order(studio, topics, started, say)
    files = _export(studio, settings.home.resolve() / "exports", say)
    days = studio.scope.lake.days(MESSAGES)
    return Summary(
        imported=sum(one.read for one in imports),
        rejected=sum(one.rejected for one in imports),
        posts=studio.scope.lake.read(MESSAGES, days=days, columns=["msg_id"]).height,
        first_day=min(days),
        last_day=max(days),
        materialized=materialized,
        topics=topics,
        packages=packages,
        files={**files, "lake": lake.root, "home": str(settings.home.resolve())},
        seconds=(datetime.now(UTC) - started).total_seconds(),
    )


def _import(studio: Studio, sample: Sample, settings: Settings, now: datetime, say: Say) -> list[ImportSummary]:
    found = []
    for path in sample.imports:
        summary = import_path(
            path,
            tenant=TENANT,
            catalog=studio.scope.catalog,
            lake=studio.scope.lake,
            settings=studio.settings.get(),
            usernames=sample.usernames,
            first_day=date.fromisoformat(settings.first_day),
            now=now,
        )
        say(f"{path.name}: {describe(summary)}")
        found.append(summary)
    return found


def _materialize(studio: Studio, say: Say) -> list[str]:
    from tgstudio_dagster.operate.launch import materialize_days

    done = []
    for days in by_adjacent_months(stale_ranges(studio.scope.lake)):
        name = f"{days[0].first} … {days[-1].last}"
        say(f"materializing {name}")
        report(materialize_days(TENANT, days), name)
        done.append(name)
    return done


def _top(studio: Studio, count: int) -> list[TopicLine]:
    lines = []
    for row in studio.topics.top(by="topic", window="7d", day=None, limit=count).to_dicts():
        posts = studio.topics.posts(row["entity_id"], day=None)
        lines.append(
            TopicLine(
                topic_id=row["entity_id"],
                title=row["title"],
                score=row["score"],
                messages=row["messages"],
                channels=row["channels"],
                sources=posts.unique("channel_id", maintain_order=True)["url"].head(3).to_list(),
            )
        )
    return lines


def _order(studio: Studio, topics: list[TopicLine], now: datetime, say: Say) -> list[str]:
    """An order for each topic that has none yet; every unfinished one is fulfilled."""
    ordered = {order.topic_id: order for order in studio.orders.all()}
    for topic in topics:
        order = ordered.get(topic.topic_id) or studio.orders.request(topic.topic_id, now=now)
        if order.status != "done":
            say(f"order {order.id}: {shorten(topic.title, 60)}")
            fulfil(TENANT, order.id)
    return studio.packages.all()["package_id"].to_list()


def _export(studio: Studio, folder: Path, say: Say) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    bundle = folder / f"{TENANT}.zip"
    say("writing the analyst's bundle")
    days = window_days(studio.topics.newest_day())
    write_bundle(
        studio.scope.lake,
        bundle,
        days=days,
        formats=("parquet", "csv"),
        bom=True,
        as_zip=True,
        code_version=__version__,
    )
    studio.packages.save(studio.packages.all(), folder / "packages")
    return {"analyst's bundle": str(bundle), "packages": str(folder / "packages")}
