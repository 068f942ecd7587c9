"""Completeness: whether a channel's history is read as far as it was asked for, and if not, why.

Pure, on subscriptions as the catalog has them. What reads the rest is `history.py`.
"""

from __future__ import annotations

from datetime import date

from tgstudio_dagster.catalog.follows.subscriptions import SubscriptionView
from tgstudio_dagster.telegram.reading import gaps


def missing(view: SubscriptionView, first: date) -> str | None:
    """What of the channel's posts from the day `first` on is not read, within its depth; None where nothing is.

    A sentence for people, with the reason where there is one. What is not followed any more misses nothing.
    """
    if view.status == "ended":
        return None
    depth = first if view.since is None else max(first, view.since)
    reason = f": {view.error}" if view.error else ""
    empty = view.read_at is not None and view.last_msg_id == 0
    if view.filled_from is None and not empty:
        return f"not read yet{reason}"
    if view.filled_from is not None and view.filled_from > depth:
        return f"read to {view.filled_from}, asked for from {depth}{reason}"
    refused = gaps.size(tuple(gap for gap in view.gaps if gap[0] > 1))
    if refused:
        return f"up to {refused} posts were refused by Telegram and are tried again{reason}"
    return None
