"""Cursors: what a page of a list wrote its next page reads, and nothing else passes for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core import cursor as cursors
from tgstudio_dagster.core.errors import QueryError

NOON = datetime(2026, 3, 9, 12, 0, 0, 5, tzinfo=UTC)
whole = st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(datetime(2013, 8, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(st.lists(st.text() | whole, min_size=1, max_size=4))
def test_a_place_is_read_as_it_was_written(place: list[str | int]) -> None:
    assert cursors.read_place(cursors.write_place(place), tuple(map(type, place))) == place


@given(moments, whole, whole)
def test_a_filtered_place_is_read_as_it_was_written(moment: datetime, channel_id: int, msg_id: int) -> None:
    mark = cursors.mark_of(["a"], None)
    written = cursors.write_filtered(mark, moment, channel_id, msg_id)
    assert cursors.read_filtered(written, mark, 2, of="feed") == (moment, channel_id, msg_id)


@given(st.integers(0, 999_999))
def test_an_offset_is_read_as_it_was_written(offset: int) -> None:
    assert cursors.read_offset(cursors.write_offset(offset)) == offset
    assert cursors.read_offset(cursors.write_offset(offset, "0a1b"), "0a1b") == offset
    assert cursors.read_offset(None) == cursors.read_offset(None, "0a1b") == 0


@given(moments)
def test_a_moment_is_read_as_it_was_written(moment: datetime) -> None:
    assert cursors.read_moment(cursors.write_moment(moment, "01ab"), of="history") == (moment, "01ab")


@given(st.integers(0, 2**70))
def test_base_36_is_what_int_reads(number: int) -> None:
    assert int(cursors.base36(number), 36) == number


def test_programs_keep_the_cursors_that_they_have() -> None:
    assert cursors.write_place(["2026-03-09", 7]) == "WyIyMDI2LTAzLTA5Iiw3XQ"
    assert cursors.write_filtered("0a1b2c3d", NOON, 1001, 7) == "MGExYjJjM2QuMTc3MzA1NzYwMDAwMDAwNS4xMDAxLjc"
    assert (cursors.write_offset(20), cursors.write_offset(20, "0a1b")) == ("20", "20-0a1b")
    assert cursors.write_moment(NOON, "01ab") == "2026-03-09T12:00:00.000005+00:00~01ab"
    assert cursors.mark_of(None, None, ["1001"], [], [], []) == "6b1c8747"


@pytest.mark.parametrize(
    "read",
    [
        lambda text: cursors.read_place(text, (str, int)),
        lambda text: cursors.read_filtered(text, "0a1b2c3d", 2, of="feed"),
        lambda text: cursors.read_offset(text),
        lambda text: cursors.read_offset(text, "0a1b"),
        lambda text: cursors.read_moment(text, of="history"),
    ],
    ids=["place", "filtered", "offset", "offset of filters", "moment"],
)
@pytest.mark.parametrize(
    "text",
    [
        "", "~", "-", "-1", "1-", "7-other", "٣", "²-0a1b", "nothing", "\0", "é", "=" * 9, "2026-03-09T12:00:00~01ab",
        "2026-03-09T12:00:00+00:00~../etc", cursors.write_place([1, "a"]), cursors.write_place(["a"]), "W" * 40_000,
        cursors.write_filtered("other", NOON, 1, 2), cursors.write_filtered("0a1b2c3d", NOON, 1),
        cursors.write_filtered("0a1b2c3d", NOON, 1, 2**63), cursors.write_place([True, 1]),
    ],
)  # fmt: skip
def test_what_is_no_cursor_of_the_list_is_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(QueryError, match="cursor: ") as refusal:
        read(text)
    assert refusal.value.field == "cursor"


def test_pages_follow_each_other_though_items_come_and_go() -> None:
    items = [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    first, cursor = cursors.paged(items, lambda item: item, cursor=None, limit=2)
    assert first == items[:2] and cursor is not None
    changed = [("0", 0), *items[2:], ("e", 5)]
    assert cursors.paged(changed, lambda item: item, cursor=cursor, limit=9) == ([*items[2:], ("e", 5)], None)
