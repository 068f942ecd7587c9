"""Defined results for input that is not news: through features, topics, ranking, map and search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.topics import posts
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGES
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.search.build import index_day
from tgstudio_dagster.search.find import Search
from tgstudio_dagster.topics.cluster import Topics, find_topics
from tgstudio_dagster.topics.embed import MOST_REPEATS, embed
from tgstudio_dagster.topics.map import lay_out
from tgstudio_dagster.topics.rank import rank

RATES = "Официальный курс ЦБ на {day} марта: доллар {a},{b} рубля, евро {c},{b} рубля, юань 12,{a} рубля"


@dataclass(frozen=True)
class Studio:
    """What a tenant with these posts gets."""

    topics: Topics
    ranked: pl.DataFrame
    laid: pl.DataFrame
    index: pl.DataFrame

    def first(self, kind: str, window: str = "24h") -> dict[str, Any]:
        """The strongest post or topic."""
        chosen = self.ranked.filter(pl.col("entity_kind") == kind, pl.col("window") == window).sort("rank")
        return chosen.row(0, named=True)


def studio(messages: pl.DataFrame, stats: pl.DataFrame | None = None, as_of: datetime = posts.AS_OF) -> Studio:
    """Every step, and what holds of its result whatever came in."""
    result = _steps(messages, stats, as_of)
    again = _steps(messages.reverse(), None if stats is None else stats.reverse(), as_of)
    for single, other in zip(_frames(result), _frames(again), strict=True):
        assert single.equals(other)

    members = result.topics.topic_messages
    counted = messages.select("channel_id", "msg_id")
    assert members.join(counted, on=["channel_id", "msg_id"], how="anti").is_empty()
    assert not members.select("channel_id", "msg_id").is_duplicated().any()
    assert (result.topics.topics["title"].str.strip_chars() != "").all()
    assert members["similarity"].is_between(0, 1).all()
    for frame in (result.ranked, result.laid):
        for column in frame.select(pl.col(pl.Float64)):
            assert all(math.isfinite(value) for value in column.drop_nulls())
    for (_, _), group in result.ranked.group_by("entity_kind", "window"):
        assert sorted(group["rank"]) == list(range(1, group.height + 1))
    return result


def _steps(messages: pl.DataFrame, stats: pl.DataFrame | None, as_of: datetime) -> Studio:
    embeddings = embed(messages, messages)
    topics = find_topics(messages, embeddings, as_of)
    readings = MESSAGE_STATS.empty() if stats is None else stats
    ranked = rank(messages, readings, topics.topics, topics.topic_messages, as_of)
    laid = lay_out(embeddings, topics.topic_messages, topics.topics, None)
    return Studio(topics, ranked, laid, index_day(messages).sort("channel_id", "msg_id"))


def _frames(made: Studio) -> list[pl.DataFrame]:
    return [made.topics.topics, made.topics.topic_messages, made.ranked, made.laid, made.index]


def search(folder: Path, messages: pl.DataFrame) -> Search:
    """The tenant's search over these posts."""
    lake = Lake(str(folder / "lake")).tenant("acme")
    for (day,), part in messages.group_by(pl.col("date").dt.date(), maintain_order=True):
        lake.write(MESSAGES, part, day=day)  # type: ignore[arg-type]
        lake.write(SEARCH_INDEX, index_day(part), day=day)  # type: ignore[arg-type]
    return Search(lake, folder / "home")


def readings(messages: pl.DataFrame, *views: int | None, **counters: int) -> pl.DataFrame:
    """MESSAGE_STATS of every post: its views hour by hour, other counters the same each time."""
    keys = messages.select("channel_id", "msg_id", "date").to_dicts()
    rows = [
        {
            "channel_id": key["channel_id"],
            "msg_id": key["msg_id"],
            "observed_at": key["date"] + timedelta(hours=hour + 1),
            "views": count,
            **counters,
        }
        for key in keys
        for hour, count in enumerate(views)
    ]
    return builders.frame(MESSAGE_STATS, rows)


def test_no_post_at_all_is_nothing_anywhere() -> None:
    result = studio(builders.messages())
    assert all(frame.is_empty() for frame in _frames(result))


