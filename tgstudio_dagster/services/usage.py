"""What was used: tokens, images, cost and calls by day, how much of the plan's limits is left, and the tenant's runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tgstudio_dagster.capabilities import others
from tgstudio_dagster.catalog.money.plans import Limits, limits_of, next_midnight
from tgstudio_dagster.catalog.money.usage import held, model_uses, plan_of, quota_uses
from tgstudio_dagster.core.errors import NewsroomError, RunsError
from tgstudio_dagster.services.runs import Run
from tgstudio_dagster.services.scope import Scope, Service, does

DAILY = ("orders_per_day", "images_per_day", "media_bytes_per_day", "api_calls_per_day", "mcp_calls_per_day")
RUN_TAGS = ("tenant", "tgstudio/for")
"""`partitions.TENANT_TAG` and `FOR_TAG`, spelled out here: that module imports Dagster."""
MAX_DAYS = 366


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
    added: Mapping[str, int]
    """The limits that capabilities of the tenant's add, by name; how much of one is used only its capability knows."""

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens


class UsageReports(Service):
    """What the tenant has used of its plan, and what is at work for it."""

    @does("usage.report")
    def report(self, days: int, now: datetime | None = None) -> Usage:
        """What the tenant used on the last `days` days (UTC, 1 to MAX_DAYS), today included."""
        if not 1 <= days <= MAX_DAYS:
            raise NewsroomError(f"{days}; choose 1 to {MAX_DAYS}.", field="days")
        now = now or self.scope.clock()
        last = now.astimezone(UTC).date()
        first = last - timedelta(days=days - 1)
        calls = model_uses(self.scope.catalog, self.scope.principal, first, last)
        counted = quota_uses(self.scope.catalog, self.scope.principal, first, last, DAILY)
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
            plan=plan_of(self.scope.catalog, self.scope.principal),
            quotas=_quotas(self.scope, counted, now),
            added=_added(self.scope),
        )

    @does("usage.limits")
    def limits(self) -> Limits:
        """What the tenant's plan, and the quotas that differ from it, allow."""
        return limits_of(self.scope.catalog, self.scope.principal)

    @does("usage.runs")
    def runs(self, limit: int = 20) -> list[Run]:
        """The tenant's runs, newest first. Raises RunsError where Dagster's web server does not answer."""
        if self.scope.runs is None:
            raise RunsError(
                "Dagster is not asked here; `tgstudio up` starts its web server and the studio beside it."
            ).coded("dagster.silent")
        found = [
            run for tag in RUN_TAGS for run in self.scope.runs.runs(tags={tag: self.scope.tenant.slug}, limit=limit)
        ]
        return sorted(found, key=lambda run: run.created or datetime.min.replace(tzinfo=UTC), reverse=True)[:limit]


def _added(scope: Scope) -> dict[str, int]:
    limits, off = limits_of(scope.catalog, scope.principal), scope.off()
    names = [name for capability in others() if capability.name not in off for name in capability.limits]
    return {name: getattr(limits, name) for name in names}


def _quotas(scope: Scope, counted: Mapping[tuple[date, str], int], now: datetime) -> tuple[Quota, ...]:
    limits = limits_of(scope.catalog, scope.principal)
    today, until = now.astimezone(UTC).date(), next_midnight(now)
    daily = [Quota(name, getattr(limits, name), counted.get((today, name), 0), until) for name in DAILY]
    standing = held(scope.catalog, scope.principal).items()
    return (*daily, *(Quota(name, getattr(limits, name), used, None) for name, used in standing))
