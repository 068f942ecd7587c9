"""What an order would take, what was used, bundles, rules, settings and SQL, through the studio."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.services.desk import DAY, NOW, TOPIC, Desk
from tgstudio_dagster.ai import prices
from tgstudio_dagster.ai.prices import Price
from tgstudio_dagster.catalog.follows.reading import tenant_read
from tgstudio_dagster.catalog.money.models import AiUsage
from tgstudio_dagster.catalog.money.plans import spend
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.work.bundles import mark_bundle
from tgstudio_dagster.catalog.work.rules import TopicRule, topic_rule
from tgstudio_dagster.core.errors import (
    ConflictError,
    ForbiddenError,
    NewsroomError,
    NotFoundError,
    QueryError,
    RunsError,
    SettingsError,
)


def test_an_estimate_grows_with_the_posts_and_costs_nothing_offline(desk: Desk) -> None:
    studio = desk.studio()
    whole = studio.orders.estimate(["tg", "x", "ig"], now=NOW, topic_id=TOPIC)
    one = studio.orders.estimate(["tg", "x", "ig"], now=NOW, messages=[(1, 10)])
    assert (whole.images, whole.cost_usd, one.posts) == (2, 0.0, 1)
    assert whole.posts > 1
    assert whole.input_tokens > one.input_tokens > prices.INSTRUCTIONS
    assert whole.tokens == whole.input_tokens + whole.output_tokens
    assert studio.orders.estimate(now=NOW, topic_id=TOPIC, goal="text").images == 0
    with pytest.raises(NotFoundError):
        studio.orders.estimate(now=NOW, topic_id="t-nosuch")
    with pytest.raises(NewsroomError):
        studio.orders.estimate(now=NOW)


def test_an_estimate_says_what_is_left_of_today(desk: Desk) -> None:
    studio = desk.studio()
    before = studio.orders.estimate(now=NOW, topic_id=TOPIC).quota_left
    studio.orders.request(TOPIC, now=NOW)
    after = studio.orders.estimate(now=NOW, topic_id=TOPIC).quota_left
    assert (before["orders_per_day"] - after["orders_per_day"], before["images_per_day"] - after["images_per_day"]) == (
        1,
        2,
    )


def test_a_paid_model_s_price_counts_and_an_unknown_one_is_not_guessed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"offline-digest/1": Price(2.0, 8.0, 0.0)}
    monkeypatch.setattr("tgstudio_dagster.services.estimates.price", lambda model: known.get(model, Price(0, 0, 0.05)))
    found = desk.studio().orders.estimate(now=NOW, topic_id=TOPIC)
    wanted = (found.input_tokens * 2.0 + found.output_tokens * 8.0) / 1e6 + 2 * 0.05
    assert found.cost_usd == pytest.approx(wanted, abs=1e-6)
    monkeypatch.setattr("tgstudio_dagster.services.estimates.price", lambda _: None)
    assert desk.studio().orders.estimate(now=NOW, topic_id=TOPIC).cost_usd is None
    assert prices.price("some-model") is None


def test_tokens_of_russian_are_more_than_of_english() -> None:
    assert (prices.tokens("abcd" * 3), prices.tokens("абв" * 3), prices.tokens("")) == (3, 3, 0)


def test_usage_is_by_day_with_the_limits_of_today(desk: Desk) -> None:
    studio = desk.studio()
    studio.orders.request(TOPIC, now=NOW)
    spend(desk.catalog, "acme", "api_calls_per_day", DAY - timedelta(days=1), 7)
    spend(desk.catalog, "bravo", "api_calls_per_day", DAY, 99)
    with desk.catalog.tenant_session("acme", writing=True) as session:
        session.add(
            AiUsage(
                tenant="acme", call_hash="h", purpose="text", provider="test", model="m", input_tokens=100,
                output_tokens=50, images=0,
                cost_micro_usd=2_500, created_at=NOW,
            )
        )  # fmt: skip
    used = studio.usage.report(2, NOW)
    assert (used.first, used.last, used.plan) == (DAY - timedelta(days=1), DAY, "free")
    assert (used.tokens, used.cost_usd, used.by_model) == (150, 0.0025, {"m": 0.0025})
    assert (used.orders, used.images, used.api_calls, used.mcp_calls) == (1, 2, 7, 0)
    assert [(day.day, day.orders, day.api_calls, day.tokens) for day in used.by_day] == [
        (DAY - timedelta(days=1), 0, 7, 0),
        (DAY, 1, 0, 150),
    ]
    quotas = {quota.name: quota for quota in used.quotas}
    assert (quotas["orders_per_day"].used, quotas["api_calls_per_day"].used, quotas["channels"].used) == (1, 0, 0)
    assert quotas["orders_per_day"].until == NOW.replace(hour=0) + timedelta(days=1)
    assert quotas["channels"].until is None
    assert studio.usage.report(1, NOW).api_calls == 0
    with pytest.raises(NewsroomError, match="days"):
        studio.usage.report(0, NOW)


def test_runs_are_not_told_without_dagster(desk: Desk) -> None:
    with pytest.raises(RunsError, match="tgstudio up"):
        desk.studio().usage.runs()


def test_a_bundle_is_asked_for_and_opened_when_it_is_done(desk: Desk) -> None:
    studio = desk.studio()
    bundle = studio.bundles.request(DAY, DAY, now=NOW)
    assert (bundle.format, "messages" in bundle.tables, bundle.status) == ("both", True, "queued")
    with pytest.raises(ConflictError, match="is queued"):
        studio.bundles.open(bundle.id)
    stored = studio.scope.lake.put_file(b"PK", "zip")
    mark_bundle(desk.catalog, bundle.id, "done", uri=stored.uri, size=stored.size)
    file = studio.bundles.open(bundle.id)
    with file.stream as stream:
        assert (file.name, file.size, stream.read()) == (f"acme-{DAY}-{DAY}.zip", 2, b"PK")
    assert [one.id for one in studio.bundles.all()] == [bundle.id]
    with pytest.raises(NotFoundError):
        desk.studio("bravo").bundles.open(bundle.id)
    with pytest.raises(SettingsError, match="tables"):
        studio.bundles.request(DAY, DAY, ["users"], now=NOW)
    with pytest.raises(SettingsError, match="days are too many"):
        studio.bundles.request(date(2000, 1, 1), DAY, now=NOW)
    with pytest.raises(ForbiddenError):
        desk.studio(role="viewer").bundles.request(DAY, DAY, now=NOW)


def test_rules_are_the_tenant_s_own(desk: Desk) -> None:
    studio, bravo, viewer = desk.studio(), desk.studio("bravo"), desk.studio(role="viewer")
    rule = studio.rules.put("Top", TopicRule(max_rank=1), now=NOW)
    assert [topic_rule(one).max_rank for one in viewer.rules.all()] == [1]
    assert bravo.rules.all() == []
    with pytest.raises(NotFoundError):
        bravo.rules.delete(rule.id)
    for forbidden in (
        lambda: viewer.rules.put("x", TopicRule(max_rank=1), now=NOW),
        lambda: viewer.rules.delete(rule.id),
        lambda: viewer.keys.create("x", ["read"], now=NOW),
        lambda: viewer.keys.revoke("x", NOW),
    ):
        with pytest.raises(ForbiddenError):
            forbidden()
    studio.rules.delete(rule.id)
    assert studio.rules.all() == []


def test_an_editor_sets_what_concerns_the_work_and_an_owner_what_opens_doors(desk: Desk) -> None:
    editor = desk.studio()
    editor.settings.put(editor.settings.get().model_copy(update={"tone": "lively"}))
    assert desk.studio().settings.get().tone == "lively"
    for door in ({"sending": True}, {"allowed_ips": ("192.0.2.1",)}):
        with pytest.raises(ForbiddenError, match=next(iter(door))):
            editor.settings.put(editor.settings.get().model_copy(update=door))
        desk.studio(role="owner").settings.put(editor.settings.get().model_copy(update=door))
    assert desk.studio("bravo").settings.get() == TenantSettings(platforms=("tg", "x", "ig"))


def test_a_refresh_wakes_the_tenant_s_reading(desk: Desk) -> None:
    desk.studio().follows.refresh(NOW)
    assert tenant_read(desk.catalog, "acme").woken_at == NOW
    assert tenant_read(desk.catalog, "bravo").woken_at is None


def test_sql_sees_the_tenant_s_views_within_its_limits(desk: Desk) -> None:
    studio = desk.studio(role="viewer")
    assert studio.posts.sql("SELECT count(*) AS n FROM topics").item() == 1
    assert desk.studio("bravo").posts.sql("SELECT count(*) AS n FROM topics").item() == 0
    with pytest.raises(QueryError, match="more than 3 rows"):
        studio.posts.sql("SELECT * FROM range(9)", rows=3)
