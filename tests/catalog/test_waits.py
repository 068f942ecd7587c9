"""A wait is kept until it is over: it never gets shorter, and a pace does not hide a flood."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import make_tenant
from tests.catalog.rows import make_account
from tgstudio_dagster.catalog.accounts.waits import AccountWaits, list_waits
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.errors import NotFoundError

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def _after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def waits(catalog: Catalog) -> AccountWaits:
    """The waits of the one account of tenant demo."""
    make_tenant(catalog)
    return AccountWaits(catalog, "demo", make_account(catalog).id)


def test_a_method_never_held_has_no_wait(waits: AccountWaits) -> None:
    assert waits.not_before("messages.getHistory") is None


def test_a_flood_is_kept_by_method_and_listed_until_it_is_over(catalog: Catalog, waits: AccountWaits) -> None:
    waits.hold("contacts.resolveUsername", _after(18_000), 18_000)
    assert waits.not_before("contacts.resolveUsername") == _after(18_000)
    assert waits.not_before("messages.getHistory") is None
    (wait,) = list_waits(catalog, "demo", now=NOW)
    assert (wait.account, wait.method, wait.flood_seconds) == (f"User {2**40}", "contacts.resolveUsername", 18_000)
    assert list_waits(catalog, "demo", now=_after(18_000)) == []


def test_a_flood_is_not_shortened(waits: AccountWaits) -> None:
    waits.hold("m", _after(3600), 3600)
    waits.hold("m", _after(5), 5)
    assert waits.not_before("m") == _after(3600)


def test_a_pace_does_not_hide_a_flood(catalog: Catalog, waits: AccountWaits) -> None:
    waits.hold("m", _after(3600), 3600)
    waits.hold("m", _after(1), None)
    assert waits.not_before("m") == _after(3600)
    assert len(list_waits(catalog, "demo", now=NOW)) == 1


def test_a_flood_shorter_than_the_pace_is_a_flood_until_the_pace_allows(catalog: Catalog, waits: AccountWaits) -> None:
    waits.hold("m", _after(60), None)
    waits.hold("m", _after(5), 5)
    assert waits.not_before("m") == _after(60)
    assert [wait.flood_seconds for wait in list_waits(catalog, "demo", now=NOW)] == [5]


def test_a_pace_after_a_flood_is_no_flood(catalog: Catalog, waits: AccountWaits) -> None:
    waits.hold("m", _after(5), 5)
    waits.hold("m", _after(6), None)
    assert waits.not_before("m") == _after(6)
    assert list_waits(catalog, "demo", now=NOW) == []


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_order_of_waits_lets_a_call_through_early(waits: AccountWaits, holds: list[tuple[int, bool]]) -> None:
    method = f"method {uuid.uuid4()}"
    for seconds, flood in holds:
        waits.hold(method, _after(seconds), seconds if flood else None)
    assert waits.not_before(method) == _after(max(seconds for seconds, _ in holds))


def test_waits_of_two_accounts_do_not_meet(catalog: Catalog) -> None:
    make_tenant(catalog, "a")
    make_tenant(catalog, "b")
    one, two = (AccountWaits(catalog, tenant, make_account(catalog, tenant).id) for tenant in ("a", "b"))
    one.hold("m", _after(60), 60)
    assert two.not_before("m") is None
    assert list_waits(catalog, "b", now=NOW) == []


def test_another_tenants_account_is_not_held(catalog: Catalog, waits: AccountWaits) -> None:
    make_tenant(catalog, "other")
    account = make_account(catalog, "other")
    with pytest.raises(NotFoundError, match=account.id):
        AccountWaits(catalog, "demo", account.id).hold("m", _after(60), 60)
