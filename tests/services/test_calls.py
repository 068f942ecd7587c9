"""Calls of a day are counted to the last one, across threads and processes, and written down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import spend, spent
from tgstudio_dagster.core.errors import QuotaError
from tgstudio_dagster.services.calls import Calls

DAY = date(2026, 3, 9)
NAME = "api_calls_per_day"


@pytest.fixture(autouse=True)
def tenant(catalog: Catalog) -> None:
    make_tenant(catalog, "acme")


def limit(catalog: Catalog, calls: int) -> None:
    with catalog.tenant_session("acme", writing=True) as session:
        session.merge(Quota(tenant="acme", name=NAME, limit=calls))


def test_calls_are_counted_to_the_last_one_and_written_down(catalog: Catalog) -> None:
    limit(catalog, 5)
    calls = Calls(catalog, every=0.01)
    for _ in range(5):
        calls.take("acme", NAME, DAY)
    with pytest.raises(QuotaError) as refused:
        calls.take("acme", NAME, DAY)
    assert refused.value.name == NAME and refused.value.until.isoformat() == "2026-03-10T00:00:00+00:00"
    calls.close()
    assert spent(catalog, "acme", NAME, DAY) == 5


def test_a_raised_limit_counts_at_once(catalog: Catalog) -> None:
    limit(catalog, 0)
    calls = Calls(catalog)
    with pytest.raises(QuotaError):
        calls.take("acme", NAME, DAY)
    limit(catalog, 1)
    calls.take("acme", NAME, DAY)
    calls.close()


def test_what_other_processes_use_counts_too(catalog: Catalog) -> None:
    limit(catalog, 3)
    mine, other = Calls(catalog), Calls(catalog)
    mine.take("acme", NAME, DAY)
    mine.flush()
    spend(catalog, "acme", NAME, DAY, 1)
    other.take("acme", NAME, DAY)
    other.flush()
    with pytest.raises(QuotaError):
        Calls(catalog).take("acme", NAME, DAY)
    mine.close()
    other.close()


def test_threads_together_take_no_more_than_there_is(catalog: Catalog) -> None:
    limit(catalog, 20)
    calls = Calls(catalog, every=0.01)

    def take(_: int) -> bool:
        try:
            calls.take("acme", NAME, DAY)
        except QuotaError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(40))) == 20
    calls.close()
    assert spent(catalog, "acme", NAME, DAY) == 20


def test_a_day_s_calls_are_its_own(catalog: Catalog) -> None:
    limit(catalog, 1)
    calls = Calls(catalog)
    calls.take("acme", NAME, DAY)
    calls.take("acme", NAME, date(2026, 3, 10))
    calls.close()
