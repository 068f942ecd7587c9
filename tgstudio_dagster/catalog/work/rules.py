"""Rules: a tenant's standing wishes. There is one kind: a topic that passes a threshold is ordered.

When a rule fires is decided in newsroom/firing.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import select

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.work.models import Order, Rule
from tgstudio_dagster.core.errors import ConflictError, FieldError, ForbiddenError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.vocabulary import Goal, Language, PlatformName, Tone

__all__ = ["KIND", "Rule", "TopicRule", "delete_rule", "list_rules", "put_rule", "topic_rule"]

KIND = "topic_over_threshold"
MAX_RULES = 50


class TopicRule(BaseModel):
    """A topic of the newest day's rankings that passes all of these is ordered, once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: Literal["24h", "7d"] = Field(default="24h", description="Whose ranking counts.")
    min_score: float | None = Field(default=None, ge=0, description="The least score.")
    max_rank: int | None = Field(default=None, ge=1, description="The lowest rank, from 1: 3 means the top three.")
    min_channels: int = Field(default=1, ge=1, description="At least so many channels write of it.")
    topic_language: str | None = Field(
        default=None, pattern=r"^[a-z]{2,3}$", description="Only topics of this language, for example ru; null: any."
    )
    platforms: tuple[PlatformName, ...] = Field(default=(), description="Packages to make; empty: the tenant's.")
    language: Language | None = Field(default=None, description="Language of the text; null: the tenant's.")
    tone: Tone | None = Field(default=None, description="Tone of the text; null: the tenant's.")
    goal: Goal = Field(default="packages", description="How far it is worked.")
    per_day: int = Field(default=3, ge=1, le=100, description="Orders a day (UTC) at most.")

    @model_validator(mode="after")
    def _has_a_threshold(self) -> TopicRule:
        if self.min_score is None and self.max_rank is None:
            raise ValueError("min_score, max_rank: give at least one of them")
        return self


def topic_rule(rule: Rule) -> TopicRule:
    """What the rule says. Raises SettingsError where what is stored is no longer valid."""
    try:
        return TopicRule.model_validate(rule.definition)
    except ValidationError as error:
        raise SettingsError(f"Rule {rule.name!r}: {error.errors()[0]['msg']}. Set it anew, or delete it.") from error


def list_rules(catalog: Catalog, tenant: Principal | str, *, enabled: bool | None = None) -> list[Rule]:
    """The tenant's rules, oldest first; only those (not) enabled, where given."""
    query = select(Rule).where(Rule.kind == KIND).order_by(Rule.created_at, Rule.id)
    if enabled is not None:
        query = query.where(Rule.enabled == enabled)
    with catalog.tenant_session(tenant) as session:
        return list(session.scalars(query))


def put_rule(
    catalog: Catalog,
    principal: Principal,
    name: str,
    definition: TopicRule,
    *,
    enabled: bool = True,
    rule_id: str | None = None,
    now: datetime,
) -> Rule:
    """Add a rule, or replace the one with `rule_id`.

    Raises SettingsError for an empty or long name, NotFoundError for an unknown rule, ForbiddenError for a viewer,
    ConflictError where the tenant has MAX_RULES.
    """
    _may_edit(principal)
    if not 0 < len(name.strip()) <= 200:
        raise FieldError("name", "give the rule a name of at most 200 characters.").coded("rule.name")
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        if rule_id is None:
            if len(session.scalars(select(Rule.id)).all()) >= MAX_RULES:
                raise ConflictError(f"there are {MAX_RULES} already; delete one first.", field="rules").coded(
                    "limit.rules", limit=MAX_RULES
                )
            rule = Rule(tenant=principal.tenant, kind=KIND, created_by=principal.user_id, created_at=now)
            session.add(rule)
        else:
            found = session.get(Rule, rule_id, with_for_update=True)
            if found is None:
                raise _unknown(rule_id)
            rule = found
        rule.name, rule.enabled = name.strip(), enabled
        rule.definition = definition.model_dump(mode="json")
        session.flush()
        audit(session, principal, "rule.put", rule.id, {"name": rule.name, "enabled": enabled})
        return rule


def delete_rule(catalog: Catalog, principal: Principal, rule_id: str) -> None:
    """End a rule; the orders it made stay, and no longer name it. Raises NotFoundError, ForbiddenError for a viewer."""
    _may_edit(principal)
    with catalog.tenant_session(principal, writing=True) as session:
        rule = session.get(Rule, rule_id, with_for_update=True)
        if rule is None:
            raise _unknown(rule_id)
        for order in session.scalars(select(Order).where(Order.rule_id == rule_id)):
            order.rule_id = None
        session.flush()
        session.delete(rule)
        audit(session, principal, "rule.delete", rule_id, {"name": rule.name})


def _may_edit(principal: Principal) -> None:
    if not principal.may_edit:
        raise ForbiddenError("a viewer may read, not set rules; ask an editor or an owner of the tenant.", field="role")


def _unknown(rule_id: str) -> NotFoundError:
    return NotFoundError(f"There is no rule {rule_id!r} of this tenant.").coded("rule.unknown")
