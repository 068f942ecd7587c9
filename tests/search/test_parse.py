"""What is understood of what a person types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.search.parse import MAX_CHARS, Clause, parse


def test_words_phrases_beginnings_and_words_to_leave_out() -> None:
    query = parse('Ёлки "закон о бюджете" прези* -реклама -"купить слона"')
    assert query.wanted == (
        Clause("word", ("елк",)),
        Clause("phrase", ("закон", "о", "бюджет")),
        Clause("prefix", ("прези", "през")),
    )
    assert query.unwanted == (Clause("word", ("реклам",)), Clause("phrase", ("куп", "слон")))


@pytest.mark.parametrize("text", ["«новый закон»", "“новый закон”", "„новый закон“", '"новый закон', 'новый" закон'])
def test_quotes_of_every_kind_make_a_phrase_and_an_open_one_reaches_to_the_end(text: str) -> None:
    phrase = parse(text).wanted
    assert phrase == parse('"новый закон"').wanted or phrase == parse("новый закон").wanted


def test_a_word_with_a_hyphen_is_a_phrase_and_its_hyphen_leaves_nothing_out() -> None:
    assert parse("Санкт-Петербург F-16") == parse('"санкт петербург" "f 16"')


def test_stop_words_are_passed_over_unless_there_is_nothing_else() -> None:
    assert parse("что и как с законом").wanted == (Clause("word", ("закон",)),)
    assert {clause.terms[0] for clause in parse("и не на").wanted} == {"и", "не", "на"}


@pytest.mark.parametrize("text", ["", "   ", "🎉🔥", '""', "-", "*", "-*", "!?.,:;", "()[]{}"])
def test_a_query_without_a_word_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="type at least one word"):
        parse(text)


def test_only_words_to_leave_out_are_refused() -> None:
    with pytest.raises(QueryError, match="beside those to leave out"):
        parse('-реклама -"купить слона"')


def test_a_beginning_of_one_letter_is_refused() -> None:
    with pytest.raises(QueryError, match="at least 2 letters"):
        parse("п*")


def test_ten_thousand_characters_are_refused_and_a_whole_post_is_not() -> None:
    with pytest.raises(QueryError, match=r"10,000 characters; give at most 4,096"):
        parse("слово " * 1_666 + "слов")
    assert len(parse(" ".join(f"w{n}x" for n in range(500))[:MAX_CHARS]).wanted) > 400


def test_syntax_of_other_engines_is_words_and_signs() -> None:
    query = parse("""title:закон AND (бюджет OR x') ; DROP TABLE posts -- ^2 ~3 [a TO b] NEAR/2 \\ "' """)
    assert all(clause.terms for clause in query.wanted)
    assert Clause("word", ("drop",)) in query.wanted


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_with_a_reason(text: str) -> None:
    try:
        query = parse(text)
    except QueryError:
        return
    assert query.wanted
    assert all(term and " " not in term for clause in (*query.wanted, *query.unwanted) for term in clause.terms)
