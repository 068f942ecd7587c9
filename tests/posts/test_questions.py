"""The product's questions: the feed's order, filters and pages on both stores, and every file of sql/ against its frames."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import frame, messages
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.lake.questions import ask
from tgstudio_dagster.lake.store import Lake, S3Options, TenantLake
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import RANKINGS, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.newsroom import questions as newsroom
from tgstudio_dagster.posts import questions
from tgstudio_dagster.posts.questions import Place, feed
from tgstudio_dagster.topics import questions as topics

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
    for day, some in by_day.items():
        lake.write(MESSAGES, messages(*some), day=day)


def ids(found: pl.DataFrame) -> list[int]:
    return found["msg_id"].to_list()


def test_the_feed_is_newest_first_over_days(acme: TenantLake) -> None:
    write(acme, *(post(day, n) for day in range(4) for n in range(3)))
    assert ids(feed(acme)) == [day * 100 + n for day in (3, 2, 1, 0) for n in (2, 1, 0)]
    assert ids(feed(acme, limit=4)) == [302, 301, 300, 202]
    assert ids(feed(acme, first=DAY + timedelta(1), last=DAY + timedelta(2))) == [202, 201, 200, 102, 101, 100]


def test_the_feed_of_an_empty_lake_has_its_columns(acme: TenantLake) -> None:
    assert feed(acme).columns == list(questions.FEED_COLUMNS)
    write(acme, post(0, 0))
    assert feed(acme).columns == list(questions.FEED_COLUMNS)
    assert feed(acme).schema == feed(acme, words=["nowhere"]).schema


def test_days_are_read_from_the_newest_and_no_more_than_are_needed(
    acme: TenantLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(acme, *(post(day, n) for day in range(10) for n in range(3)))
    read: list[date] = []
    real = TenantLake.read
    monkeypatch.setattr(TenantLake, "read", lambda self, *a, **k: read.extend(k["days"]) or real(self, *a, **k))
    assert len(feed(acme, limit=3)) == 3
    assert read == [DAY + timedelta(9)]
    assert len(feed(acme, limit=30)) == 30
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
def test_the_feed_is_filtered(acme: TenantLake, given: dict[str, Any], expected: list[int]) -> None:
    write(
        acme,
        post(0, 0, channel="mir", lang="ru", text="Цена: Биткоин растёт"),
        post(0, 1, channel="mir", lang="ru", type="photo", text="биткоин"),
        post(0, 2, channel=None, channel_id=2002, text="abc"),
        post(0, 3, channel="World", text="Up 100% (x) or not"),
        post(0, 4, channel="World", type="service", text=""),
        post(0, 5, channel="World", text="Up 100%", comment_on=3, comment_channel=1001),
    )
    assert ids(feed(acme, **given)) == expected


def test_pages_follow_each_other_without_gap_or_repeat(acme: TenantLake) -> None:
    same = {"date": NOON}
    write(acme, *(post(0, n, **same, channel_id=c) for c in (1, 2) for n in range(5)), *(post(1, n) for n in range(4)))
    whole = feed(acme, limit=100)
    place, pages = None, []
    while (page := feed(acme, before=place, limit=3)).height:
        pages.append(page)
        place = Place(*page.select("date", "channel_id", "msg_id").row(-1))
    assert pl.concat(pages).equals(whole)
    assert whole.height == 14


LETTERS = "abAB ёЁжЖ.%_\\$(éÉ"


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=6),
    words=st.lists(st.text(LETTERS, min_size=1, max_size=3), max_size=2),
)
def test_words_mean_the_same_while_reading_and_in_sql(texts: list[str], words: list[str]) -> None:
    posts = messages(*(post(0, n, text=text) for n, text in enumerate(texts)))
    expected = {n for n, text in enumerate(texts) if all(word.lower() in text.lower() for word in words)}
    lowered = [word.lower() for word in words]
    parameters: dict[str, Any] = {"channels": [], "langs": [], "types": [], "words": lowered}
    parameters |= {"before_date": None, "before_channel": None, "before_id": None}
    assert set(ids(posts.filter(questions._can_be_on_the_page(**parameters)))) == expected
    assert set(ids(ask("feed", {"messages": posts}, parameters | {"limit": 100}))) == expected


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
    assert topics.topics(acme, day=last, limit=9)["topic_id"].to_list() == ["t-b", "t-a"]
    assert topics.topics(acme, day=last, limit=1).height == 1
    assert ids(topics.topic_posts(acme, topic_id="t-b", day=last)) == [1, 601]
    assert topics.topic_posts(acme, topic_id="t-x", day=last).is_empty()
    best = topics.top(acme, by="topic", window="24h", day=last, limit=9)
    assert best.select("entity_id", "title", "url").rows() == [
        ("t-a", "Title of t-a", "https://t.me/channel1001/1"),
        ("t-b", "Title of t-b", "https://t.me/channel1001/601"),
    ]
    posts = topics.top(acme, by="message", window="24h", day=last, limit=9)
    assert posts.select("entity_id", "title").rows() == [("1001/601", "Post 601 of channel 1001")]
    assert topics.top(acme, by="topic", window="24h", day=DAY, limit=9).is_empty()


def package(order: str, platform: str) -> dict[str, Any]:
    texts = dict.fromkeys(["text_short", "text_medium", "text_long", "text", "cta"], "x")
    row = {"platform": platform, "package_id": f"{order}-{platform}", "post_time": NOON, **texts}
    return {**row, "hashtags": [], "checks": []}


def test_packages_come_with_their_editor_result_newest_order_first(acme: TenantLake) -> None:
    texts = {name: name for name, dtype in EDITOR_RESULTS.schema.items() if dtype == pl.String}
    result = {**texts, "overlap": 0.1, "as_of": NOON}
    lists = {name: [] for name, dtype in EDITOR_RESULTS.schema.items() if isinstance(dtype, pl.List)}
    for order in ("acme-01", "acme-02"):
        acme.write(CONTENT_PACKAGES, frame(CONTENT_PACKAGES, [package(order, p) for p in ("vk", "tg")]), order=order)
        acme.write(EDITOR_RESULTS, frame(EDITOR_RESULTS, [{**result, **lists}]), order=order)
    every = [("acme-02", "tg"), ("acme-02", "vk"), ("acme-01", "tg"), ("acme-01", "vk")]
    assert newsroom.packages(acme, orders=None).select("order_id", "platform").rows() == every
    assert (
        newsroom.packages(acme, orders=["acme-01"]).select("order_id", "headline").rows()
        == [("acme-01", "headline")] * 2
    )
    assert newsroom.packages(acme, orders=["acme-09"]).is_empty()
    assert newsroom.packages(acme, orders=[]).is_empty()


def test_a_question_that_fails_is_an_error_that_names_its_file() -> None:
    with pytest.raises(QueryError, match=r"sql/topics\.sql: .*topics"):
        ask("topics", {}, {"limit": 1})
