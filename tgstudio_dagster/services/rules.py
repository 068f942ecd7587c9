"""Standing wishes: a topic that passes a threshold is ordered by itself."""

from __future__ import annotations

from datetime import datetime

from tgstudio_dagster.catalog.work.orders import list_orders
from tgstudio_dagster.catalog.work.rules import Rule, TopicRule, delete_rule, list_rules, put_rule, topic_rule
from tgstudio_dagster.lake.tables.topics import RANKINGS
from tgstudio_dagster.newsroom.firing import RankedTopic, decide, ranked_topics
from tgstudio_dagster.services.scope import Service, does

__all__ = ["RankedTopic", "Rule", "Rules", "TopicRule", "topic_rule"]


class Rules(Service):
    """The tenant's rules."""

    @does("rules.all")
    def all(self) -> list[Rule]:
        """The tenant's rules, oldest first; `topic_rule(rule)` reads what one says."""
        return list_rules(self.scope.catalog, self.scope.principal)

    @does("rules.put")
    def put(
        self,
        name: str,
        definition: TopicRule,
        *,
        now: datetime | None = None,
        enabled: bool = True,
        rule_id: str | None = None,
    ) -> Rule:
        """Add a rule, or (with `rule_id`) replace one. Raises SettingsError for a bad name, NotFoundError."""
        return put_rule(
            self.scope.catalog,
            self.scope.principal,
            name,
            definition,
            enabled=enabled,
            rule_id=rule_id,
            now=now or self.scope.clock(),
        )

    @does("rules.preview")
    def preview(self, definition: TopicRule, *, rule_id: str | None = None) -> list[RankedTopic]:
        """The topics that a rule of this definition would order now, the best ranked first; `rule_id` is the one it replaces,
        whose orders count. None where nothing is ranked yet."""
        days = self.scope.lake.days(RANKINGS)
        if not days:
            return []
        now = self.scope.clock()
        orders = [] if rule_id is None else list_orders(self.scope.catalog, self.scope.tenant.slug, rule_id=rule_id)
        topics = ranked_topics(self.scope.lake, definition, days[-1])
        chosen = decide(
            definition,
            topics,
            ordered={order.topic_id for order in orders if order.topic_id is not None},
            today=sum(order.created_at.date() == now.date() for order in orders),
        )
        return [topic for topic in topics if topic.topic_id in chosen]

    @does("rules.delete")
    def delete(self, rule_id: str) -> None:
        """End a rule; the orders it made stay. Raises NotFoundError."""
        delete_rule(self.scope.catalog, self.scope.principal, rule_id)
