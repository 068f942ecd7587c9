"""Routes about what the tenant decides and uses: settings, rules, keys, the history of calls, usage."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field, StringConstraints

from tgstudio_dagster.core.cursor import paged
from tgstudio_dagster.core.scopes import KeyScope
from tgstudio_dagster.core.vocabulary import CallKind
from tgstudio_dagster.services.rules import Rule as RuleRow
from tgstudio_dagster.services.rules import TopicRule, topic_rule
from tgstudio_dagster.services.settings import TenantSettings
from tgstudio_dagster.web.api.common import (
    Asked,
    Cursor,
    Id,
    Limit,
    Name,
    OwnStudio,
    Page,
    Told,
)
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1")


class NewRule(Asked):
    """A standing wish: a topic that passes the thresholds is ordered, once."""

    name: Name = Field(examples=["The three top topics"])
    definition: TopicRule = Field(examples=[{"window": "24h", "max_rank": 3}])
    enabled: bool = True


class Rule(Told):
    """A rule of the tenant's."""

    id: str
    name: str
    definition: TopicRule
    enabled: bool
    created_by: str | None
    created_at: datetime


class NewKey(Asked):
    """A key for a program. It may never do more than its user."""

    name: Name = Field(examples=["nightly export"])
    scopes: list[KeyScope] = Field(min_length=1, max_length=4, examples=[["read"]])
    rate_per_minute: int | None = Field(default=None, ge=1, le=10_000, description="Calls a minute; null: the plan's.")
    ips: list[Annotated[str, StringConstraints(min_length=2, max_length=50)]] | None = Field(
        default=None, max_length=50, description="Addresses or networks that may use it; null: any."
    )
    user_agents: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] | None = Field(
        default=None, max_length=20, description="Beginnings of the User-Agent that may use it; null: any."
    )
    tools: list[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,60}$")]] | None = Field(
        default=None, max_length=50, description="Language models' tools that it may call; null: all."
    )
    expires_at: AwareDatetime | None = None


class Key(Told):
    """A key; its secret is not known here."""

    id: str
    name: str
    prefix: str = Field(description="How the secret begins.")
    scopes: list[KeyScope]
    role: str
    rate_per_minute: int | None
    ips: list[str] | None
    user_agents: list[str] | None
    tools: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class MadeKey(Key):
    """A key that was just made. `secret` is shown this once; a repeat with the same Idempotency-Key shows null."""

    secret: str | None = Field(examples=["tgs_…"])


class Call(Told):
    """A call of a program: no secret and no message's text is kept."""

    id: str
    at: datetime
    kind: Literal["api", "mcp"]
    name: str
    arguments: dict[str, Any]
    api_key_id: str | None
    user_id: str | None
    status: int
    milliseconds: int
    results: int | None


class DayUsage(Told):
    """What was used on one day (UTC)."""

    day: date
    tokens: int
    images: int
    cost_usd: float
    orders: int
    api_calls: int
    mcp_calls: int
    media_bytes: int


class QuotaState(Told):
    """One limit of the tenant, and how much of it is used (today, for limits of a day)."""

    name: str
    limit: int
    used: int
    until: datetime | None = Field(description="When it begins anew.")


class Usage(Told):
    """What was used: in all, by day, and the limits as they stand."""

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
    by_day: list[DayUsage]
    by_model: dict[str, float] = Field(description="Cost in USD.")
    plan: str
    quotas: list[QuotaState]


@router.get("/settings", summary="What the tenant has set")
def settings(studio: OwnStudio) -> TenantSettings:
    """Language, tone, time zone, platforms, filters, addresses that are let in."""
    return studio.settings.get()


@router.put("/settings", summary="Replace the settings")
def put_settings(studio: OwnStudio, asked: TenantSettings) -> TenantSettings:
    """All of them: what is left out becomes the default. What is in force already is read first."""
    return studio.settings.put(asked)


