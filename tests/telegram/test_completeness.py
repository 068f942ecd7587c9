"""What of a channel's history is not read is said, with the reason; what is read is not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView
from tgstudio_dagster.telegram.reading.completeness import missing

FIRST = date(2020, 1, 1)


def view(**changes: Any) -> SubscriptionView:
    given: dict[str, Any] = {
        "channel_id": 1, "username": "news", "title": "News", "kind": "channel", "visibility": "public", "members": 1,
        "status": "active", "error": None, "since": date(2026, 1, 1), "filled_from": date(2026, 1, 1), "comments": False,
        "account_id": "a", "reference": "@news", "last_msg_id": 500, "gaps": ((1, 40),),
        "read_at": datetime(2026, 2, 1, tzinfo=UTC), "checked_at": None,
    }  # fmt: skip
    return SubscriptionView(**(given | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"since": None, "filled_from": FIRST, "gaps": ()},
        {"filled_from": None, "last_msg_id": 0, "gaps": ()},
        {"status": "ended", "filled_from": None},
        {"error": "a flood that is over"},
    ],
)
def test_what_is_read_misses_nothing(changes: dict[str, Any]) -> None:
    assert missing(view(**changes), FIRST) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"filled_from": None, "read_at": None}, "not read yet"),
        ({"filled_from": None, "status": "lost", "error": "It is private."}, "not read yet: It is private."),
        ({"filled_from": date(2026, 1, 9)}, "read to 2026-01-09, asked for from 2026-01-01"),
        ({"since": None}, "read to 2026-01-01, asked for from 2020-01-01"),
        ({"gaps": ((1, 40), (101, 200))}, "up to 100 posts were refused by Telegram"),
    ],
)
def test_what_is_not_read_is_said_with_the_reason(changes: dict[str, Any], said: str) -> None:
    assert (missing(view(**changes), FIRST) or "").startswith(said)


def test_a_slice_is_read_though_older_days_are_not() -> None:
    assert missing(view(filled_from=date(2026, 1, 9)), date(2026, 1, 10)) is None
