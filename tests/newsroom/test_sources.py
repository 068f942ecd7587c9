"""What an order is written from: the topic's living posts, without what their channels repeat."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.builders import frame, messages
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.lake.store import Lake, TenantLake
from tgstudio_dagster.lake.tables.posts import MESSAGES
from tgstudio_dagster.lake.tables.topics import TOPIC_MESSAGES, TOPICS
from tgstudio_dagster.newsroom.sources import Subject, chosen_id, missing_posts, read_chosen, read_source, read_topic

DAY = date(2026, 3, 14)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
FOOTER = "Подписаться | t.me/city"


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    store = Lake(str(tmp_path)).tenant("acme")
    posts = [
        {"channel_id": 1, "msg_id": n, "date": NOON + timedelta(minutes=n), "text": f"Новость {n}.\n\n{FOOTER}"}
        for n in range(1, 11)
    ]
    posts[2]["deleted_at"] = NOON + timedelta(hours=1)
    store.write(MESSAGES, messages(*posts), day=DAY)
    topic = {
        "topic_id": "t-1", "title": "Новость", "keywords": [], "lang": "ru", "first_seen": NOON, "last_seen": NOON,
        "messages": 3, "channels": 1, "channel_id": 1, "msg_id": 2, "story_id": "s-1",
    }  # fmt: skip
    members = [
        {"topic_id": "t-1", "channel_id": 1, "msg_id": n, "date": NOON, "similarity": 0.5, "duplicate_of": None}
        for n in (1, 2, 3)
    ]
    store.write(TOPICS, frame(TOPICS, [topic]), day=DAY)
    store.write(TOPIC_MESSAGES, frame(TOPIC_MESSAGES, members), day=DAY)
    return store


def test_the_representative_stands_first_and_a_deleted_post_is_left_out(lake: TenantLake) -> None:
    assert read_topic(lake, "t-1", DAY).messages["msg_id"].to_list() == [2, 1]


def test_a_footer_is_not_handed_to_the_writer(lake: TenantLake) -> None:
    texts = read_topic(lake, "t-1", DAY).messages["text"]
    assert texts.to_list() == ["Новость 2.", "Новость 1."]


def test_an_unknown_topic_says_where_to_look(lake: TenantLake) -> None:
    with pytest.raises(NotFoundError, match="tgstudio topics"):
        read_topic(lake, "t-2", DAY)


def test_a_topic_whose_posts_are_all_deleted_says_so(lake: TenantLake) -> None:
    gone = lake.read(MESSAGES, days=[DAY]).with_columns(deleted_at=pl.lit(NOON, dtype=MESSAGES.schema["deleted_at"]))
    lake.write(MESSAGES, gone, day=DAY)
    with pytest.raises(NotFoundError, match="deleted"):
        read_topic(lake, "t-1", DAY)


def test_chosen_posts_are_read_as_if_they_were_a_topic_the_most_viewed_first(lake: TenantLake) -> None:
    posts = lake.read(MESSAGES, days=[DAY])
    lake.write(MESSAGES, posts.with_columns(views=pl.when(msg_id=7).then(900).otherwise(5).cast(pl.Int64)), day=DAY)
    source = read_chosen(lake, [(1, 9), (1, 1), (1, 7), (1, 3)], DAY)
    assert source.messages["msg_id"].to_list() == [7, 1, 9]
    assert source.topic == Subject(chosen_id([(1, 1), (1, 3), (1, 7), (1, 9)]))
    assert FOOTER not in source.messages["text"][0]


def test_chosen_posts_take_the_keywords_of_the_topic_most_of_them_belong_to(lake: TenantLake) -> None:
    topic = lake.read(TOPICS, days=[DAY]).with_columns(keywords=pl.lit(["метро"]))
    lake.write(TOPICS, topic, day=DAY)
    assert read_chosen(lake, [(1, 1), (1, 8)], DAY).topic.keywords == ("метро",)
    assert read_chosen(lake, [(1, 8)], DAY).topic.keywords == ()


def test_a_post_that_is_not_in_the_window_is_named(lake: TenantLake) -> None:
    assert missing_posts(lake, [(1, 1), (1, 99), (2, 1)], DAY) == [(1, 99), (2, 1)]
    with pytest.raises(NotFoundError, match="1/99, 2/1 are not among"):
        read_chosen(lake, [(1, 1), (1, 99), (2, 1)], DAY)
    with pytest.raises(NotFoundError, match="1/1 is not among"):
        read_source(lake, DAY - timedelta(days=1), topic_id=None, messages=[[1, 1]])


def test_the_id_of_chosen_posts_does_not_depend_on_their_order() -> None:
    assert chosen_id([(1, 2), (3, 4)]) == chosen_id([(3, 4), (1, 2), (1, 2)]) != chosen_id([(1, 2)])
