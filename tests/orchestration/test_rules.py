"""Which topics a rule orders: those that pass every threshold, once each, so many a day; and the sensor that asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import frame, make_tenant
from tests.orchestration.test_sensors import Ticks
from tests.services.desk import DAY, TOPIC, fill, ranking
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.work.orders import list_orders
from tgstudio_dagster.catalog.work.rules import TopicRule, put_rule
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPICS
from tgstudio_dagster.newsroom.firing import RankedTopic, decide, passes
from tgstudio_dagster.orchestration.sensors.rules import rules_sensor

NOW = datetime(2026, 3, 10, tzinfo=UTC)
TOPICS_OF_DAY = [
    RankedTopic("t-1", rank=1, score=3.0, channels=2, lang="ru", title="T"),
    RankedTopic("t-2", rank=2, score=2.0, channels=5, lang="en", title="T"),
    RankedTopic("t-3", rank=3, score=1.0, channels=5, lang="ru", title="T"),
]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (TopicRule(max_rank=2), ["t-1", "t-2"]),
        (TopicRule(min_score=2.0), ["t-1", "t-2"]),
        (TopicRule(min_score=2.0, max_rank=1), ["t-1"]),
        (TopicRule(max_rank=3, min_channels=3), ["t-2", "t-3"]),
        (TopicRule(max_rank=3, topic_language="ru"), ["t-1", "t-3"]),
        (TopicRule(max_rank=3, per_day=1), ["t-1"]),
        (TopicRule(min_score=9), []),
    ],
)
def test_a_topic_is_ordered_where_it_passes_every_threshold(rule: TopicRule, wanted: list[str]) -> None:
    assert decide(rule, TOPICS_OF_DAY, ordered=(), today=0) == wanted


def test_a_topic_is_ordered_once_and_no_more_than_so_many_a_day() -> None:
    rule = TopicRule(max_rank=3, per_day=2)
    assert decide(rule, TOPICS_OF_DAY, ordered={"t-1"}, today=1) == ["t-2"]
    assert decide(rule, TOPICS_OF_DAY, ordered={"t-1", "t-2"}, today=2) == []


@given(
    st.lists(
        st.builds(
            RankedTopic,
            topic_id=st.uuids().map(str),
            rank=st.integers(1, 99),
            score=st.floats(0, 9),
            channels=st.integers(1, 9),
            lang=st.sampled_from(["ru", "en"]),
        ),
        max_size=8,
    ),
    st.integers(0, 5),
    st.integers(1, 5),
)
def test_whatever_the_topics_none_is_ordered_that_does_not_pass_nor_too_many(
    topics: list[RankedTopic], today: int, per_day: int
) -> None:
    rule = TopicRule(min_score=3, max_rank=20, min_channels=2, per_day=per_day)
    ordered = {topic.topic_id for topic in topics[::2]}
    found = decide(rule, topics, ordered=ordered, today=today)
    assert len(found) <= max(0, per_day - today)
    assert not ordered & set(found)
    assert all(passes(rule, topic) for topic in topics if topic.topic_id in found)


@pytest.fixture
def ticks(tmp_path: Path, catalog: Catalog) -> Iterator[Ticks]:
    make_tenant(catalog, "acme", platforms=("tg", "ig"))
    lake = Lake(str(tmp_path / "lake"))
    fill(lake.tenant("acme"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(lake, catalog, instance)


def test_the_sensor_orders_a_topic_of_the_newest_day_once(ticks: Ticks) -> None:
    principal = make_tenant(ticks.catalog, "bravo")
    rule = put_rule(ticks.catalog, _acme(), "Lead", TopicRule(max_rank=1, goal="text", language="en"), now=NOW)
    ticks.tick(rules_sensor)
    ticks.tick(rules_sensor)
    ticks.cursors.clear()
    ticks.tick(rules_sensor)
    (order,) = list_orders(ticks.catalog, "acme")
    assert (order.topic_id, order.day, order.rule_id, order.goal, order.language) == (TOPIC, DAY, rule.id, "text", "en")
    assert order.platforms == ["tg", "ig"]
    assert order.subject
    assert list_orders(ticks.catalog, principal) == []


def test_the_sensor_looks_again_when_rankings_or_rules_change(ticks: Ticks) -> None:
    put_rule(ticks.catalog, _acme(), "Strong", TopicRule(min_score=5), now=NOW)
    ticks.tick(rules_sensor)
    seen = ticks.cursors["rules_sensor"]
    assert list_orders(ticks.catalog, "acme") == []
    lake = ticks.lake.tenant("acme")
    lake.write(RANKINGS, frame(RANKINGS, [ranking(TOPIC, score=6.0)]), day=DAY)
    ticks.tick(rules_sensor)
    assert ticks.cursors["rules_sensor"] != seen
    assert [order.topic_id for order in list_orders(ticks.catalog, "acme")] == [TOPIC]


def test_without_rules_or_rankings_nothing_is_looked_at(ticks: Ticks) -> None:
    assert isinstance(ticks.tick(rules_sensor), dg.SkipReason)
    put_rule(ticks.catalog, _acme(), "off", TopicRule(max_rank=1), enabled=False, now=NOW)
    assert isinstance(ticks.tick(rules_sensor), dg.SkipReason)


def test_a_used_up_quota_stops_a_rule_and_harms_no_other_tenant(ticks: Ticks) -> None:
    lake = ticks.lake.tenant("acme")
    topic = lake.read(TOPICS, days=[DAY]).row(0, named=True)
    two = [topic, topic | {"topic_id": "t-ffffffffffff"}]
    lake.write(TOPICS, frame(TOPICS, two), day=DAY)
    lake.write(RANKINGS, frame(RANKINGS, [ranking(one["topic_id"], rank=n + 1) for n, one in enumerate(two)]), day=DAY)
    put_rule(ticks.catalog, _acme(), "Two", TopicRule(max_rank=2), now=NOW)
    bravo = make_tenant(ticks.catalog, "bravo")
    fill(ticks.lake.tenant("bravo"))
    put_rule(ticks.catalog, bravo, "One", TopicRule(max_rank=1), now=NOW)
    with ticks.catalog.tenant_session("acme", writing=True) as session:
        session.add(Quota(tenant="acme", name="orders_per_day", limit=1))
    ticks.tick(rules_sensor)
    assert (len(list_orders(ticks.catalog, "acme")), len(list_orders(ticks.catalog, "bravo"))) == (1, 1)


def _acme() -> Principal:
    return Principal("acme", None, "owner")
