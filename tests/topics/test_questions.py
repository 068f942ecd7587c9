"""What a lake says of topics and rankings: the files of sql/ against their frames, on both stores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tests.builders import frame, messages
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics import questions

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


def ranking(kind: str, entity: str, rank: int, window: str = "24h") -> dict[str, Any]:
    zeros = dict.fromkeys(["score", "popularity", "trend", "engagement", "audience", "decay", "expected"], 0.0)
    counts = {"messages": 1, "channels": 1, "recent": 1}
    return {"entity_kind": kind, "entity_id": entity, "window": window, "as_of": NOON, "rank": rank, **zeros, **counts}


def topic(topic_id: str, size: int, msg_id: int) -> dict[str, Any]:
    return {
        "topic_id": topic_id,
        "title": f"Title of {topic_id}",
        "keywords": ["k"],
        "lang": "en",
        "first_seen": NOON,
        "last_seen": NOON,
        "messages": size,
        "channels": 1,
        "channel_id": 1001,
        "msg_id": msg_id,
        "story_id": "s-1",
    }


def test_topics_rankings_and_their_posts(acme: TenantLake) -> None:
    last = DAY + timedelta(6)
    write(acme, post(0, 1), post(6, 1))
    acme.write(TOPICS, frame(TOPICS, [topic("t-a", 1, 1), topic("t-b", 2, 601)]), day=last)
    members = [("t-b", 601, 6), ("t-b", 1, 0), ("t-a", 1, 0)]
    rows = [
        {"topic_id": t, "channel_id": 1001, "msg_id": m, "date": NOON + timedelta(days=d), "similarity": 0.5}
        for t, m, d in members
    ]
    acme.write(TOPIC_MESSAGES, frame(TOPIC_MESSAGES, rows), day=last)
    ranks = [ranking("topic", "t-b", 2), ranking("topic", "t-a", 1), ranking("topic", "t-b", 1, "7d")]
    acme.write(RANKINGS, frame(RANKINGS, [*ranks, ranking("message", "1001/601", 1)]), day=last)
    assert questions.topics(acme, day=last, limit=9)["topic_id"].to_list() == ["t-b", "t-a"]
    assert questions.topics(acme, day=last, limit=1).height == 1
    assert ids(questions.topic_posts(acme, topic_id="t-b", day=last)) == [1, 601]
    assert questions.topic_posts(acme, topic_id="t-x", day=last).is_empty()
    best = questions.top(acme, by="topic", window="24h", day=last, limit=9)
    assert best.select("entity_id", "title", "url").rows() == [
        ("t-a", "Title of t-a", "https://t.me/channel1001/1"),
        ("t-b", "Title of t-b", "https://t.me/channel1001/601"),
    ]
    posts = questions.top(acme, by="message", window="24h", day=last, limit=9)
    assert posts.select("entity_id", "title").rows() == [("1001/601", "Post 601 of channel 1001")]
    assert questions.top(acme, by="topic", window="24h", day=DAY, limit=9).is_empty()
