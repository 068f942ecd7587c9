"""Defined results for input that is not news."""

from __future__ import annotations

from datetime import timedelta
from time import process_time

import numpy as np
import polars as pl
import pytest

from tests import builders
from tests.topics import posts
from tgstudio_dagster.topics.cluster import find_topics
from tgstudio_dagster.topics.embed import MOST_REPEATS, embed

RATES = "Официальный курс ЦБ на {day} марта: доллар {a},{b} рубля, евро {c},{b} рубля, юань 12,{a} рубля"


def test_a_flood_of_equal_posts_is_quick_and_one_topic() -> None:
    """A million takes 6 s here; a tenth of it proves the point."""
    count = 100_000
    one = builders.messages({"text": "Биткоин обновил максимум года на торгах, сообщили на бирже", "lang": "ru"})
    flood = one[np.zeros(count, dtype=np.int64)].with_columns(
        channel_id=pl.int_range(count, dtype=pl.Int64) + 1,
        date=pl.col("date") + pl.duration(milliseconds=pl.int_range(count) * 80),
    )
    start = process_time()
    embeddings = embed(flood, flood)
    made = find_topics(flood, embeddings, builders.FIRST + timedelta(days=1))
    assert process_time() - start < 5
    assert embeddings.height == MOST_REPEATS
    assert made.topics["messages"].to_list() == [count]
    assert made.topic_messages["duplicate_of"].null_count() == 1


def test_a_spam_flood_of_one_channel_is_learnt_as_its_own_repeat_and_makes_no_topic() -> None:
    spam = [{"channel_id": 7, "msg_id": n + 1, "text": "Заработок от 5000 в день, пиши"} for n in range(300)]
    made = posts.found(pl.concat([posts.news(), builders.messages(*spam)]))
    assert 7 not in made.topic_messages["channel_id"].to_list()
    assert made.topics.height == 2


@pytest.mark.parametrize("channels", [1, 3])
def test_a_tally_told_daily_does_not_chain_over_days(channels: int) -> None:
    rows = [
        {
            "channel_id": channel + 1,
            "msg_id": day + 1,
            "date": builders.FIRST + timedelta(days=day, minutes=7 * channel),
            "text": RATES.format(day=10 + day, a=90 + day, b=11 * (day % 7), c=98 + day),
            "lang": "ru",
        }
        for day in range(6)
        for channel in range(channels)
    ]
    made = posts.found(builders.messages(*rows), builders.FIRST + timedelta(days=6))
    spans = made.topics.select((pl.col("last_seen") - pl.col("first_seen")).dt.total_hours()).to_series()
    assert (spans < 12).all()
    assert made.topics.height == (0 if channels == 1 else 6)
    assert made.topics["story_id"].n_unique() == made.topics.height


def test_the_same_notice_at_the_same_hour_of_every_day_is_another_each_day() -> None:
    rows = [
        {"channel_id": channel, "msg_id": day + 1, "date": builders.FIRST + timedelta(days=day), "text": posts.METRO[0]}
        for day in range(3)
        for channel in (1, 2)
    ]
    made = posts.found(builders.messages(*rows), builders.FIRST + timedelta(days=3))
    assert made.topics["messages"].to_list() == [2, 2, 2]


def test_clocks_in_the_future_wait_until_their_time_has_come() -> None:
    ahead = builders.messages({"channel_id": 50, "text": posts.METRO[0], "date": posts.AS_OF + timedelta(days=400)})
    made = posts.found(pl.concat([posts.news(), ahead]))
    assert 50 not in made.topic_messages["channel_id"].to_list()


def test_posts_of_ten_thousand_words_and_mixed_scripts() -> None:
    long = " ".join(f"слово{n}" for n in range(10_000))
    mixed = "新闻 مرحبا привет hello नमस्ते שלום 안녕"
    made = posts.found(posts.texts(long, long + " конец", mixed, mixed + "!", "🙂", "", " \n "))
    assert made.topics["messages"].to_list() == [2, 2]


def test_languages_without_spaces_or_stemmers_meet_by_their_characters() -> None:
    made = posts.found(
        posts.texts(
            "中央银行周一将基准利率上调至百分之九以抑制通货膨胀",
            "中央银行将基准利率上调至百分之九，以抑制通货膨胀",
            "新しいパン屋が港に開店しました",
            "Keskuspankki nosti ohjauskoron yhdeksään prosenttiin inflaation vuoksi",
            "Keskuspankin ohjauskorko nousi yhdeksään prosenttiin, syynä inflaatio",
        )
    )
    assert sorted(made.topics["messages"].to_list()) == [2, 2]
