"""The sensor of rules: topics that pass a tenant's threshold become orders. It starts no run: orders_sensor does."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.switches import NEWSROOM, tenants_with
from tgstudio_dagster.catalog.people.tenants import list_tenants, tenant_settings
from tgstudio_dagster.catalog.work.orders import create_order, list_orders
from tgstudio_dagster.catalog.work.rules import Rule, list_rules, topic_rule
from tgstudio_dagster.core.errors import QuotaError, SettingsError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPICS
from tgstudio_dagster.newsroom.firing import decide, ranked_topics
from tgstudio_dagster.newsroom.pipeline import draws
from tgstudio_dagster.newsroom.platforms import image_count
from tgstudio_dagster.newsroom.sources import written_language


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Orders the topics that pass a tenant's rules, once each. Cursor: by tenant, the rankings, rules and day "
    "that were last looked at.",
)
def rules_sensor(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> dg.SensorResult | dg.SkipReason:
    """Looks at a tenant's rankings only where they, its rules or the day have changed since the last look."""
    now = datetime.now(UTC)
    seen: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    looked: dict[str, str] = {}
    having = tenants_with(catalog, NEWSROOM)
    for tenant in list_tenants(catalog):
        if tenant.slug not in having:
            continue
        rules = list_rules(catalog, tenant.slug, enabled=True)
        if not rules:
            continue
        store = lake.tenant(tenant.slug)
        modified = store.modified(RANKINGS)
        if not modified:
            continue
        newest = max(modified)
        looked[tenant.slug] = _version(rules, newest, modified[newest], now.date())
        if looked[tenant.slug] == seen.get(tenant.slug):
            continue
        for rule in rules:
            _fire(context, catalog, store, rule, newest, now)
    if not looked:
        return dg.SkipReason("no tenant has a rule and rankings")
    return dg.SensorResult(cursor=json.dumps(looked, sort_keys=True))


def _fire(
    context: dg.SensorEvaluationContext, catalog: Catalog, lake: TenantLake, rule: Rule, day: date, now: datetime
) -> None:
    try:
        wanted = topic_rule(rule)
    except SettingsError as error:
        context.log.warning("tenant %s: %s", lake.tenant, error)
        return
    made = list_orders(catalog, lake.tenant, rule_id=rule.id)
    topics = decide(
        wanted,
        ranked_topics(lake, wanted, day),
        ordered={order.topic_id for order in made if order.topic_id is not None},
        today=sum(order.created_at.date() == now.date() for order in made),
    )
    if not topics:
        return
    known = lake.read(TOPICS, days=[day], columns=["topic_id", "title", "lang"])
    titles, langs = (dict(known.select("topic_id", name).iter_rows()) for name in ("title", "lang"))
    settings = tenant_settings(catalog, lake.tenant)
    platforms = list(wanted.platforms or settings.platforms)
    # Whoever set the rule orders by it; nobody acts by way of a rule with more than an editor's rights.
    principal = Principal(lake.tenant, rule.created_by, "editor")
    for topic in topics:
        try:
            order = create_order(
                catalog,
                principal,
                topic_id=topic,
                day=day,
                platforms=platforms,
                language=wanted.language or written_language(langs.get(topic), settings.language),
                tone=wanted.tone or settings.tone,
                goal=wanted.goal,
                images=image_count(platforms) if draws(wanted.goal) else 0,
                rule_id=rule.id,
                subject=titles.get(topic),
                now=now,
            )
        except QuotaError as error:
            context.log.warning("tenant %s, rule %s: %s", lake.tenant, rule.name, error)
            return
        context.log.info("tenant %s, rule %s: order %s of topic %s", lake.tenant, rule.name, order.id, topic)


def _version(rules: list[Rule], day: date, modified: float, today: date) -> str:
    said = json.dumps([[rule.id, rule.definition] for rule in rules], sort_keys=True)
    return f"{today} {day} {modified} {hashlib.sha256(said.encode()).hexdigest()[:16]}"