@router.get("/rules", summary="The tenant's rules")
def rules(studio: OwnStudio) -> Page[Rule]:
    """Oldest first; there are few."""
    return Page[Rule](items=[_rule(one) for one in studio.rules.all()], cursor=None)


@router.post("/rules", status_code=201, summary="Add a rule")
def add_rule(studio: OwnStudio, response: Response, asked: NewRule) -> Rule:
    """It is looked at whenever rankings are made."""
    made = studio.rules.put(asked.name, asked.definition, enabled=asked.enabled)
    response.headers["location"] = f"/v1/rules/{made.id}"
    return _rule(made)


@router.put("/rules/{rule_id}", summary="Replace a rule")
def put_rule(studio: OwnStudio, rule_id: Id, asked: NewRule) -> Rule:
    """All of it."""
    return _rule(studio.rules.put(asked.name, asked.definition, enabled=asked.enabled, rule_id=rule_id))


@router.delete("/rules/{rule_id}", status_code=204, response_class=Response, summary="End a rule")
def delete_rule(studio: OwnStudio, rule_id: Id) -> Response:
    """The orders it made stay."""
    studio.rules.delete(rule_id)
    return Response(status_code=204)


@router.get("/keys", summary="API keys")
def keys(studio: OwnStudio, limit: Limit = 50, cursor: Cursor = None) -> Page[Key]:
    """Newest first, ended ones too; never their secrets."""
    place = lambda one: [-round(one.created_at.timestamp() * 1e6), one.id]  # noqa: E731
    some, further = paged(sorted(studio.keys.all(), key=place), place, cursor=cursor, limit=limit)
    return Page[Key](items=[Key.model_validate(one) for one in some], cursor=further)


@router.post("/keys", status_code=201, summary="Make an API key")
def make_key(studio: OwnStudio, asked: NewKey) -> MadeKey:
    """The answer shows its secret, this once."""
    made, secret = studio.keys.create(
        asked.name, asked.scopes, rate_per_minute=asked.rate_per_minute, ips=asked.ips,
        user_agents=asked.user_agents, tools=asked.tools, expires_at=asked.expires_at,
    )  # fmt: skip
    return MadeKey(**Key.model_validate(made).model_dump(), secret=secret)


@router.delete("/keys/{key_id}", status_code=204, response_class=Response, summary="End an API key")
def end_key(studio: OwnStudio, key_id: Id) -> Response:
    """At once; one that has ended stays ended."""
    studio.keys.revoke(key_id)
    return Response(status_code=204)


@router.get("/requests", summary="The history of calls")
def requests(
    studio: OwnStudio,
    kind: Annotated[CallKind | None, Query(description="Only calls of the API, or of tools.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Call]:
    """What programs asked with the tenant's keys, newest first; kept for 90 days."""
    found, further = studio.keys.calls(kind, limit, cursor)
    return Page[Call](items=[Call.model_validate(one) for one in found], cursor=further)


@router.get("/usage", summary="What was used")
def usage(
    studio: OwnStudio,
    window: Annotated[
        str, Query(pattern=r"^([1-9]|[1-9]\d|[12]\d\d|3[0-5]\d|36[0-6])d$", description="Days, today included.")
    ] = "30d",
) -> Usage:
    """Tokens, images, cost, calls and quotas."""
    found = studio.usage.report(int(window[:-1]))
    names = [name for name in Usage.model_fields if name not in {"by_day", "quotas", "by_model"}]
    return Usage(
        **{name: getattr(found, name) for name in names},
        by_model=dict(found.by_model),
        by_day=[DayUsage.model_validate(one) for one in found.by_day],
        quotas=[QuotaState.model_validate(one) for one in found.quotas],
    )


def _rule(row: RuleRow) -> Rule:
    names = [name for name in Rule.model_fields if name != "definition"]
    return Rule(**{name: getattr(row, name) for name in names}, definition=topic_rule(row))
