"""What topics are called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tgstudio_dagster.topics.label import TopicNames, TopicTexts, headline, label, timeline, title
from tgstudio_dagster.topics.lexical import DIMENSIONS

EVEN = np.ones(DIMENSIONS, dtype=np.float32)


def members(*posts: dict[str, Any]) -> pl.DataFrame:
    """Posts of topics, of topic 0 and in Russian unless they say otherwise."""
    defaults = {"topic": 0, "lang": "ru", "forwarded_from": None, "duplicate_of": None, "similarity": 0.5}
    rows = [
        {**defaults, "channel_id": n + 1, "msg_id": 1, "date": builders.FIRST + timedelta(minutes=n), **post}
        for n, post in enumerate(posts)
    ]
    return pl.DataFrame(rows, schema_overrides={"forwarded_from": pl.String, "duplicate_of": pl.String})


def labelled(*posts: dict[str, Any], **given: Any) -> dict[str, Any]:
    return label(members(*posts), EVEN, **given).row(0, named=True)


@pytest.mark.parametrize(
    "call",
    [
        "Подписаться на канал Столица | Прислать новость",
        "👉 Подписывайтесь: Новости дня",
        "Подписывайтесь на нас!",
        "Читать далее",
        "Читайте также",
        "Подробнее — на нашем сайте:",
        "Больше новостей в канале Город",
        "Реклама. ООО «Ромашка» ИНН 7707492166. erid: 2Vtzqx3ZUR5",
        "Subscribe to The Daily",
        "Join us on Telegram",
        "Read more:",
        "Підписатися на Новини",
        "12:30, 15.04",
        "🔥🔥🔥",
        "— | —",
    ],
)
def test_calls_to_the_reader_numbers_and_signs_are_no_title(call: str) -> None:
    assert headline(call) == ""
    assert title(f"{call}\nМост закрыт до пятницы. Объезд есть.") == "Мост закрыт до пятницы"
    labels = labelled({"clean": call}, {"clean": f"{call}\nМост через реку закрыт до пятницы", "similarity": 0.1})
    assert labels["title"] == "Мост через реку закрыт до пятницы"
    assert (labels["channel_id"], labels["msg_id"]) == (2, 1)
    assert not {"подписаться", "подписывайтесь", "subscribe", "реклама", "erid", "канал"} & set(labels["keywords"])


@pytest.mark.parametrize(
    "news",
    [
        "Подписка на музыку подорожает с января",
        "Реклама на радио подешевела за год вдвое",
        "Читатели выбрали книгу года",
        "Подробности крушения раскрыл следователь после осмотра чёрных ящиков самолёта и опроса всех свидетелей события",
        "Subscription prices rise in March",
        "Advertising spending falls again",
    ],
)
def test_news_of_adverts_and_subscriptions_is_news(news: str) -> None:
    assert headline(news) != ""


def test_numbers_alone_get_a_name_without_words() -> None:
    labels = labelled({"clean": "12 345\n+7"}, {"clean": "12 399"}, {"clean": ""})
    assert (labels["title"], labels["keywords"]) == ("Без слов: 3", [])
    assert labelled({"clean": "7", "lang": "und"})["title"] == "Without words: 1"


def test_keywords_are_words_of_this_topic_and_not_of_all() -> None:
    storm = [
        "шторм сорвал крыши домов города",
        "шторм сорвал крыши, сообщили власти города",
        "власти: шторм идёт на спад",
    ]
    rate = ["банк поднял ставку, сообщили власти города", "ставка банка выросла", "банк объяснил ставку города"]
    vote = ["выборы мэра города", "на выборах мэра города победил сосед", "власти города сообщили итоги выборов"]
    posts = [{"topic": n, "clean": text} for n, group in enumerate((storm, rate, vote)) for text in group]
    rows = label(members(*posts), EVEN)
    assert [row["keywords"][0] for row in rows.to_dicts()] == ["шторм", "банк", "выборы"]
    assert all(5 <= len(words) <= 10 for words in rows["keywords"])


def test_keywords_are_in_the_topic_s_language_where_it_has_enough() -> None:
    russian = {"clean": "Стадион открыли после долгого ремонта, болельщики довольны газоном"}
    labels = labelled(russian, russian, {"clean": "The stadium opened again after repairs", "lang": "en"})
    assert (labels["lang"], labels["langs"]) == ("ru", ["ru", "en"])
    assert not any(word.isascii() for word in labels["keywords"])
    few = labelled({"clean": "Гол"}, {"clean": "Гол"}, {"clean": "The stadium opened again today", "lang": "en"})
    assert "stadium" in few["keywords"]


def test_languages_that_could_not_be_told_do_not_decide() -> None:
    posts = [{"clean": "Гол!", "lang": "und"}] * 3 + [{"clean": "Команда забила гол на последней минуте"}]
    assert labelled(*posts)["lang"] == "ru"


def test_the_representative_is_an_own_post_with_a_headline_and_the_most_central() -> None:
    labels = labelled(
        {"clean": "Что случилось на мосту через реку?", "similarity": 0.9},
        {"clean": "Мост через реку закрыт до пятницы", "similarity": 0.9, "forwarded_from": "Elsewhere"},
        {"clean": "Власти закрыли мост через реку", "similarity": 0.6},
        {"clean": "Движение по мосту остановили власти", "similarity": 0.7},
    )
    assert labels["channel_id"] == 4


def test_a_model_names_topics_where_one_is_given() -> None:
    requests: list[TopicTexts] = []

    def namer(topics: Sequence[TopicTexts]) -> list[TopicNames]:
        requests.extend(topics)
        return [
            TopicNames("  Мост\nзакрыт. ", ("мост", "Ремонт")),
            TopicNames("Подписывайтесь на нас"),
            TopicNames("1234 🔥", ("🔥",)),
        ]

    posts = [{"topic": n, "clean": f"Мост номер {name} закрыли власти города"} for n, name in enumerate("абв")]
    rows = label(members(*posts), EVEN, namer)
    assert rows["title"].to_list() == ["Мост закрыт", requests[1].title, requests[2].title]
    assert rows["keywords"].to_list()[0][:2] == ["мост", "Ремонт"]
    assert all(len({word.casefold() for word in words}) == len(words) <= 10 for words in rows["keywords"])
    assert requests[0].texts == ("Мост номер а закрыли власти города",)


def test_a_timeline_counts_posts_by_hour_and_day_and_channel() -> None:
    hours = [0.1, 0.9, 1.5, 25]
    posts = pl.DataFrame(
        {
            "topic_id": ["t-1"] * 4,
            "channel_id": [1, 1, 2, 1],
            "msg_id": [1, 2, 3, 4],
            "date": [builders.FIRST + timedelta(hours=n) for n in hours],
        }
    )
    by_hour = timeline(posts)
    assert by_hour["posts"].to_list() == [2, 1, 1]
    assert by_hour["at"][0] == builders.FIRST
    assert timeline(posts, "1d").select("channel_id", "posts").rows() == [(1, 2), (2, 1), (1, 1)]


@given(st.lists(st.text(max_size=120), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_every_title_has_a_word_and_fits(texts: list[str]) -> None:
    row = labelled(*({"clean": text.strip()} for text in texts))
    assert 0 < len(row["title"]) <= 90
    assert any(sign.isalpha() for sign in row["title"])
    assert len(row["keywords"]) <= 10