def test_one_post_is_ranked_and_found_and_makes_no_topic(tmp_path: Path) -> None:
    single = posts.texts(posts.METRO[0], lang="ru")
    result = studio(single)
    assert result.topics.topics.is_empty()
    assert result.first("message")["entity_id"] == "1/1"
    assert result.laid["method"].to_list() == ["pca: 1 distinct posts, umap needs 15"]
    assert [hit.msg_id for hit in search(tmp_path, single).find("водовод").hits] == [1]


def test_empty_texts_and_bare_emoji_are_ranked_and_nothing_else(tmp_path: Path) -> None:
    bare = posts.texts("", " \n ", "🙂", "🙂🙂", "👍🏽", "…", "https://t.me/a", "\u200b\u200b")
    result = studio(pl.concat([posts.news(), bare.with_columns(channel_id=pl.col("channel_id") + 100)]))
    assert result.topics.topic_messages["channel_id"].max() < 100  # type: ignore[operator]
    assert result.topics.topics.height == 2
    ranked = result.ranked.filter((pl.col("entity_kind") == "message") & (pl.col("window") == "24h"))
    assert ranked.height == posts.news().height + bare.height
    alone = studio(bare)
    assert alone.topics.topics.is_empty()
    assert set(alone.laid["method"]) <= {"pca: no post with features", "pca: 1 distinct posts, umap needs 15"}
    assert search(tmp_path, bare).find("метро").hits == []


def test_letters_of_another_alphabet_in_a_word_hide_nothing() -> None:
    """Some write Latin letters that look Cyrillic, so that copies are not found."""
    result = studio(posts.texts("Сегодня день отказа от курения", "Сегодня дeнь oткaзa oт куpeния", *posts.ALONE))
    assert result.topics.topics["messages"].to_list() == [2]


def test_missing_counters_leave_the_order_to_time_and_what_is_known() -> None:
    news = posts.news()
    result = studio(news, readings(news, None, None))
    assert set(result.ranked["engagement"]) == {0.0}
    assert result.ranked["views_term"].null_count() == result.ranked.height
    assert result.first("message")["entity_id"] == "22/8"  # the newest
    counted = studio(news, readings(news, None, reactions=7))
    assert counted.ranked["reactions_read"].to_list() == [7] * counted.ranked.height
    assert counted.ranked["views_read"].null_count() == counted.ranked.height


def test_counters_that_fall_to_zero_or_below_count_as_last_read() -> None:
    news = posts.news()
    for last in (3, 0, -5):
        result = studio(news, readings(news, 900, 5000, last))
        assert set(result.ranked["views_read"]) == {max(last, 0)}
        assert result.ranked["views_term"].is_between(-2, 4).all()


def test_absurd_counters_stay_within_the_bounds_of_a_term() -> None:
    news = posts.news()
    calm, wild = readings(news.head(4), 100), readings(news.tail(4), 2**62, forwards=2**62, reactions=0)
    result = studio(news, pl.concat([calm, wild]))
    assert result.ranked["engagement"].is_between(-2, 4).all()


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(days=400), timedelta(days=2_900_000)])
def test_clocks_in_the_future_wait_until_their_time_has_come(tmp_path: Path, ahead: timedelta) -> None:
    late = builders.messages({"channel_id": 50, "text": posts.METRO[0], "date": posts.AS_OF + ahead, "lang": "ru"})
    every = pl.concat([posts.news(), late])
    result = studio(every, readings(posts.news(), 10))
    assert 50 not in result.topics.topic_messages["channel_id"].to_list()
    assert "50/1" not in result.ranked["entity_id"].to_list()
    assert 50 in [hit.channel_id for hit in search(tmp_path, every).find("водовод").hits]


def test_readings_from_the_future_count_as_a_first_reading() -> None:
    news = posts.news()
    ahead = readings(news, 70).with_columns(pl.col("observed_at") + timedelta(days=400))
    assert set(studio(news, ahead).ranked["views_read"]) == {70}


@given(st.lists(st.text(max_size=80), min_size=1, max_size=8))
@settings(deadline=None, max_examples=25)
def test_any_texts_go_through_every_step(texts: list[str]) -> None:
    studio(posts.texts(*(text.encode("utf-8", "replace").decode() for text in texts)))


