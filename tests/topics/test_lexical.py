"""Features and cleaning."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from tests import builders
from tgstudio_dagster.topics.clean import clean_texts
from tgstudio_dagster.topics.footers import repeated_lines
from tgstudio_dagster.topics.lexical import DIMENSIONS, STEMS, features

LETTERS = "абвгдж ёz9,-🙂"  # one line: all of it is the lead, and counts are whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(LETTERS, max_size=60), max_size=5))
def test_ngrams_are_counted_as_scikit_learn_counts_char_wb(texts: list[str]) -> None:
    result = features(texts)
    for row, text in enumerate(texts):
        if not any(char.isalnum() for char in text):
            continue
        found = slice(result.bounds[row], result.bounds[row + 1])
        counts = np.exp(result.values[found] - 1)[result.indices[found] >= STEMS]
        if not len(counts):  # a text of stop words and single letters says nothing and has no features at all
            continue
        analyze = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5)).build_analyzer()
        assert round(float(counts.sum())) == len(analyze(text.replace("ё", "е")))


@given(st.lists(st.text(max_size=200), max_size=6))
@settings(max_examples=60, deadline=None)
def test_features_of_any_text_rise_within_bounds(texts: list[str]) -> None:
    result = features(texts)
    assert len(result.bounds) == len(texts) + 1
    for row in range(len(texts)):
        indices = result.indices[result.bounds[row] : result.bounds[row + 1]].astype(np.int64)
        assert (np.diff(indices) > 0).all()
        assert (indices < DIMENSIONS).all()


def test_features_do_not_depend_on_the_other_texts() -> None:
    texts = [f"новость номер {n} о погоде в порту" for n in range(1500)]
    alone, together = features(texts[-1:]), features(texts)
    assert together.indices[together.bounds[-2] :].tolist() == alone.indices.tolist()


def test_emoji_and_punctuation_alone_have_no_features() -> None:
    assert len(features(["🔥🔥🔥", "?!… —", ""]).indices) == 0


def test_a_footer_of_a_channel_is_taken_out_of_its_posts_only() -> None:
    footer = "👉 Подписаться на [Канал](https://t.me/kanal)"
    own = [{"channel_id": 1, "text": f"Новость {n} о разном\n\n{footer}"} for n in range(10)]
    frame = builders.messages(*own, {"channel_id": 2, "msg_id": 99, "text": f"Цитата\n{footer}"})
    cleaned = clean_texts(frame, repeated_lines(frame)).to_list()
    assert cleaned[3] == "Новость 3 о разном"
    assert cleaned[-1] == "Цитата\nПодписаться на Канал"


def test_links_mentions_emoji_and_marks_are_taken_out() -> None:
    frame = builders.messages({"text": "⚡️**Срочно** @kanal: см. https://news.example/a?b=1 тут"})
    assert clean_texts(frame, repeated_lines(frame)).to_list() == ["Срочно : см. тут"]
