"""Sentences, quotation marks, shingles and overlap."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.ai.text import open_quotes, overlap, quoted_spans, sentences, shingles, unquoted, words

WORDS = st.lists(st.text("абвгдежз", min_size=1, max_size=6), min_size=5, max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Первое. Второе!", ["Первое.", "Второе!"]),
        ("Длина 3,5 т. Мост закрыт.", ["Длина 3,5 т. Мост закрыт."]),
        ("Сказал И. Иванов. Ушёл.", ["Сказал И. Иванов.", "Ушёл."]),
        ("Bikes go on at gate C. The shed closes.", ["Bikes go on at gate C.", "The shed closes."]),
        ("Dr. Winslow said so. It ends.", ["Dr. Winslow said so.", "It ends."]),
        ("«Он идёт. Он пришёл», — писали все. Конец", ["«Он идёт. Он пришёл», — писали все.", "Конец"]),
        ("Строка\nещё строка", ["Строка", "ещё строка"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_an_unclosed_mark_quotes_nothing() -> None:
    assert quoted_spans("он сказал «да и ушёл") == []
    assert open_quotes("он сказал «да и „ушёл") == "“»"


def test_nested_quotations_are_one() -> None:
    text = "А «на „Рыбном рынке“ льёт» и всё"
    assert unquoted(text) == ["А ", " и всё"]


@given(st.text('ab «»“”„"', max_size=40))
def test_quoted_spans_are_in_order_and_apart(text: str) -> None:
    spans = quoted_spans(text)
    assert all(start < end for start, end in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    assert len(unquoted(text)) == len(spans) + 1


@given(WORDS)
def test_a_copied_text_overlaps_fully_and_a_quoted_one_not_at_all(tokens: list[str]) -> None:
    text = " ".join(tokens)
    assert overlap([text], [text]) == 1.0
    assert overlap([f"«{text}»"], [text]) == 0.0


@given(WORDS, WORDS)
def test_overlap_is_a_share(one: list[str], two: list[str]) -> None:
    assert 0.0 <= overlap([" ".join(one)], [" ".join(two)]) <= 1.0


@given(WORDS)
def test_there_is_a_shingle_for_every_start(tokens: list[str]) -> None:
    found = list(shingles(tokens))
    assert len(found) == len(tokens) - 4
    assert all(list(shingle) == tokens[place : place + 5] for place, shingle in enumerate(found))


def test_a_shingle_never_spans_a_quotation() -> None:
    assert overlap(["один два три «слова» четыре пять"], ["один два три четыре пять"]) == 0.0


def test_words_ignore_case_links_and_yo() -> None:
    assert words("Ещё  Один https://a.example/b пост") == ["еще", "один", "пост"]
