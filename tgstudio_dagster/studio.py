"""All that a front end may do, for one principal: read the lake, read and write the catalog. It never computes.

The CLI uses it now; the web app, the API and the MCP server will. Dagster is not imported here: what is decided
becomes a catalog row, and sensors turn rows into runs.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.orders import Order, create_order, get_order, list_orders
from tgstudio_dagster.catalog.principals import Principal
from tgstudio_dagster.catalog.subscriptions import (
    SubscriptionRequest,
    SubscriptionView,
    end_subscription,
    list_subscriptions,
    request_subscription,
    requests,
)
from tgstudio_dagster.catalog.tenant_settings import Language, PlatformName, TenantSettings, Tone
from tgstudio_dagster.catalog.tenants import get_tenant, tenant_settings
from tgstudio_dagster.catalog.waits import Wait, list_waits
from tgstudio_dagster.errors import LakeError, NotFoundError
from tgstudio_dagster.lake import query
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import CONTENT_PACKAGES, EDITOR_RESULTS, EXPORTS, RANKINGS, TOPICS
from tgstudio_dagster.newsroom.provenance import Explanation, explain
from tgstudio_dagster.newsroom.topic_sources import cited_posts
from tgstudio_dagster.settings import settings
from tgstudio_dagster.telegram.references import parse_reference

if TYPE_CHECKING:
    from tgstudio_dagster.search.find import By, Page, Search

Window = Literal["24h", "7d"]


class Studio:
    """One principal's view of the platform. Raises NotFoundError for what is not the principal's tenant's."""

    def __init__(self, principal: Principal, catalog: Catalog, lake: Lake) -> None:
        self.principal = principal
        self.tenant = get_tenant(catalog, principal.tenant)
        self.catalog = catalog
        self.lake = lake.tenant(principal.tenant)

    @cached_property
    def _search(self) -> Search:
        from tgstudio_dagster.search.find import Search

        return Search(self.lake, settings().home.resolve())

    def search(
        self,
        text: str,
        *,
        by: By = "words",
        first: date | None = None,
        last: date | None = None,
        channels: Sequence[str] = (),
        langs: Sequence[str] = (),
        comments: bool = False,
        deleted: bool = False,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of the posts of the whole history that fit what was typed, best first (see `search.find`)."""
        return self._search.find(
            text,
            by=by,
            first=first,
            last=last,
            channels=channels,
            langs=langs,
            comments=comments,
            deleted=deleted,
            limit=limit,
            cursor=cursor,
        )

    @property
    def settings(self) -> TenantSettings:
        """The tenant's settings."""
        return tenant_settings(self.catalog, self.tenant.slug)

    def feed(
        self,
        *,
        first: date | None = None,
        last: date | None = None,
        channels: Sequence[str] = (),
        langs: Sequence[str] = (),
        types: Sequence[str] = (),
        words: Sequence[str] = (),
        limit: int = 50,
    ) -> pl.DataFrame:
        """Posts, newest first; columns as in `sql/feed.sql`."""
        return query.feed(
            self.lake, first=first, last=last, channels=channels, langs=langs, types=types, words=words, limit=limit
        )

    def newest_day(self) -> date:
        """The newest day that has rankings."""
        days = self.lake.days(RANKINGS)
        if not days:
            raise NotFoundError(
                f"tenant {self.tenant.slug}: nothing is materialized yet. Import something, then run "
                f"`tgstudio materialize --tenant {self.tenant.slug}`."
            )
        return max(days)

    def top(self, *, by: Literal["message", "topic"], window: Window, day: date | None, limit: int) -> pl.DataFrame:
        """The best ranked posts or topics with every term of the formula; columns as in `sql/top_*.sql`."""
        return query.top(self.lake, by=by, window=window, day=day or self.newest_day(), limit=limit)

    def topics(self, *, day: date | None, limit: int) -> pl.DataFrame:
        """Topics of the window that ends with the day, largest first; columns as in `sql/topics.sql`."""
        return query.topics(self.lake, day=day or self.newest_day(), limit=limit)

    def topic_posts(self, topic_id: str, *, day: date | None) -> pl.DataFrame:
        """The posts of one topic, oldest first; columns as in `sql/topic_posts.sql`."""
        found = query.topic_posts(self.lake, topic_id=topic_id, day=day or self.newest_day())
        if found.is_empty():
            raise NotFoundError(f"topic {topic_id}: not among the topics of that day. `tgstudio topics` lists them.")
        return found

    def order(
        self,
        topic_id: str,
        *,
        now: datetime,
        day: date | None = None,
        platforms: Sequence[PlatformName] = (),
        language: Language | None = None,
        tone: Tone | None = None,
    ) -> Order:
        """Ask for a topic to be turned into packages; the orders sensor (or the CLI) fulfils it."""
        day = day or self.newest_day()
        if topic_id not in set(self.lake.read(TOPICS, days=[day], columns=["topic_id"])["topic_id"]):
            raise NotFoundError(f"topic {topic_id}: not among the topics of {day}. `tgstudio topics` lists them.")
        settings = self.settings
        return create_order(
            self.catalog,
            self.principal,
            topic_id=topic_id,
            day=day,
            platforms=list(platforms or settings.platforms),
            language=language or settings.language,
            tone=tone or settings.tone,
            now=now,
        )

    def orders(self) -> list[Order]:
        """The tenant's orders, newest first."""
        return list_orders(self.catalog, self.principal)

    def packages(self, order_id: str | None = None) -> pl.DataFrame:
        """Packages of one order, or of all; columns as in `sql/packages.sql`."""
        if order_id is not None:
            get_order(self.catalog, self.principal, order_id)
        return query.packages(self.lake, orders=None if order_id is None else [order_id])

    def explain(self, package_id: str) -> Explanation:
        """What every sentence of a package rests on, and whether its sources have changed since."""
        order_id, _, platform = package_id.rpartition("-")
        if not order_id:
            raise NotFoundError(
                f"package {package_id}: an id reads <order>-<platform>. `tgstudio packages` lists them."
            )
        order = get_order(self.catalog, self.principal, order_id)
        package = self.lake.read(CONTENT_PACKAGES, order=order_id).filter(pl.col("platform") == platform)
        if package.is_empty():
            raise NotFoundError(f"package {package_id}: not made. `tgstudio packages` lists what there is.")
        result = self.lake.read(EDITOR_RESULTS, order=order_id).row(0, named=True)
        messages, versions = cited_posts(self.lake, result, order.day)
        return explain(result, messages, versions, package.row(0, named=True))

    def subscribe(
        self, references: Iterable[str], *, since: date | None, comments: bool = False, account_id: str | None = None
    ) -> list[SubscriptionRequest]:
        """Ask to follow channels, from `since` on (None: all of their history); the next reading settles what is asked.

        Each reference is `@name`, `t.me/name`, `t.me/+invite` or an id. Raises SourceError for one that is none of these
        before any is asked for.
        """
        wanted = [str(parse_reference(reference)) for reference in references]
        return [
            request_subscription(
                self.catalog, self.principal, reference=one, account_id=account_id, since=since, comments=comments
            )
            for one in dict.fromkeys(wanted)
        ]

    def subscription(self, reference: str) -> SubscriptionView:
        """The subscription that a reference, a username or an id names; raises NotFoundError where there is none."""
        name = reference.strip().removeprefix("@").lower()
        for one in self.subscriptions():
            if name in (str(one.channel_id), (one.username or "").lower(), one.reference.removeprefix("@").lower()):
                return one
        raise NotFoundError(f"{reference}: is not followed. `tgstudio subscriptions` names what is.")

    def subscriptions(self) -> list[SubscriptionView]:
        """The channels the tenant follows or followed, by title: status, how far they are read, errors."""
        return list_subscriptions(self.catalog, self.principal)

    def subscription_requests(self) -> list[SubscriptionRequest]:
        """What was asked for and is not settled, or could not be, oldest first."""
        return [one for one in requests(self.catalog, self.principal) if one.status != "done"]

    def unsubscribe(self, reference: str) -> SubscriptionView:
        """Follow a channel no longer; what was read stays."""
        one = self.subscription(reference)
        end_subscription(self.catalog, self.principal, one.channel_id)
        return one

    def waits(self, now: datetime) -> list[Wait]:
        """The flood waits of the tenant's accounts that are not over."""
        return list_waits(self.catalog, self.principal, now=now)

    def save_packages(self, packages: pl.DataFrame, folder: Path) -> list[Path]:
        """Copy packages out of the lake: per package its text, its image, and the order's JSON and CSV.

        Returns the files written, below `<folder>/<order>/`. Raises LakeError where a file can't be written.
        """
        written = []
        for package in packages.to_dicts():
            target = folder / package["order_id"]
            written.append(_copy(io.BytesIO(package["text"].encode()), target / f"{package['platform']}.txt"))
            if package["image_uri"]:
                image = package["image_uri"]
                suffix = image.rsplit(".", 1)[-1]
                written.append(_copy(self.lake.open_file(image), target / f"{package['platform']}.{suffix}"))
        for order in packages["order_id"].unique(maintain_order=True):
            for file in self.lake.read(EXPORTS, order=order).to_dicts():
                written.append(_copy(self.lake.open_file(file["uri"]), folder / order / f"packages.{file['format']}"))
        return written


def _copy(source: BinaryIO, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise LakeError(
            f"{target}: cannot be written: {error.strerror}. Make room or choose another folder."
        ) from error
    return target
