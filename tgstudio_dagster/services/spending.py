"""What work costs and what was used: an estimate before an order, tokens, images, calls and limits after it, runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.ai.offline.painter import OfflinePainter
from tgstudio_dagster.ai.offline.writer import OfflineWriter
from tgstudio_dagster.ai.prices import INSTRUCTIONS, Price, price, tokens, written_tokens
from tgstudio_dagster.catalog.money.plans import limits_of, next_midnight, spent
from tgstudio_dagster.catalog.money.usage import held, model_uses, plan_of, quota_uses
from tgstudio_dagster.catalog.people.tenant_settings import Goal, Language, PlatformName
from tgstudio_dagster.core.errors import NewsroomError, RunsError
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES
from tgstudio_dagster.newsroom.editor import MAX_POSTS
from tgstudio_dagster.newsroom.pipeline import draws
from tgstudio_dagster.newsroom.platforms import image_count
from tgstudio_dagster.services.ordering import MessageRef, check_subject
from tgstudio_dagster.services.runs import Run
from tgstudio_dagster.topics.window import window_days

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio

DAILY = ("orders_per_day", "images_per_day", "media_bytes_per_day", "api_calls_per_day", "mcp_calls_per_day")
RUN_TAGS = ("tenant", "tgstudio/for")
"""`partitions.TENANT_TAG` and `FOR_TAG`, spelled out here: that module imports Dagster."""
MAX_DAYS = 366


@dataclass(frozen=True)
class Estimate:
    """What an order would take. Tokens are what a language model reads and writes for it; the offline writer is free.

    `cost_usd` is None where a model's price is not known. `quota_left` is what is left today of orders_per_day and
    images_per_day.
    """

    posts: int
    input_tokens: int
    output_tokens: int
    images: int
    cost_usd: float | None
    writer: str
    painter: str
    quota_left: Mapping[str, int]

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class Quota:
    """One limit of the tenant and how much of it is used: today until `until`, or (None) held."""

    name: str
    limit: int
    used: int
    until: datetime | None


@dataclass(frozen=True)
class DayUsage:
    """What was used on one day (UTC)."""

    day: date
    tokens: int
    images: int
    cost_usd: float
    orders: int
    api_calls: int
    mcp_calls: int
    media_bytes: int


@dataclass(frozen=True)
class Usage:
    """What was used from `first` to `last`: totals, by day (oldest first, every day), and the limits today.

    Tokens and cost are those of paid calls, as they were billed; `by_model` is USD by model.
    """

    first: date
    last: date
    input_tokens: int
    output_tokens: int
    images: int
    cost_usd: float
    orders: int
    api_calls: int
    mcp_calls: int
    media_bytes: int
    by_day: tuple[DayUsage, ...]
    by_model: Mapping[str, float]
    plan: str
    quotas: tuple[Quota, ...]

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens


def estimate(
    studio: Studio,
    platforms: Sequence[PlatformName] = (),
    *,
    now: datetime,
    topic_id: str | None = None,
    messages: Sequence[MessageRef] | None = None,
    day: date | None = None,
    language: Language | None = None,
    goal: Goal = "packages",
) -> Estimate:
    """What an order with these arguments would take; 0 USD with the offline writer and painter.

    Raises NotFoundError and NewsroomError as `order` does.
    """
    if (topic_id is None) == (messages is None):
        raise NewsroomError("topic_id, messages: name either a topic or messages.")
    day = day or studio.newest_day()
    check_subject(studio, topic_id, messages, day)
    settings = studio.settings
    posts = _posts(studio, topic_id, messages, day)
    writer, painter = OfflineWriter().model, OfflinePainter().model
    read = INSTRUCTIONS + sum(tokens(text) for text in posts)
    written = written_tokens(language or settings.language)
    images = image_count(list(platforms or settings.platforms)) if draws(goal) else 0
    limits = limits_of(studio.catalog, studio.principal)
    today = now.astimezone(UTC).date()
    return Estimate(
        posts=len(posts),
        input_tokens=read,
        output_tokens=written,
        images=images,
        cost_usd=_cost(price(writer), price(painter), read, written, images),
        writer=writer,
        painter=painter,
        quota_left={
            name: max(0, getattr(limits, name) - spent(studio.catalog, studio.principal, name, today))
            for name in ("orders_per_day", "images_per_day")
        },
    )


def usage(studio: Studio, days: int, now: datetime) -> Usage:
    """What the tenant used on the last `days` days (UTC, 1 to MAX_DAYS), today included."""
    if not 1 <= days <= MAX_DAYS:
        raise NewsroomError(f"{days}; choose 1 to {MAX_DAYS}.", field="days")
    last = now.astimezone(UTC).date()
    first = last - timedelta(days=days - 1)
    calls = model_uses(studio.catalog, studio.principal, first, last)
    counted = quota_uses(studio.catalog, studio.principal, first, last, DAILY)
    by_model: dict[str, float] = defaultdict(float)
    for call in calls:
        by_model[call.model] += call.cost_micro_usd / 1e6
    by_day = []
    for offset in range(days):
        day = first + timedelta(days=offset)
        that_day = [call for call in calls if call.day == day]
        orders, images, media, api, mcp = (counted.get((day, name), 0) for name in DAILY)
        by_day.append(
            DayUsage(
                day=day,
                tokens=sum(call.input_tokens + call.output_tokens for call in that_day),
                images=images,
                cost_usd=sum(call.cost_micro_usd for call in that_day) / 1e6,
                orders=orders,
                api_calls=api,
                mcp_calls=mcp,
                media_bytes=media,
            )
        )
    return Usage(
        first=first,
        last=last,
        input_tokens=sum(call.input_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
        images=sum(day.images for day in by_day),
        cost_usd=sum(call.cost_micro_usd for call in calls) / 1e6,
        orders=sum(day.orders for day in by_day),
        api_calls=sum(day.api_calls for day in by_day),
        mcp_calls=sum(day.mcp_calls for day in by_day),
        media_bytes=sum(day.media_bytes for day in by_day),
        by_day=tuple(by_day),
        by_model=dict(by_model),
        plan=plan_of(studio.catalog, studio.principal),
        quotas=_quotas(studio, counted, now),
    )


def recent_runs(studio: Studio, limit: int = 20) -> list[Run]:
    """The tenant's runs, newest first. Raises RunsError where Dagster's web server does not answer."""
    if studio.runs_client is None:
        raise RunsError("Dagster is not asked here; `tgstudio up` starts its web server and the studio beside it.")
    found = [run for tag in RUN_TAGS for run in studio.runs_client.runs(tags={tag: studio.tenant.slug}, limit=limit)]
    return sorted(found, key=lambda run: run.created or datetime.min.replace(tzinfo=UTC), reverse=True)[:limit]


def _quotas(studio: Studio, counted: Mapping[tuple[date, str], int], now: datetime) -> tuple[Quota, ...]:
    limits = limits_of(studio.catalog, studio.principal)
    today, until = now.astimezone(UTC).date(), next_midnight(now)
    daily = [Quota(name, getattr(limits, name), counted.get((today, name), 0), until) for name in DAILY]
    standing = held(studio.catalog, studio.principal).items()
    return (*daily, *(Quota(name, getattr(limits, name), used, None) for name, used in standing))


def _posts(studio: Studio, topic_id: str | None, messages: Sequence[MessageRef] | None, day: date) -> list[str]:
    """The texts that would be written from, at most as many as a writer is handed."""
    key = ["channel_id", "msg_id"]
    if topic_id is not None:
        where = [pl.col("topic_id") == topic_id]
        keys = studio.lake.read(TOPIC_MESSAGES, days=[day], columns=key, where=where)
    else:
        schema = {"channel_id": pl.Int64, "msg_id": pl.Int64}
        keys = pl.DataFrame(sorted(set(messages or ())), schema=schema, orient="row")
    where = [pl.col("channel_id").is_in(keys["channel_id"].unique().to_list()), pl.col("deleted_at").is_null()]
    found = studio.lake.read(MESSAGES, days=window_days(day), columns=[*key, "date", "text"], where=where)
    return found.join(keys, on=key, how="semi").sort("date", *key)["text"].head(MAX_POSTS).to_list()


def _cost(writer: Price | None, painter: Price | None, read: int, written: int, images: int) -> float | None:
    if writer is None or (painter is None and images):
        return None
    drawn = painter.image * images if painter is not None else 0.0
    return round((writer.input * read + writer.output * written) / 1e6 + drawn, 6)
