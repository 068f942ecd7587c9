"""Numbers, dates and times, and what they may mean."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.ai.figures import Reading, figures


def readings(text: str) -> set[Reading]:
    return {reading for figure in figures(text) for reading in figure.readings}


def number(value: str) -> Reading:
    return ("number", Decimal(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("180 тысяч", {number("180000")}),
        ("180 000", {number("180000")}),
        ("3,5 тонны", {number("3.5")}),
        ("1,400 km", {number("1400"), number("1.4")}),
        ("€412 million", {number("412000000")}),
        ("40–45 млн", {number("40000000"), number("45000000")}),
        ("пять станций", {number("5")}),
        ("twelve boats", {number("12")}),
        ("6–8%", {("percent", Decimal(6)), ("percent", Decimal(8))}),
        ("88 per cent", {("percent", Decimal(88))}),
        ("9 марта 2026", {("date", (3, 9)), number("2026")}),
        ("March 9", {("date", (3, 9))}),
        ("2026-03-09", {("date", (3, 9)), number("2026")}),
        ("09.03.2026", {("date", (3, 9)), number("2026")}),
        ("в 6:40", {("time", (6, 40))}),
        ("https://a.example/2026/5", set()),
        ("нет цифр", set()),
    ],
)
def test_figures_read_as_people_read_them(text: str, expected: set[Reading]) -> None:
    assert readings(text) == expected


@given(st.integers(1000, 999_999_999))
def test_grouping_does_not_change_a_number(value: int) -> None:
    plain = number(str(value))
    for separator in (" ", "\u00a0", ","):
        assert plain in {(kind, v) for kind, v in readings(f"было {value:,}".replace(",", separator))}


@given(st.text("0123456789 .,:-%мая тыс", max_size=40))
def test_any_text_has_figures_in_order_and_in_place(text: str) -> None:
    found = figures(text)
    assert [figure.start for figure in found] == sorted(figure.start for figure in found)
    assert all(0 <= figure.start < figure.end <= len(text) and figure.readings for figure in found)
