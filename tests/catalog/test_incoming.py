"""Hints of what was heard stay until they were observed, within their tenant and channel."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.builders import make_tenant
from tests.catalog.rows import make_account, make_subscription
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.incoming import note_heard, take_heard
from tgstudio_dagster.core.errors import NotFoundError

EARLY, LATE = datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def followed(catalog: Catalog) -> Catalog:
    """A catalog whose tenants demo and other exist, and where demo follows channel 1."""
    make_tenant(catalog)
    make_tenant(catalog, "other")
    make_subscription(catalog, make_account(catalog), 1)
    return catalog


def _left(catalog: Catalog, tenant: str = "demo", channel_id: int = 1) -> tuple[int, ...]:
    with take_heard(catalog, tenant, channel_id) as taken:
        taken.keep()
    return taken.ids


def test_hints_are_taken_once_in_order_and_forgotten_when_observed(followed: Catalog) -> None:
    note_heard(followed, "demo", 1, [7, 5, 7], now=EARLY)
    with take_heard(followed, "demo", 1) as taken:
        assert list(taken) == [5, 7]
    assert _left(followed) == ()


def test_hints_stay_when_observing_failed_or_came_to_no_end(followed: Catalog) -> None:
    note_heard(followed, "demo", 1, [5], now=EARLY)
    with pytest.raises(RuntimeError), take_heard(followed, "demo", 1):
        raise RuntimeError
    assert _left(followed) == (5,)
    assert _left(followed) == (5,)


def test_a_post_that_is_heard_of_again_meanwhile_stays(followed: Catalog) -> None:
    note_heard(followed, "demo", 1, [5, 7], now=EARLY)
    with take_heard(followed, "demo", 1):
        note_heard(followed, "demo", 1, [7, 9], now=LATE)
    assert _left(followed) == (7, 9)


def test_hints_stay_within_their_tenant_and_channel(followed: Catalog) -> None:
    note_heard(followed, "demo", 1, [5], now=EARLY)
    assert _left(followed, tenant="other") == ()
    assert _left(followed, channel_id=2) == ()
    with pytest.raises(NotFoundError, match="'other' has not seen channel 1"):
        note_heard(followed, "other", 1, [5], now=EARLY)
