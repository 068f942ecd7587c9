"""The newest posts that fit, any number of them: order, filters and work, on both stores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tests.builders import messages
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.posts.feed import FEED_COLUMNS, FeedQuery, newest_posts

DAY = date(2026, 3, 9)
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
Root = tuple[str, dict[str, str] | None]


@pytest.fixture
def acme(lake_root: Root) -> TenantLake:
    root, options = lake_root
    return Lake(root, s3=S3Options(**options) if options else None).tenant("acme")


def post(day: int, n: int, **given: Any) -> dict[str, Any]:
    return {"msg_id": day * 100 + n, "date": NOON + timedelta(days=day, minutes=n), **given}


def write(lake: TenantLake, *rows: dict[str, Any]) -> None:
    by_day: dict[date, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["date"].date(), []).append(row)
    for day, posts in by_day.items():
        lake.write(MESSAGES, messages(*posts), day=day)


def ids(posts: pl.DataFrame) -> list[int]:
    return posts["msg_id"].to_list()


def newest(lake: TenantLake, limit: int = 50, **query: Any) -> pl.DataFrame:
    return newest_posts(lake, FeedQuery(**query), limit=limit)


def test_the_feed_is_newest_first_over_days(acme: TenantLake) -> None:
    write(acme, *(post(day, n) for day in range(4) for n in range(3)))
    assert ids(newest(acme)) == [day * 100 + n for day in (3, 2, 1, 0) for n in (2, 1, 0)]
    assert ids(newest(acme, limit=4)) == [302, 301, 300, 202]
    assert ids(newest(acme, first=DAY + timedelta(1), last=DAY + timedelta(2))) == [202, 201, 200, 102, 101, 100]


def test_the_feed_of_an_empty_lake_has_its_columns(acme: TenantLake) -> None:
    assert newest(acme).columns == list(FEED_COLUMNS)
    write(acme, post(0, 0))
    assert newest(acme).columns == list(FEED_COLUMNS)
    assert newest(acme).schema == newest(acme, words=["nowhere"]).schema


def test_days_are_read_from_the_newest_and_no_more_than_are_needed(
    acme: TenantLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(acme, *(post(day, n) for day in range(10) for n in range(3)))
    read: list[date] = []
    real = TenantLake.read
    monkeypatch.setattr(TenantLake, "read", lambda self, *a, **k: read.extend(k["days"]) or real(self, *a, **k))
    assert len(newest(acme, limit=3)) == 3
    assert read == [DAY + timedelta(9)]
    assert len(newest(acme, limit=30)) == 30
    assert len(set(read)) == 10


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"channels": ["Mir"]}, [1, 0]),
        ({"channels": ["@mir", "2002"]}, [2, 1, 0]),
        ({"channels": ["2002"]}, [2]),
        ({"channels": ["200"]}, []),
        ({"langs": ["ru"]}, [1, 0]),
        ({"langs": ["ru", "en"]}, [3, 2, 1, 0]),
        ({"types": ["photo"]}, [1]),
        ({"types": ["service"]}, [4]),
        ({"words": ["биткоин"]}, [1, 0]),
        ({"words": ["БИТКОИН", "цена"]}, [0]),
        ({"words": ["a.c"]}, []),
        ({"words": ["100%"]}, [3]),
        ({"words": ["_"]}, []),
        ({"words": ["(x"]}, [3]),
        ({"channels": ["mir"], "langs": ["ru"], "words": ["цена"]}, [0]),
        ({"channels": ["mir' OR 1=1 --"]}, []),
        ({}, [3, 2, 1, 0]),
    ],
)
def test_posts_are_filtered(acme: TenantLake, given: dict[str, Any], expected: list[int]) -> None:
    write(
        acme,
        post(0, 0, channel="mir", lang="ru", text="Цена: Биткоин растёт"),
        post(0, 1, channel="mir", lang="ru", type="photo", text="биткоин"),
        post(0, 2, channel=None, channel_id=2002, text="abc"),
        post(0, 3, channel="World", text="Up 100% (x) or not"),
        post(0, 4, channel="World", type="service", text=""),
        post(0, 5, channel="World", text="Up 100%", comment_on=3, comment_channel=1001),
    )
    assert ids(newest(acme, **given)) == expected
