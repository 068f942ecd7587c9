"""Group chats: replies and nearness in time hold a talk together, courtesies are no topic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tests import builders, cases
from tgstudio_dagster.topics.cluster import Topics, find_topics
from tgstudio_dagster.topics.embed import embed, topical
from tgstudio_dagster.topics.talks import chats, is_courtesy

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
CHAT = 5


def said(*lines: str, at: datetime = NOON, first: int = 1, gap: float = 45, **given: Any) -> list[dict[str, Any]]:
    """Posts of people in a chat, `gap` seconds apart, two people by turns."""
    return [
        {
            "channel_id": CHAT,
            "msg_id": first + n,
            "text": line,
            "sender_id": 100 + n % 2,
            "date": at + timedelta(seconds=gap * n),
            "lang": "ru",
            **given,
        }
        for n, line in enumerate(lines)
    ]


def topics_of(messages: pl.DataFrame) -> Topics:
    newest = messages["date"].max()
    assert isinstance(newest, datetime)
    return find_topics(messages, embed(messages), newest)


def members(topics: Topics) -> list[list[int]]:
    """The message ids of each topic."""
    frame = topics.topic_messages.sort("date", "msg_id")
    return sorted(part["msg_id"].to_list() for part in frame.partition_by("topic_id"))


LEAK = (
    "у нас на кухне течёт труба",
    "вызвал сантехника?",
    "приедет только вечером",
    "перекрой пока воду",
    "кран заржавел",
)
TRIP = (
    "кто едет на дачу в субботу",
    "мы с детьми на машине",
    "возьмите мангал",
    "уголь купим по дороге",
    "выезжаем в девять",
)


def test_a_chat_of_courtesies_and_one_talk_makes_one_topic_of_the_talk() -> None:
    topics = topics_of(cases.posts("group_small_talk"))
    assert members(topics) == [list(range(15, 29))]
    title, keywords = topics.topics.select("title", "keywords").row(0)
    assert "открывается" in title
    assert {"ворд", "файл"} <= set(keywords)


def test_talks_hours_apart_are_two_topics() -> None:
    rows = said(*LEAK) + said(*TRIP, at=NOON + timedelta(hours=3), first=20)
    assert members(topics_of(builders.messages(*rows))) == [[1, 2, 3, 4, 5], [20, 21, 22, 23, 24]]


def test_replies_hold_a_slow_talk_together() -> None:
    rows = said(*LEAK, gap=3600)
    assert members(topics_of(builders.messages(*rows))) == []
    answering = [row | {"reply_to": row["msg_id"] - 1 if row["msg_id"] > 1 else None} for row in rows]
    pairs = members(topics_of(builders.messages(*answering)))
    assert sum(map(len, pairs)) >= 4


def test_a_day_of_a_busy_chat_is_no_single_topic() -> None:
    words = [f"{a}{b}{c}" for a in "бвгдж" for b in "аеиоу" for c in "клмнр"]
    lines = [f"{words[n % 125]} {words[(7 * n + 3) % 125]} {words[(11 * n + 5) % 125]} {n}" for n in range(600)]
    topics = topics_of(builders.messages(*said(*lines, gap=30)))
    assert max(map(len, members(topics)), default=0) <= 100


def test_posts_of_a_channel_are_not_held_together_by_time() -> None:
    rows = said(*LEAK, sender_id=None, channel_id=6)
    assert members(topics_of(builders.messages(*rows))) == []


def test_one_person_alone_makes_no_chat() -> None:
    assert chats(builders.messages(*said(*LEAK, sender_id=7))) == []
    assert chats(builders.messages(*said(*LEAK))) == [CHAT]


@pytest.mark.parametrize(
    "text",
    ["ок", "Ок 👍", "Спасибо большое!", "ахахаха", "хахах", "да", "ну да", "я не знаю", "+1", "до завтра!", "Доброе утро всем",
     "👍👍", "Thank you so much", "lol", "haha", "Good morning", "ok, thanks", "grazie", "谢谢", "ขอบคุณ ครับ"],
)  # fmt: skip
def test_courtesies_say_nothing(text: str) -> None:
    assert is_courtesy(text)


@pytest.mark.parametrize(
    "text",
    [
        "не открывается",
        "спасибо за файл",
        "pdf же",
        "хабаровск",
        "охота",
        "Гаага",
        "ехать",
        "meeting moved",
        "пожар",
        "地震",
        "น้ำท่วม",
        "х" * 81,
    ],
)
def test_what_names_a_thing_says_something(text: str) -> None:
    assert not is_courtesy(text)


def test_courtesies_of_a_channel_itself_stay() -> None:
    rows = [{"channel_id": 1, "text": "Спасибо"}, {"channel_id": 2, "text": "Спасибо", "sender_id": 9}]
    assert topical(builders.messages(*rows))["channel_id"].to_list() == [1]
