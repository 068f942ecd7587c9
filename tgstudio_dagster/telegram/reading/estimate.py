"""Estimate: what a history costs before it is read: messages, requests and minutes at the account's pace.

Pure. The three numbers it is made from are asked of Telegram by `surveying.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

PAGE = 100
"""Messages that one request gives at most (messages.getHistory, core.telegram.org/api/offsets)."""
ANSWER_SECONDS = 0.3
"""What a page takes to come on an ordinary line; the pace counts from request to request and hides it where longer."""


@dataclass(frozen=True)
class Estimate:
    """How many messages lie there, the requests they take, and the minutes these last at the current pace."""

    messages: int
    requests: int
    minutes: float


def estimate(messages: int, *, page_seconds: float) -> Estimate:
    """The cost of reading so many messages; `page_seconds` is the account's pace.

    One request more than the pages: only an empty page proves the end.
    """
    requests = math.ceil(messages / PAGE) + 1
    return Estimate(messages, requests, requests * max(page_seconds, ANSWER_SECONDS) / 60)


def messages_between(*, first_id: int, last_id: int, newest_id: int, total: int) -> int:
    """How many of a channel's `total` messages have ids in first_id..last_id, as ids 1..newest_id hold them evenly.

    Ids have holes (deletes, service messages), so the plain difference would say too much.
    """
    if total <= 0 or newest_id <= 0 or last_id < first_id:
        return 0
    return min(total, math.ceil((last_id - first_id + 1) * total / newest_id))


def together(estimates: Iterable[Estimate]) -> Estimate:
    """The sum, as one account reads its channels one after another."""
    every = list(estimates)
    return Estimate(
        sum(one.messages for one in every), sum(one.requests for one in every), sum(one.minutes for one in every)
    )
