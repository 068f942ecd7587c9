"""What belongs to a word, whatever its script."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.letters import (
    LETTERS,
    MARKS,
    SYLLABLE,
    cut_at,
    is_hashtag,
    is_simple,
    one_spelling,
    syllables,
)


@pytest.mark.parametrize(
    "word",
    [
        "हिन्दी",
        "കവിത",
        "ข่าววันนี้",
        "القُطار",
        "שָׁלוֹם",
        "Ё́лка",
        "ශ්‍රී",
        "বাংলা",
        "தமிழ்",
        "မြန်မာ",
        "ភ្នំពេញ",
        "co\u00adop",
        "й".replace("й", "и\u0306"),
    ],
)
def test_a_word_is_one_word(word: str) -> None:
    assert re.findall(LETTERS, f"«{word}», {word}") == [word, word]


def test_marks_are_those_of_letters_and_not_of_emoji() -> None:
    mark = re.compile(f"[{MARKS}]")
    assert all(mark.match(char) for char in "\u0301\u064f\u05b8\u093f\u0d3f\u0e49\u0ec9\u17d2\u103a\U00011038")
    assert not mark.search("aя️⃣🏽 .-_1\u200d")


@pytest.mark.parametrize(
    ("written", "one"),
    [
        ("Ё́лка", "Ёлка"),
        ("Е\u0308\u0301лка", "Ёлка"),
        ("и\u0306од кафе́", "йод кафе"),
        ("اللّٰهِ الرَّحْمٰنِ", "الله الرحمن"),
        ("شـــكرا", "شكرا"),
        ("שָׁלוֹם", "שלום"),
        ("под\u00adписка", "подписка"),
        ("ශ්\u200dරී", "ශ්රී"),
        ("น\u0e4d\u0e49\u0e32", "น้ำ"),
        ("नमस्ते हिन्दी", "नमस्ते हिन्दी"),
        ("café Müller Việt", "café Müller Việt"),
    ],
)
def test_a_word_has_one_spelling(written: str, one: str) -> None:
    assert one_spelling(written) == one


@given(st.text(max_size=60))
def test_one_spelling_of_any_text_is_stable_and_composed(text: str) -> None:
    once = one_spelling(text)
    assert one_spelling(once) == once
    assert is_simple(once) or unicodedata.is_normalized("NFC", once)


@given(st.text(st.characters(min_codepoint=0x0E01, max_codepoint=0x0EDF), max_size=40))
def test_syllables_lose_no_letter_of_thai_and_lao(text: str) -> None:
    for run in re.findall(f"(?:{SYLLABLE})+", text):
        assert "".join(syllables(run)) == run


@pytest.mark.parametrize("text", ["กรุงเทพมหานครน้ำท่วมหนัก", "မြန်မာနိုင်ငံ", "ភ្នំពេញ", "नमस्ते"])
def test_a_cut_parts_no_letter_from_its_marks(text: str) -> None:
    for length in range(1, len(text)):
        cut = cut_at(text, length)
        assert len(cut) <= length or unicodedata.category(cut[length]) in ("Mn", "Mc")
        assert unicodedata.category(text[len(cut)]) not in ("Mn", "Mc") or len(cut) == length


def test_hashtags_hold_letters_with_their_marks() -> None:
    assert all(map(is_hashtag, ["हिन्दी_समाचार", "ข่าววันนี้", "هوش\u200cمصنوعی", "музей", "col·lecció", "b2b"]))
    assert not any(map(is_hashtag, ["", "2024", "a b", "a-b", "#a", "\u0e49", "a\n"]))