def test_a_flood_of_equal_posts_is_quick_and_one_topic() -> None:
    """A million takes 6 s here; a tenth of it proves the point."""
    count = 100_000
    single = builders.messages({"text": "Биткоин обновил максимум года на торгах, сообщили на бирже", "lang": "ru"})
    flood = single[np.zeros(count, dtype=np.int64)].with_columns(
        channel_id=pl.int_range(count, dtype=pl.Int64) + 1,
        date=pl.col("date") + pl.duration(milliseconds=pl.int_range(count) * 80),
    )
    end = builders.FIRST + timedelta(days=1)
    start = process_time()
    embeddings = embed(flood, flood)
    result = find_topics(flood, embeddings, end)
    assert process_time() - start < 5
    assert embeddings.height == MOST_REPEATS
    assert result.topics["messages"].to_list() == [count]
    assert result.topic_messages["duplicate_of"].null_count() == 1
    ranked = rank(flood, MESSAGE_STATS.empty(), result.topics, result.topic_messages, end)
    assert ranked.filter(entity_kind="message", window="7d").height == count
    assert lay_out(embeddings, result.topic_messages, result.topics, None).select("x", "y").n_unique() == 1
    assert process_time() - start < 15


def test_a_spam_flood_of_one_channel_is_learnt_as_its_own_repeat_and_makes_no_topic() -> None:
    spam = [{"channel_id": 7, "msg_id": n + 1, "text": "Заработок от 5000 в день, пиши"} for n in range(300)]
    result = studio(pl.concat([posts.news(), builders.messages(*spam)]))
    assert 7 not in result.topics.topic_messages["channel_id"].to_list()
    assert result.topics.topics.height == 2


def test_a_spam_flood_in_changing_words_joins_no_news() -> None:
    """What most posts of a window say drops out of their features, and numbers alone bring nothing together."""
    spam = [
        {"channel_id": 7, "msg_id": n + 1, "text": f"Заработок от {5000 + n} в день, пиши мне в личку, место {n}"}
        for n in range(300)
    ]
    every = pl.concat([posts.news(), builders.messages(*spam)])
    result = posts.found(every)
    assert 7 not in result.topic_messages["channel_id"].to_list()
    ranked = rank(every, MESSAGE_STATS.empty(), result.topics, result.topic_messages, posts.AS_OF)
    assert ranked.filter(entity_kind="topic", window="24h")["channels"].to_list() == [3, 3]


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
    result = posts.found(builders.messages(*rows), builders.FIRST + timedelta(days=6))
    spans = result.topics.select((pl.col("last_seen") - pl.col("first_seen")).dt.total_hours()).to_series()
    assert (spans < 12).all()
    assert result.topics.height == (0 if channels == 1 else 6)
    assert result.topics["story_id"].n_unique() == result.topics.height


def test_the_same_notice_at_the_same_hour_of_every_day_is_another_each_day() -> None:
    rows = [
        {"channel_id": channel, "msg_id": day + 1, "date": builders.FIRST + timedelta(days=day), "text": posts.METRO[0]}
        for day in range(3)
        for channel in (1, 2)
    ]
    result = posts.found(builders.messages(*rows), builders.FIRST + timedelta(days=3))
    assert result.topics["messages"].to_list() == [2, 2, 2]


def test_posts_of_ten_thousand_words_and_mixed_scripts_meet_their_like() -> None:
    long = " ".join(f"слово{n}" for n in range(10_000))
    mixed = "新闻 مرحبا привет hello नमस्ते שלום 안녕"
    result = studio(posts.texts(long, long + " конец", mixed, mixed + "!", "🙂", "", " \n "))
    assert result.topics.topics["messages"].to_list() == [2, 2]
    assert (result.topics.topics["title"].str.len_chars() <= 200).all()


def test_languages_without_spaces_or_stemmers_meet_by_their_characters() -> None:
    result = posts.found(
        posts.texts(
            "中央银行周一将基准利率上调至百分之九以抑制通货膨胀",
            "中央银行将基准利率上调至百分之九，以抑制通货膨胀",
            "新しいパン屋が港に開店しました",
            "Keskuspankki nosti ohjauskoron yhdeksään prosenttiin inflaation vuoksi",
            "Keskuspankin ohjauskorko nousi yhdeksään prosenttiin, syynä inflaatio",
        )
    )
    assert sorted(result.topics["messages"].to_list()) == [2, 2]
