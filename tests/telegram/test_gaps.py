"""Ranges of ids behave as the sets they stand for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.telegram.reading.gaps import Gaps, add, size, subtract, within

ends = st.tuples(st.integers(1, 60), st.integers(1, 60))


@st.composite
def gaps(draw: st.DrawFn) -> Gaps:
    found: Gaps = ()
    for first, last in draw(st.lists(ends, max_size=6)):
        found = add(found, first, last)
    return found


def ids(ranges: Gaps) -> set[int]:
    return {one for low, high in ranges for one in range(low, high + 1)}


def assert_tidy(ranges: Gaps) -> None:
    assert all(low <= high for low, high in ranges)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))
    assert size(ranges) == len(ids(ranges))


@given(gaps(), ends)
def test_adding_is_union(ranges: Gaps, ends: tuple[int, int]) -> None:
    added = add(ranges, *ends)
    assert ids(added) == ids(ranges) | set(range(ends[0], ends[1] + 1))
    assert_tidy(added)


@given(gaps(), ends)
def test_subtracting_is_difference(ranges: Gaps, ends: tuple[int, int]) -> None:
    left = subtract(ranges, *ends)
    assert ids(left) == ids(ranges) - set(range(ends[0], ends[1] + 1))
    assert_tidy(left)


@given(gaps(), ends)
def test_what_lies_within_is_intersection(ranges: Gaps, ends: tuple[int, int]) -> None:
    inside = within(ranges, *ends)
    assert ids(inside) == ids(ranges) & set(range(ends[0], ends[1] + 1))
    assert_tidy(inside)


@given(gaps(), ends)
def test_what_was_missing_and_is_read_is_missing_no_more(ranges: Gaps, ends: tuple[int, int]) -> None:
    assert subtract(add(ranges, *ends), *ends) == subtract(ranges, *ends)


def test_touching_gaps_are_one() -> None:
    assert add(((1, 4),), 5, 9) == ((1, 9),)
    assert add(((1, 4),), 6, 9) == ((1, 4), (6, 9))


def test_reading_the_middle_of_a_gap_leaves_two() -> None:
    assert subtract(((1, 100),), 40, 60) == ((1, 39), (61, 100))
