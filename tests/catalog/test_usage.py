"""What was used is told by day, within its tenant."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.builders import make_tenant
from tests.catalog.rows import make_account, make_subscription
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.subscriptions import end_subscription
from tgstudio_dagster.catalog.money.models import AiUsage
from tgstudio_dagster.catalog.money.plans import set_plan, spend
from tgstudio_dagster.catalog.money.usage import held, model_uses, plan_of, quota_uses

DAY = date(2026, 3, 15)


def _call(catalog: Catalog, tenant: str, at: datetime, call: str) -> None:
    with catalog.tenant_session(tenant, writing=True) as session:
        session.add(
            AiUsage(
                tenant=tenant, call_hash=call, purpose="text", provider="test", model="m", input_tokens=10,
                output_tokens=5, images=0,
                cost_micro_usd=700, created_at=at,
            )
        )  # fmt: skip


def test_paid_calls_of_the_days_are_told_the_first_and_last_included(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    for n, at in enumerate(
        [
            datetime(2026, 3, 13, 23, 59, tzinfo=UTC),
            datetime(2026, 3, 14, 0, 0, tzinfo=UTC),
            datetime(2026, 3, 15, 23, 59, tzinfo=UTC),
            datetime(2026, 3, 16, 0, 0, tzinfo=UTC),
        ]
    ):
        _call(catalog, "demo", at, f"call {n}")
    found = model_uses(catalog, "demo", date(2026, 3, 14), DAY)
    assert [(use.day.day, use.input_tokens, use.cost_micro_usd) for use in found] == [(14, 10, 700), (15, 10, 700)]
    assert model_uses(catalog, "other", date(2026, 3, 14), DAY) == []


def test_what_was_counted_against_limits_is_told_by_day_and_name(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    for tenant, name, amount in (("demo", "orders_per_day", 2), ("demo", "else", 3), ("other", "orders_per_day", 9)):
        spend(catalog, tenant, name, DAY, amount)
    assert quota_uses(catalog, "demo", DAY, DAY, ["orders_per_day"]) == {(DAY, "orders_per_day"): 2}


def test_what_is_held_and_the_plan(catalog: Catalog) -> None:
    principal = make_tenant(catalog)
    set_plan(catalog, "demo", "pro")
    account = make_account(catalog)
    for channel in (1, 2):
        make_subscription(catalog, account, channel)
    end_subscription(catalog, principal, 2)
    assert (held(catalog, "demo"), plan_of(catalog, "demo")) == ({"channels": 1, "accounts": 1}, "pro")
