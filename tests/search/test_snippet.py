"""The part of a post that is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.search.snippet import LENGTH, snippet
from tgstudio_dagster.search.words import term

FILLER = "слово " * 200


def shown(text: str, *stems: str) -> tuple[str, list[str]]:
    line, marks = snippet(text, lambda words: [word for word in words if word[2] in stems])
    return line, [line[start:end] for start, end in marks]


def test_a_short_text_is_shown_whole_on_one_line_with_its_words_marked() -> None:
    assert shown("Новый\n\nзакон 🎉 о законах", "закон") == ("Новый закон 🎉 о законах", ["закон", "законах"])


def test_a_long_text_is_cut_around_the_words_asked_for() -> None:
    line, marked = shown(f"закон {FILLER} закон о бюджете {FILLER}", "закон", "бюджет")
    assert marked == ["закон", "бюджете"]
    assert line.startswith("…слово") and line.endswith("слово…")


def test_a_long_text_without_such_a_word_is_shown_from_its_beginning() -> None:
    line, marked = shown(f"начало {FILLER}", "закон")
    assert line.startswith("начало слово") and marked == []


@given(st.lists(st.sampled_from(["закон", "Бюджет,", "слово", "🎉", "\n", "x" * 300]), max_size=150))
def test_marks_are_always_on_the_words_and_the_length_is_kept(words: list[str]) -> None:
    line, marks = snippet(" ".join(words), lambda spans: [span for span in spans if span[2] in {"закон", "бюджет"}])
    assert len(line) <= LENGTH + 2
    assert all(term(line[start:end]) in {"закон", "бюджет"} for start, end in marks)
    assert bool(marks) == any(word in words for word in ("закон", "Бюджет,"))
