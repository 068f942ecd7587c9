"""Standing wishes: a topic that passes a threshold is ordered by itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.work import rules as catalog_rules
from tgstudio_dagster.catalog.work.rules import Rule, TopicRule

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio


def rules(studio: Studio) -> list[Rule]:
    """The tenant's rules, oldest first; `catalog.rules.topic_rule(rule)` reads what one says."""
    return catalog_rules.list_rules(studio.catalog, studio.principal)


def put_rule(
    studio: Studio,
    name: str,
    definition: TopicRule,
    *,
    now: datetime,
    enabled: bool = True,
    rule_id: str | None = None,
) -> Rule:
    """Add a rule, or (with `rule_id`) replace one. Raises SettingsError for a bad name, NotFoundError."""
    studio.may_edit("set rules")
    return catalog_rules.put_rule(
        studio.catalog, studio.principal, name, definition, enabled=enabled, rule_id=rule_id, now=now
    )


def delete_rule(studio: Studio, rule_id: str) -> None:
    """End a rule; the orders it made stay. Raises NotFoundError."""
    studio.may_edit("delete rules")
    catalog_rules.delete_rule(studio.catalog, studio.principal, rule_id)
