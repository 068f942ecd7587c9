"""A tenant may use what its plan says, or its own quota; what it used is counted by the day and never lost."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import delete, update

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Plan, Quota
from tgstudio_dagster.catalog.money.plans import PLANS, Limits, limit_by_tenant, limits_of, set_plan, spend, spent, take
from tgstudio_dagster.core.errors import NotFoundError, QuotaError, SettingsError

DAY = date(2026, 3, 15)
GIB = 2**30


@pytest.mark.parametrize(
    ("plan", "limits"),
    [
        ("free", (60, 50, 1, GIB, 20, 20, 1_000, 500, 60, 5 * GIB)),
        ("pro", (15, 500, 5, 20 * GIB, 200, 400, 50_000, 20_000, 300, 50 * GIB)),
        ("enterprise", (5, 5000, 50, 500 * GIB, 2000, 4_000, 1_000_000, 500_000, 1_200, 500 * GIB)),
    ],
)
def test_a_plan_gives_its_limits(catalog: Catalog, plan: str, limits: tuple[int, ...]) -> None:
    make_tenant(catalog)
    set_plan(catalog, "demo", plan)
    assert tuple(limits_of(catalog, "demo").model_dump().values()) == limits


def test_a_tenant_without_a_plan_is_on_free(catalog: Catalog) -> None:
    make_tenant(catalog)
    assert limits_of(catalog, "demo").refresh_minutes == 60


def test_a_quota_of_its_own_replaces_the_plans_limit(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    with catalog.tenant_session("demo", writing=True) as session:
        session.add_all([Quota(tenant="demo", name="channels", limit=7), Quota(tenant="demo", name="models", limit=1)])
    assert limits_of(catalog, "demo") == limits_of(catalog, "other").model_copy(update={"channels": 7})


def test_an_unknown_plan_is_refused_with_those_that_exist(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(NotFoundError, match="'gold'; choose from enterprise, free, pro"):
        set_plan(catalog, "demo", "gold")


def test_what_a_plans_row_says_is_laid_over_what_the_product_ships(catalog: Catalog) -> None:
    make_tenant(catalog)
    with catalog.session() as session:
        session.execute(update(Plan).where(Plan.name == "free").values(limits={"channels": 1}))
        session.add(Plan(name="gold", title="Gold", limits={"accounts": 9}))
    assert limits_of(catalog, "demo") == PLANS["free"].model_copy(update={"channels": 1})
    set_plan(catalog, "demo", "gold")
    assert limits_of(catalog, "demo") == PLANS["free"].model_copy(update={"accounts": 9})


def test_a_plan_that_is_missing_or_has_a_limit_that_is_none_is_named(catalog: Catalog) -> None:
    make_tenant(catalog)
    with catalog.session() as session:
        session.execute(update(Plan).where(Plan.name == "free").values(limits={"channels": "many"}))
    with pytest.raises(SettingsError, match="Plan 'free', limit channels"):
        limits_of(catalog, "demo")
    with catalog.session() as session:
        session.execute(delete(Plan))
    with pytest.raises(SettingsError, match="'demo' is on 'free'"):
        limits_of(catalog, "demo")


def test_limits_are_whole_and_not_negative() -> None:
    with pytest.raises(ValueError):
        Limits(refresh_minutes=0, channels=1, accounts=1, media_bytes_per_day=1, orders_per_day=1)


def test_what_was_used_adds_up_by_tenant_day_and_name(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    assert spent(catalog, "demo", "media_bytes_per_day", DAY) == 0
    assert spend(catalog, "demo", "media_bytes_per_day", DAY, 3 * GIB) == 3 * GIB
    assert spend(catalog, "demo", "media_bytes_per_day", DAY, 5 * GIB) == 8 * GIB
    assert spent(catalog, "demo", "media_bytes_per_day", DAY) == 8 * GIB
    assert spent(catalog, "demo", "media_bytes_per_day", date(2026, 3, 16)) == 0
    assert spent(catalog, "demo", "orders_per_day", DAY) == 0
    assert spent(catalog, "other", "media_bytes_per_day", DAY) == 0


def test_what_was_used_is_not_given_back(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(ValueError, match="-1 is negative"):
        spend(catalog, "demo", "media_bytes_per_day", DAY, -1)


def test_nothing_that_is_used_at_once_is_lost(catalog: Catalog) -> None:
    make_tenant(catalog)

    def use() -> None:
        for _ in range(10):
            spend(catalog, "demo", "media_bytes_per_day", DAY, 1)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spent(catalog, "demo", "media_bytes_per_day", DAY) == 40


def test_what_is_taken_never_goes_beyond_the_limit(catalog: Catalog) -> None:
    make_tenant(catalog)
    with catalog.tenant_session("demo", writing=True) as session:
        session.add(Quota(tenant="demo", name="api_calls_per_day", limit=10))
    taken: list[int] = []
    refused: list[tuple[str, str]] = []

    def use() -> None:
        for _ in range(5):
            try:
                taken.append(take(catalog, "demo", "api_calls_per_day", DAY))
            except QuotaError as error:
                refused.append((error.name, error.until.isoformat()))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 11))
    assert refused == [("api_calls_per_day", "2026-03-16T00:00:00+00:00")] * 10
    assert spent(catalog, "demo", "api_calls_per_day", DAY) == 10


def test_more_than_is_left_is_not_taken_in_part(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(QuotaError, match="orders_per_day: 0 of 20 are used"):
        take(catalog, "demo", "orders_per_day", DAY, 21)
    assert take(catalog, "demo", "orders_per_day", DAY, 20) == 20
    assert take(catalog, "demo", "orders_per_day", date(2026, 3, 16), 1) == 1


def test_a_limit_of_all_tenants_is_what_each_is_told(catalog: Catalog) -> None:
    for slug, plan in (("acme", None), ("bravo", "pro"), ("charlie", "pro")):
        make_tenant(catalog, slug)
        if plan is not None:
            set_plan(catalog, slug, plan)
    with catalog.tenant_session("charlie", writing=True) as session:
        session.add(Quota(tenant="charlie", name="refresh_minutes", limit=7))
    with catalog.reading() as session:
        minutes = limit_by_tenant(session, "refresh_minutes")
    assert minutes == {slug: limits_of(catalog, slug).refresh_minutes for slug in ("acme", "bravo", "charlie")}
    assert minutes["charlie"] == 7
