"""Topics, their labels and their edge cases."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.topics import posts
from tgstudio_dagster.core.errors import ContractError
from tgstudio_dagster.lake.tables.topics import EMBEDDINGS
from tgstudio_dagster.topics.cluster import find_topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.lab.evaluate import pair_score
from tgstudio_dagster.topics.label import title
from tgstudio_dagster.topics.linkage import average_linkage


def test_posts_of_one_event_make_one_topic_and_lone_posts_none() -> None:
    topics = posts.found(posts.news())
    channels = topics.topic_messages.group_by("topic_id").agg(pl.col("channel_id").sort()).sort("channel_id")
    assert channels["channel_id"].to_list() == [[1, 2, 3], [11, 12, 13]]
    assert topics.topics.sort("first_seen")["channels"].to_list() == [3, 3]


def test_a_topic_has_a_title_keywords_and_language_of_its_posts() -> None:
    metro = posts.found(posts.news()).topics.sort("first_seen").row(0, named=True)
    assert metro["lang"] == "ru"
    assert any(text.startswith(metro["title"].rstrip("…")) for text in posts.METRO)
    assert 5 <= len(metro["keywords"]) <= 10
    assert {"метро", "водовод"} & set(metro["keywords"])


def test_the_order_of_rows_changes_nothing() -> None:
    first = posts.news()
    second = first.sample(fraction=1, shuffle=True, seed=4)
    one, two = posts.found(first), posts.found(second)
    assert one.topics.equals(two.topics)
    assert one.topic_messages.equals(two.topic_messages)


def test_a_topic_keeps_its_id_when_posts_join_it() -> None:
    frame = posts.news()
    before = posts.found(frame.filter(pl.col("channel_id") != 3)).topics["topic_id"]
    assert set(before) == set(posts.found(frame).topics["topic_id"])


def test_service_messages_comments_deleted_and_future_posts_take_no_part() -> None:
    text = posts.BANK[0]
    late = posts.AS_OF + timedelta(hours=1)
    frame = builders.messages(
        {"channel_id": 1, "text": text},
        {"channel_id": 2, "text": text, "type": "service"},
        {"channel_id": 3, "text": text, "deleted_at": posts.AS_OF},
        {"channel_id": 4, "text": text, "date": late},
        {"channel_id": 5, "text": ""},
        {"channel_id": 6, "text": text, "comment_on": 1, "comment_channel": 1},
    )
    assert posts.found(frame).topics.is_empty()


@pytest.mark.parametrize("texts", [[], ["Одна новость дня"], ["🔥", "🔥", "🎉🎉"], [" ", "\n"]])
def test_too_little_to_say_gives_no_topics(texts: list[str]) -> None:
    topics = posts.found(posts.texts(*texts))
    assert topics.topics.is_empty() and topics.topic_messages.is_empty()


def test_thousands_of_equal_posts_are_one_topic_of_repeats() -> None:
    topics = posts.found(
        posts.texts(*["Биткоин обновил максимум года на торгах"] * 3000), posts.AS_OF + timedelta(days=6)
    )
    assert topics.topics["messages"].to_list() == [3000]
    repeats = topics.topic_messages.sort("date")["duplicate_of"].to_list()
    assert repeats == [None] + ["1/1"] * 2999


def test_long_posts_and_mixed_scripts_have_defined_results() -> None:
    long = " ".join(f"слово{n}" for n in range(10_000))
    topics = posts.found(posts.texts(long, long + " конец", "新闻 مرحبا привет hello", "новости दुनिया"))
    assert topics.topics["messages"].to_list() == [2]
    assert len(topics.topics["title"][0]) <= 90


def test_a_forward_repeats_the_earlier_post_and_does_not_represent_the_topic() -> None:
    frame = builders.messages(
        {"channel_id": 1, "text": posts.METRO[0]},
        {"channel_id": 2, "text": posts.METRO[0] + " Подробности позже.", "forwarded_from": "Канал 1"},
        {"channel_id": 3, "text": posts.METRO[1]},
    )
    topics = posts.found(frame)
    assert topics.topic_messages.sort("channel_id")["duplicate_of"].to_list() == [None, "1/1", None]
    assert topics.topics["channel_id"][0] != 2


def test_the_same_subject_four_days_later_is_another_topic() -> None:
    later = {"date": builders.FIRST + timedelta(days=4)}
    frame = builders.messages(
        *({"channel_id": n + 1, "text": text} for n, text in enumerate(posts.BANK[:2])),
        *({"channel_id": n + 5, "text": text, **later} for n, text in enumerate(posts.BANK[1:])),
    )
    assert posts.found(frame, builders.FIRST + timedelta(days=5)).topics.height == 2


def test_embeddings_of_another_model_are_refused_by_name() -> None:
    frame = posts.news()
    other = embed(frame, frame).with_columns(model=pl.lit("lexical/0"))
    with pytest.raises(ContractError, match="lexical/0"):
        find_topics(frame, other, posts.AS_OF)


def test_no_messages_make_no_embeddings() -> None:
    none = builders.messages()
    assert embed(none, none).equals(EMBEDDINGS.empty())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Мост на ул. Ленина закрыт до 5 мая. Объезд есть.", "Мост на ул. Ленина закрыт до 5 мая"),
        ("#метро #город\nДвижение по линии восстановлено!", "Движение по линии восстановлено!"),
        ("#только #хештеги", "только хештеги"),
        ("слово " * 40, "слово " * 14 + "слово…"),
        ("a" * 200, "a" * 89 + "…"),
    ],
)
def test_a_title_is_the_first_sentence_cut_between_words(text: str, wanted: str) -> None:
    assert title(text) == wanted
    assert len(title(text)) <= 90


def test_linkage_merges_while_the_mean_reaches_the_threshold() -> None:
    import numpy as np
    from scipy.sparse import csr_matrix

    graph = csr_matrix([[0, 0.9, 0.1, 0], [0.9, 0, 0.3, 0], [0.1, 0.3, 0, 0], [0, 0, 0, 0]])
    assert average_linkage(graph, np.ones(4, dtype=np.int64), 0.2).tolist() == [0, 0, 0, 1]
    assert average_linkage(graph, np.ones(4, dtype=np.int64), 0.21).tolist() == [0, 0, 1, 2]
    assert average_linkage(graph, np.array([1, 4, 1, 1]), 0.25).tolist() == [0, 0, 0, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1)), max_size=12))
@settings(deadline=None)
def test_pair_score_counts_pairs(rows: list[tuple[int, int, int]]) -> None:
    events = [(story, event) for event, _, story in rows]
    clusters, stories = [row[1] for row in rows], [row[2] for row in rows]
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    right = sum(events[i] == events[j] and clusters[i] == clusters[j] for i, j in pairs)
    wrong = sum(stories[i] != stories[j] and clusters[i] == clusters[j] for i, j in pairs)
    score = pair_score(events, clusters, stories)
    assert score.precision == (right / (right + wrong) if right + wrong else 1.0)
