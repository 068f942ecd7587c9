"""Which posts count: one table of conditions, in polars and in the analyst's SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from tests.builders import messages
from tgstudio_dagster.lake.sandbox import run_query
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.posts import counting

DAY = date(2026, 3, 9)
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
POSTS = messages(
    *(
        {"msg_id": n, "date": NOON, "type": kind, "comment_on": comment_on, "deleted_at": deleted_at, "text": text}
        | ({"comment_channel": 1001} if comment_on else {})
        for n, (kind, comment_on, deleted_at, text) in enumerate(
            product(["text", "service"], [None, 1], [None, NOON], ["words", " "])
        )
    )
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (counting.OWN, [0, 1, 2, 3]),
        (counting.COUNTED, [0, 1]),
        (counting.TOPICAL, [0]),
        (counting.QUOTABLE, [0, 4]),
        (counting.FINDABLE, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_each_purpose_counts_what_the_table_says(condition: pl.Expr, expected: list[int]) -> None:
    assert POSTS.filter(condition)["msg_id"].to_list() == expected


def test_the_analysts_view_counts_the_channels_own_posts(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("acme")
    lake.write(MESSAGES, POSTS, day=DAY)
    row = run_query(lake, "SELECT posts, deleted FROM channel_days").row(0)
    own = POSTS.filter(counting.OWN)
    assert row == (own.height, own.filter(~counting.STANDING).height)
