"""New posts join topics at once."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from tests import builders
from tests.topics import posts
from tgstudio_dagster.topics.attach import Index, attach, prepare
from tgstudio_dagster.topics.cluster import Topics
from tgstudio_dagster.topics.embed import embed


def _index(frame: pl.DataFrame) -> tuple[Index, Topics]:
    before = posts.found(frame)
    index = prepare(frame, embed(frame, frame), before, posts.AS_OF)
    assert index is not None
    return index, before


def _later(*texts: str) -> pl.DataFrame:
    return builders.messages(
        *(
            {
                "channel_id": 90 + n,
                "msg_id": 1,
                "text": text,
                "lang": "ru",
                "date": builders.FIRST + timedelta(hours=1, minutes=n),
            }
            for n, text in enumerate(texts)
        )
    )


def test_a_post_of_a_known_event_joins_its_topic() -> None:
    index, before = _index(posts.news())
    new = _later("Прорыв водовода: движение метро остановлено, станция «Рыбный рынок» закрыта.")
    after = attach(index, new, embed(new, new))
    grown = after.topics.join(before.topics, on="topic_id").filter(pl.col("messages") > pl.col("messages_right"))
    assert grown["messages"].to_list() == [4]
    assert grown["channels"].to_list() == [4]
    assert set(before.topics["topic_id"]) == set(after.topics["topic_id"])


def test_a_repeat_names_the_post_it_repeats() -> None:
    index, _ = _index(posts.news())
    new = _later(posts.METRO[0])
    after = attach(index, new, embed(new, new)).topic_messages
    assert after.filter(pl.col("channel_id") == 90)["duplicate_of"].to_list() == ["1/1"]


def test_two_posts_of_a_new_event_make_a_new_topic_and_a_stranger_none() -> None:
    index, before = _index(posts.news())
    new = _later(
        "На складе краски в порту вспыхнул пожар, горит тысяча метров.",
        "Пожар на складе краски в порту: площадь огня тысяча метров.",
        "Выставка кошек откроется в субботу.",
    )
    after = attach(index, new, embed(new, new))
    fresh = after.topics.filter(~pl.col("topic_id").is_in(before.topics["topic_id"].to_list()))
    assert fresh["messages"].to_list() == [2]
    assert 92 not in after.topic_messages["channel_id"].to_list()


def test_a_new_post_draws_a_lone_post_of_the_window_into_a_topic() -> None:
    index, before = _index(posts.news())
    new = _later("Шахматный турнир перенесли на лето из-за ремонта.")
    after = attach(index, new, embed(new, new))
    assert after.topics.height == before.topics.height + 1


def test_attaching_again_or_in_another_order_changes_nothing() -> None:
    index, _ = _index(posts.news())
    new = _later(posts.METRO[1], posts.BANK[0], "Выставка кошек откроется в субботу.")
    once = attach(index, new, embed(new, new))
    turned = attach(index, new.reverse(), embed(new, new).reverse())
    assert once.topics.equals(turned.topics)
    assert once.topic_messages.equals(turned.topic_messages)
    none = attach(index, posts.news(), embed(posts.news(), posts.news()))
    assert none.topics.equals(index.topics.topics)
