"""The parts that pages share: figures as people read them, links in what somebody wrote, texts that are cut."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some

from streamlit_app import formats
from streamlit_app.components.media import media_html
from streamlit_app.components.post import linked, marked, post_html
from tests.builders import FIRST

ROW: dict[str, Any] = {
    "channel_id": 5, "msg_id": 9, "channel": "harbour", "channel_title": "Harbour", "date": FIRST, "text": "", "type": "text",
    "url": "https://t.me/harbour/9",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _russian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {"language": "ru"})


def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {"language": "en"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (950, "950"),
        (9_999, "9\u202f999"),
        (12_345, "12,3 тыс."),
        (999_960, "1,0 млн"),
        (123_456_789, "123 млн"),
    ],
)
def test_counters_are_short(value: float | None, text: str) -> None:
    assert formats.short(value) == text


def test_numbers_are_written_as_the_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert formats.number(1234.5, 1) == "1\u202f234,5"
    english(monkeypatch)
    assert formats.number(1234.5, 1) == "1,234.5"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 с"), (35, "35 с"), (125, "2 мин\u00a05 с"), (7200, "2 ч"), (90_000, "1 д\u00a01 ч"), (None, "—")],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0\u00a0Б"), (1536, "1,5\u00a0КБ"), (20 * 2**20, "20,0\u00a0МБ")])
def test_sizes_are_told_in_the_unit_that_suits(count: int, text: str) -> None:
    assert formats.size(count) == text


def test_times_are_told_in_the_tenants_zone() -> None:
    moment = datetime(2026, 3, 9, 22, 30, tzinfo=UTC)
    assert formats.moment(moment, ZoneInfo("Europe/Moscow")) == "10\u00a0мар\u00a02026, 01:30"


def test_addresses_and_names_become_links() -> None:
    html = linked("Read https://example.org/a?b=1&c=2, ask @harbour_desk")
    assert '<a href="https://example.org/a?b=1&amp;c=2"' in html
    assert 'href="https://t.me/harbour_desk"' in html
    assert "c=2</a>, ask" in html


@given(some.text(max_size=300))
def test_no_text_gets_markup_of_its_own_into_the_page(text: str) -> None:
    html = linked(text)
    without = html.replace("<br>", "")
    assert without.count("<") == 2 * without.count("</a>")


@given(some.text(max_size=100), some.lists(some.tuples(some.integers(0, 100), some.integers(0, 100)), max_size=4))
def test_marks_add_nothing_but_marks(text: str, pairs: list[tuple[int, int]]) -> None:
    places = sorted({place for pair in pairs for place in pair if place <= len(text)})
    marks = list(zip(places[::2], places[1::2], strict=False))
    plain = marked(text, marks).replace("<mark>", "").replace("</mark>", "")
    assert plain == marked(text, [])


def test_a_long_text_is_cut_between_words_and_all_of_it_is_there() -> None:
    text = "word " * 400
    html = post_html({**ROW, "text": text}, ZoneInfo("UTC"))
    assert "<details>" in html
    assert html.count("word") == 400


def test_a_link_that_is_not_telegrams_is_no_permalink() -> None:
    assert "javascript:" not in post_html({**ROW, "url": "javascript:alert(1)"}, ZoneInfo("UTC"))


def test_more_pictures_than_fit_are_counted() -> None:
    item = {"kind": "photo", "mime": "image/jpeg", "status": "stored", "width": 4, "height": 3, "uri": "ab.jpg"}
    html = media_html({**ROW, "media": [{**item, "index": n} for n in range(10)]})
    assert html.count("<img") == 6 and "+4" in html
