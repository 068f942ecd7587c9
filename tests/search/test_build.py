"""The SEARCH_INDEX of a day, and what counts as a word."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.search import lakes
from tgstudio_dagster.lake.tables.search import SEARCH_INDEX
from tgstudio_dagster.search.build import index_day, small
from tgstudio_dagster.search.words import spans, terms
from tgstudio_dagster.topics.embed import embed


def test_posts_with_a_word_are_in_it_as_stems_and_as_they_were_written() -> None:
    rows = index_day(
        builders.messages(
            {"text": "Ёлки и Президенты 🎉"},
            {"text": "The presidents' laws"},
            {"text": "🎉🎉"},
            {"text": ""},
            {"text": "joined", "type": "service"},
        )
    )
    assert rows["words"].to_list() == ["елк и президент", "the presid law"]
    assert rows["text"].to_list() == ["Ёлки и Президенты 🎉", "The presidents' laws"]


def test_deleted_posts_and_comments_are_in_it_and_marked() -> None:
    rows = index_day(
        builders.messages(
            {"deleted_at": builders.FIRST + timedelta(hours=1)}, {"comment_on": 1, "comment_channel": 1001}, {}
        )
    )
    assert rows.select("deleted", "comment").rows() == [(True, False), (False, True), (False, False)]


def test_a_day_without_a_post_has_an_empty_index() -> None:
    assert index_day(builders.messages()).equals(SEARCH_INDEX.empty())


def test_dense_vectors_of_the_text_as_it_stands_are_taken_in_whole_numbers() -> None:
    messages = builders.messages({"text": "one"}, {"text": "two"}, {"text": "three"})
    embeddings = lakes.dense(messages[:2], [[0.5, -1.0], [0.0, 0.0]])
    edited = builders.messages({"text": "one"}, {"text": "two, edited"}, {"text": "three"})
    rows = index_day(edited, embeddings)
    assert rows.select("model", "vector").rows() == [("model", [64, -127]), (None, None), (None, None)]
    assert index_day(messages, embeddings)["vector"].to_list() == [[64, -127], [0, 0], None]


def test_lexical_features_are_left_to_the_topics() -> None:
    messages = builders.messages({"text": "one"})
    row = index_day(messages, embed(messages)).select("model", "vector").row(0)
    assert row == (None, None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ещё ЕЩЕ", ["ещ", "ещ"]),
        ("из-за 1,5 млрд", ["из", "за", "1", "5", "млрд"]),
        ("@some_channel #выборы2024", ["some", "channel", "выбор", "2024"]),
        ("Trump’s wall", ["trump", "wall"]),
        ("北京 2026年", ["北", "京", "2026", "年"]),
        ("и\u0306од йод", ["йод", "йод"]),
        ("https://t.me/news/123?x=1 дальше", ["https", "t", "me", "дальш"]),
        ("x" * 5000, ["x" * 64]),
    ],
)
def test_what_counts_as_a_word(text: str, found: list[str]) -> None:
    assert terms(text) == found


@given(st.text(max_size=300))
def test_words_stand_where_they_are_said_to_and_hold_no_space(text: str) -> None:
    last = 0
    for start, end, stem in spans(text):
        assert last <= start < end <= len(text)
        assert stem and not any(sign.isspace() for sign in stem)
        last = end


def test_the_direction_of_a_vector_survives_being_made_small() -> None:
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(50, 384)).astype(np.float32) * 1e-3
    whole = small(vectors).astype(np.float64)
    cosines = (whole * vectors).sum(axis=1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(vectors, axis=1)
    assert cosines.min() > 0.999
