"""What a history costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.telegram.reading.estimate import Estimate, estimate, messages_between, together


def test_five_thousand_messages_at_a_page_a_second_take_fifty_one_requests() -> None:
    assert estimate(5000, page_seconds=1) == Estimate(5000, 51, 51 / 60)


def test_nothing_still_takes_one_request() -> None:
    assert estimate(0, page_seconds=1).requests == 1


def test_without_a_pace_the_answers_take_their_time() -> None:
    assert estimate(100, page_seconds=0).minutes > 0


def test_a_channel_without_holes_is_counted_exactly() -> None:
    assert messages_between(first_id=901, last_id=1000, newest_id=1000, total=1000) == 100


def test_holes_thin_out_the_difference_of_ids() -> None:
    assert messages_between(first_id=501, last_id=1000, newest_id=1000, total=200) == 100


@given(st.integers(1, 10**6), st.data())
def test_never_more_than_there_are_nor_less_than_none(newest: int, data: st.DataObject) -> None:
    total = data.draw(st.integers(0, newest))
    first = data.draw(st.integers(1, newest))
    last = data.draw(st.integers(0, newest))
    found = messages_between(first_id=first, last_id=last, newest_id=newest, total=total)
    assert 0 <= found <= total
    assert messages_between(first_id=1, last_id=newest, newest_id=newest, total=total) == total


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 10))
def test_more_messages_never_cost_less(few: int, more: int, pace: float) -> None:
    few, more = sorted((few, more))
    assert estimate(few, page_seconds=pace).minutes <= estimate(more, page_seconds=pace).minutes


def test_channels_of_one_account_add_up() -> None:
    assert together([Estimate(1, 2, 3.0), Estimate(10, 20, 30.0)]) == Estimate(11, 22, 33.0)
    assert together([]) == Estimate(0, 0, 0.0)
