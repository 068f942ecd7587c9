"""Any text, any platform: what is fitted obeys the limit, and is cut where it hurts least."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.ai.text import open_quotes
from tgstudio_dagster.newsroom.fit import clean, fit
from tgstudio_dagster.newsroom.platforms import COUNTERS, PLATFORMS, Unit, utf8_length, utf16_length, x_length

PIECES = st.sampled_from(
    [
        "слово",
        "word",
        "漢字かな",
        "👩‍👩‍👧‍👦",
        "🇷🇺",
        "é",
        "https://t.me/channel/123",
        "Конец.",
        "«цитата»",
        "«",
        "»",
        "…",
        "\n\n",
        "e\u0301",
    ]
)
TEXT = st.one_of(st.lists(PIECES, max_size=60).map(" ".join), st.text(max_size=300), st.text("аб", max_size=400))


@given(TEXT, st.sampled_from(sorted(COUNTERS)), st.integers(1, 300))
def test_any_text_is_cut_to_any_limit_by_any_count(text: str, unit: Unit, limit: int) -> None:
    measure = COUNTERS[unit]
    fitted = fit(text, limit, measure)
    assert measure(fitted) <= limit
    fitted.encode()  # no lone surrogate is left
    assert clean(text).startswith(fitted.rstrip('»”“"').removesuffix("…").rstrip())


@given(st.lists(st.text(max_size=900), min_size=1, max_size=80).map(" ".join), st.sampled_from(sorted(PLATFORMS)))
def test_any_text_fits_every_platform(text: str, name: str) -> None:
    target = next(each for each in PLATFORMS.values() if each.name == name)
    assert target.length(fit(text, target.text_limit, target.length)) <= target.text_limit


@given(st.integers(1, 200))
def test_a_url_is_never_broken(limit: int) -> None:
    url = "https://t.me/some_channel/12345"
    text = f"Подробности здесь: {url} и там же ещё {url} вот"
    fitted = fit(text, limit, utf16_length)
    assert fitted.count("http") == fitted.count(url)


def test_it_cuts_after_a_sentence_then_after_a_word() -> None:
    text = "Первое предложение. Второе предложение длиннее."
    assert fit(text, 30, utf16_length) == "Первое предложение."
    assert fit(text, 12, utf16_length) == "Первое…"
    assert fit("слововообще", 6, utf16_length) == "слово…"


def test_a_cut_quotation_is_closed() -> None:
    fitted = fit("Канал пишет: «Очень длинная цитата без конца и края»", 30, utf16_length)
    assert fitted == "Канал пишет: «Очень длинная…»"
    assert open_quotes(fitted) == ""


def test_a_lone_surrogate_becomes_a_replacement_mark() -> None:
    assert fit("a\ud83d", 10, utf16_length) == "a\ufffd"


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("hello", 5),
        ("привет", 6),
        ("漢字", 4),
        ("https://t.me/a/1", 23),
        ("a https://example.com/very/long/path/that/goes/on/and/on/for/ever b", 27),
        ("(https://t.me/a/1).", 26),
        ("t.me/a", 23),
        ("«да» — “no”…", 13),
    ],
)
def test_x_counts_by_its_published_weights(text: str, weight: int) -> None:
    assert x_length(text) == weight


def test_telegram_counts_utf16_and_threads_bytes() -> None:
    assert utf16_length("a👩я") == 4
    assert utf8_length("a👩я") == 7
