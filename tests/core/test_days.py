"""Days and months: how ranges are written, joined, and boxed into months."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.days import (
    DayRange,
    as_ranges,
    by_adjacent_months,
    format_ranges,
    month_days,
    next_month,
    parse_ranges,
)
from tgstudio_dagster.core.errors import SettingsError

DAYS = st.dates(date(2013, 8, 1), date(2031, 1, 1))


@given(st.sets(DAYS, min_size=1, max_size=40))
def test_ranges_hold_exactly_their_days_and_are_read_as_they_are_written(days: set[date]) -> None:
    ranges = as_ranges(days)
    assert [day for found in ranges for day in found] == sorted(days)
    assert parse_ranges(format_ranges(ranges)) == ranges


@given(DAYS)
def test_months_follow_each_other_without_a_gap(day: date) -> None:
    month = month_days(day)
    assert month.first <= day <= month.last
    assert (next_month(day) - month.last).days == 1


def test_ranges_with_a_whole_month_between_them_are_runs_of_their_own() -> None:
    march, april, june = (DayRange(date(2026, month, 5), date(2026, month, 9)) for month in (3, 4, 6))
    assert by_adjacent_months([june, march, april]) == [(march, april), (june,)]


def test_a_day_alone_is_a_range_of_one() -> None:
    assert parse_ranges("2026-03-01..2026-03-02, 2026-03-09") == [
        DayRange(date(2026, 3, 1), date(2026, 3, 2)),
        DayRange(date(2026, 3, 9), date(2026, 3, 9)),
    ]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-02..2026-03-01", "2026-03-01..", "2026-13-01"])
def test_what_is_no_range_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"write 2026-03-01\.\.2026-03-07"):
        parse_ranges(text)
