"""Hints of what was heard stay until they were observed, within their tenant and channel."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.builders import make_tenant
from tests.catalog.rows import make_account, make_subscription
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.incoming import forget_heard, heard_posts, note_heard
from tgstudio_dagster.core.errors import NotFoundError

EARLY, LATE = datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def followed(catalog: Catalog) -> Catalog:
    """A catalog whose tenants demo and other exist, and where demo follows channel 1."""
    make_tenant(catalog)
    make_tenant(catalog, "other")
    make_subscription(catalog, make_account(catalog), 1)
    return catalog


def _left(catalog: Catalog, tenant: str = "demo", channel_id: int = 1) -> list[int]:
    return list(heard_posts(catalog, tenant, channel_id))


def test_hints_stand_once_in_order_and_are_forgotten_when_observed(followed: Catalog) -> None:
    note_heard(followed, "demo", 1, [7, 5, 7], now=EARLY)
    heard = heard_posts(followed, "demo", 1)
    assert list(heard) == [5, 7]
    assert _left(followed) == [5, 7]
    forget_heard(followed, "demo", 1, heard)
    assert _left(followed) == []


def test_a_post_that_is_heard_of_again_meanwhile_stays(followed: Catalog) -> None:
    note_heard(followed, "demo", 1, [5, 7], now=EARLY)
    heard = heard_posts(followed, "demo", 1)
    note_heard(followed, "demo", 1, [7, 9], now=LATE)
    forget_heard(followed, "demo", 1, heard)
    assert _left(followed) == [7, 9]


def test_hints_stay_within_their_tenant_and_channel(followed: Catalog) -> None:
    note_heard(followed, "demo", 1, [5], now=EARLY)
    assert _left(followed, tenant="other") == []
    assert _left(followed, channel_id=2) == []
    with pytest.raises(NotFoundError, match="'other' has not seen channel 1"):
        note_heard(followed, "other", 1, [5], now=EARLY)
