"""One topic's page, splits and merges, and the map, as the product asks for them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests import builders
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_CHANGES, TOPIC_MAP, TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.topics.colours import WITHOUT_STORY, story_colour
from tgstudio_dagster.topics.topic_page import topic, topic_changes, topic_map

DAY = builders.FIRST.date()
BEFORE = DAY - timedelta(days=1)
ONE, OTHER, GONE = "t-000000000001", "t-000000000002", "t-000000000003"
STORY = "s-000000000001"


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    """A topic of four posts of two days, two of which repeat the first; another that split off; one that was merged."""
    opened = Lake(str(tmp_path / "lake")).tenant("acme")
    first = builders.FIRST - timedelta(hours=13)  # 23:00 of the day before
    rows = [
        {"channel_id": 1, "msg_id": 1, "date": first, "text": "The  first\ntext"},
        {"channel_id": 2, "msg_id": 2, "date": builders.FIRST, "text": "Its repeat"},
        {"channel_id": 2, "msg_id": 3, "date": builders.FIRST + timedelta(minutes=5), "text": "Its repeat"},
        {"channel_id": 3, "msg_id": 4, "date": builders.FIRST + timedelta(minutes=9), "text": "Another text"},
        {"channel_id": 4, "msg_id": 1, "date": builders.FIRST, "text": "A stranger"},
    ]
    opened.write(MESSAGES, builders.messages(rows[0]), day=BEFORE)
    opened.write(MESSAGES, builders.messages(*rows[1:]), day=DAY)
    common = {
        "keywords": ["text"], "lang": "en", "langs": ["en"], "first_seen": first, "last_seen": rows[3]["date"],
        "messages": 4, "channels": 3, "channel_id": 1, "msg_id": 1, "story_id": STORY,
    }  # fmt: skip
    today = [{"topic_id": ONE, "title": "One today"} | common, {"topic_id": OTHER, "title": "The other"} | common]
    opened.write(TOPICS, builders.frame(TOPICS, today), day=DAY)
    yesterday = [{"topic_id": ONE, "title": "One yesterday"} | common, {"topic_id": GONE, "title": "Gone"} | common]
    opened.write(TOPICS, builders.frame(TOPICS, yesterday), day=BEFORE)
    members = [
        {"topic_id": ONE, "similarity": 0.5, "duplicate_of": "1/1" if row["channel_id"] == 2 else None}
        | {name: row[name] for name in ("channel_id", "msg_id", "date")}
        for row in rows[:4]
    ]
    opened.write(TOPIC_MESSAGES, builders.frame(TOPIC_MESSAGES, members), day=DAY)
    changes = [
        {"kind": "split", "topic_id": ONE, "other_id": OTHER, "shared": 2},
        {"kind": "merge", "topic_id": ONE, "other_id": GONE, "shared": 3},
    ]
    opened.write(TOPIC_CHANGES, builders.frame(TOPIC_CHANGES, changes), day=DAY)
    places = [
        {"channel_id": row["channel_id"], "msg_id": row["msg_id"], "x": 1.0, "y": 2.0, "method": "umap"}
        | ({} if row["channel_id"] == 4 else {"topic_id": ONE, "story_id": STORY})
        for row in rows
    ]
    opened.write(TOPIC_MAP, builders.frame(TOPIC_MAP, places), day=DAY)
    return opened


def test_a_topic_s_repeats_are_folded_under_the_post_they_repeat(lake: TenantLake) -> None:
    page = topic(lake, topic_id=ONE, day=DAY)
    assert page is not None
    assert page.posts["text"].to_list() == ["The  first\ntext", "Another text"]
    assert [[post["msg_id"] for post in row] for row in page.posts["repeats"]] == [[2, 3], []]


def test_a_topic_s_timeline_counts_posts_by_hour_and_channel(lake: TenantLake) -> None:
    page = topic(lake, topic_id=ONE, day=DAY)
    assert page is not None
    rows = page.timeline.select("hour", "channel_id", "posts", "repeats").rows()
    night, noon = builders.FIRST - timedelta(hours=13), builders.FIRST
    assert rows == [(night, 1, 1, 0), (noon, 2, 2, 2), (noon, 3, 1, 0)]


def test_a_topic_s_page_has_its_row_with_the_representative_post(lake: TenantLake) -> None:
    page = topic(lake, topic_id=ONE, day=DAY)
    assert page is not None
    (row,) = page.topic.to_dicts()
    assert (row["title"], row["text"], row["channel"]) == ("One today", "The  first\ntext", "channel1")
    assert topic(lake, topic_id="t-ffffffffffff", day=DAY) is None


def test_a_repeat_whose_post_left_the_topic_stands_for_itself(lake: TenantLake) -> None:
    members = lake.read(TOPIC_MESSAGES, days=[DAY])
    lake.write(TOPIC_MESSAGES, members.filter(members["channel_id"] != 1), day=DAY)
    page = topic(lake, topic_id=ONE, day=DAY)
    assert page is not None
    assert page.posts["msg_id"].to_list() == [2, 3, 4]


def test_splits_and_merges_name_both_topics_also_the_one_that_is_no_more(lake: TenantLake) -> None:
    lines = topic_changes(lake, days=[DAY])
    changes = lines.select("day", "kind", "title", "other_title", "shared").rows()
    assert changes == [(DAY, "merge", "One today", "Gone", 3), (DAY, "split", "One today", "The other", 2)]
    assert topic_changes(lake, days=[DAY], topic_id=OTHER)["kind"].to_list() == ["split"]
    assert topic_changes(lake, days=[BEFORE]).is_empty()


def test_the_map_has_a_colour_for_each_story_and_a_line_of_each_text(lake: TenantLake) -> None:
    page = topic_map(lake, day=DAY)
    assert page.reason is None
    assert page.points["excerpt"].to_list()[0] == "The first text"
    assert page.points["title"].to_list() == ["One today"] * 4 + [None]
    assert page.points["colour"].to_list() == [story_colour(STORY)] * 4 + [WITHOUT_STORY]
    assert {"x", "y", "channel", "msg_id", "url", "topic_id", "story_id"} <= set(page.points.columns)


def test_a_map_of_too_few_posts_says_so(lake: TenantLake) -> None:
    places = lake.read(TOPIC_MAP, days=[DAY])
    few = places.with_columns(method=places["method"].replace("umap", "pca: 5 distinct posts, umap needs 15"))
    lake.write(TOPIC_MAP, few, day=DAY)
    assert topic_map(lake, day=DAY).reason == "5 distinct posts, umap needs 15"
    nothing = topic_map(lake, day=DAY + timedelta(days=30))
    assert nothing.points.is_empty() and nothing.reason == "no post with a text"
