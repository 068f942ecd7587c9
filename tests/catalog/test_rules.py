"""A rule says what it may, is replaced and ended within its tenant, and leaves its orders."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.orders import create_order, get_order, list_orders
from tgstudio_dagster.catalog.work.rules import MAX_RULES, TopicRule, delete_rule, list_rules, put_rule, topic_rule
from tgstudio_dagster.core.errors import ConflictError, ForbiddenError, NotFoundError, SettingsError
from tgstudio_dagster.core.principal import Principal

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)
TOP3 = TopicRule(max_rank=3, platforms=("tg",))


def test_a_rule_reads_back_as_it_was_set_and_is_replaced_whole(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    rule = put_rule(catalog, principal, " Morning ", TOP3, now=NOW)
    (found,) = list_rules(catalog, principal)
    assert (found.name, topic_rule(found), found.enabled) == ("Morning", TOP3, True)
    put_rule(catalog, principal, "Night", TopicRule(min_score=2.5), enabled=False, rule_id=rule.id, now=NOW)
    (found,) = list_rules(catalog, principal)
    assert (found.id, found.name, topic_rule(found)) == (rule.id, "Night", TopicRule(min_score=2.5))
    assert list_rules(catalog, principal, enabled=True) == []


@pytest.mark.parametrize("wrong", [{}, {"max_rank": 0}, {"min_score": -1}, {"max_rank": 1, "platforms": ["myspace"]}])
def test_a_rule_without_a_threshold_or_with_a_wrong_one_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TopicRule.model_validate(wrong)


def test_a_rule_that_is_no_longer_valid_is_named(catalog: Catalog) -> None:
    rule = put_rule(catalog, make_tenant(catalog), "Old", TOP3, now=NOW)
    rule.definition = {"rank_at_most": 3}
    with pytest.raises(SettingsError, match="Old"):
        topic_rule(rule)


def test_the_orders_of_a_rule_stay_when_it_ends(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    rule = put_rule(catalog, principal, "r", TOP3, now=NOW)
    order = create_order(
        catalog, principal, topic_id="t-1", day=date(2026, 3, 15), platforms=["tg"], language="ru", tone="neutral",
        rule_id=rule.id, now=NOW,
    )  # fmt: skip
    assert [one.id for one in list_orders(catalog, principal, rule_id=rule.id)] == [order.id]
    delete_rule(catalog, principal, rule.id)
    assert (list_rules(catalog, principal), get_order(catalog, "demo", order.id).rule_id) == ([], None)


def test_a_viewer_another_tenant_and_too_many_are_refused(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    rule = put_rule(catalog, principal, "r", TOP3, now=NOW)
    with pytest.raises(ForbiddenError):
        put_rule(catalog, Principal("demo", None, "viewer"), "r", TOP3, now=NOW)
    other = make_tenant(catalog, "other")
    with pytest.raises(NotFoundError):
        put_rule(catalog, other, "r", TOP3, rule_id=rule.id, now=NOW)
    with pytest.raises(NotFoundError):
        delete_rule(catalog, other, rule.id)
    with pytest.raises(SettingsError, match="name"):
        put_rule(catalog, principal, " ", TOP3, now=NOW)
    for n in range(MAX_RULES - 1):
        put_rule(catalog, principal, f"r{n}", TOP3, now=NOW)
    with pytest.raises(ConflictError, match="delete one"):
        put_rule(catalog, principal, "one more", TOP3, now=NOW)
