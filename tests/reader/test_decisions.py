"""The pure decisions of the reader: what is due, which history is next, which files, and what it begins first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.catalog.follows.standings import Files, Standing, Unfilled
from tgstudio_dagster.catalog.follows.wishes import ReadWish
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.reader.decide import history, jobs, media, reading

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
EARLIEST = date(2020, 1, 1)
IDLE: dict[str, Any] = {"reading_now": set(), "fetching_now": set(), "attempts": {}, "earliest": EARLIEST}


def standing(tenant: str = "acme", **given: Any) -> Standing:
    return Standing(tenant, **({"every": HOUR, "accounts": ("a",), "listening": ("a",)} | given))


def due(*standings: Standing, busy: frozenset[str] = frozenset()) -> list[str]:
    return reading.decide(standings, busy=set(busy), now=NOW)


def test_a_tenant_with_nothing_to_read_is_never_read() -> None:
    assert due(standing(listening=())) == []
    assert due(standing(listening=(), requested=(NOW + MINUTE,))) == []
    assert due(standing(listening=(), requested=(NOW,))) == ["acme"]


def test_a_tenant_that_was_never_read_is_read_at_once() -> None:
    assert due(standing()) == ["acme"]


def test_the_cadence_of_the_plan_counts_from_the_last_start() -> None:
    assert due(standing(started_at=NOW - HOUR)) == ["acme"]
    assert due(standing(started_at=NOW - HOUR + MINUTE)) == []
    assert due(standing(started_at=NOW - 6 * MINUTE, every=5 * MINUTE)) == ["acme"]


def test_who_wakes_a_tenant_makes_it_due_at_once_and_only_once() -> None:
    assert due(standing(started_at=NOW - MINUTE, woken_at=NOW)) == ["acme"]
    assert due(standing(started_at=NOW, woken_at=NOW - MINUTE)) == []


def test_a_tenant_that_is_woken_all_the_time_is_not_read_without_a_pause() -> None:
    assert due(standing(started_at=NOW - timedelta(seconds=29), woken_at=NOW)) == []
    assert due(standing(started_at=NOW - timedelta(seconds=30), woken_at=NOW)) == ["acme"]


def test_a_flood_wait_is_waited_for_and_then_followed_at_once() -> None:
    assert due(standing(started_at=NOW - 5 * HOUR, woken_at=NOW, waits_until=NOW + MINUTE)) == []
    assert due(standing(started_at=NOW - MINUTE, waits_until=NOW)) == ["acme"]


def test_a_wait_that_ended_before_the_last_reading_says_nothing_any_more() -> None:
    assert due(standing(started_at=NOW - MINUTE, waits_until=NOW - HOUR)) == []


def test_a_busy_tenant_waits_its_turn_and_the_longest_overdue_goes_first() -> None:
    rows = [standing(name, started_at=NOW - n * HOUR) for name, n in (("a", 1), ("b", 3), ("c", 2))]
    assert due(*rows, busy=frozenset({"c"})) == ["b", "a"]


def test_a_reading_fills_the_days_that_are_observed_again() -> None:
    assert reading.reading_days(date(2026, 3, 15)) == DayRange(date(2026, 3, 13), date(2026, 3, 15))


def unfilled(days: int = 100, filled: date = TODAY, channel: int = 1) -> Unfilled:
    return Unfilled(channel, filled - timedelta(days=days), filled, ())


def slices(*standings: Standing, **given: Any) -> list[history.Slice]:
    return history.decide(standings, **({"earliest": EARLIEST, "busy": set(), "attempts": {}, "now": NOW} | given))


def test_history_is_read_in_slices_from_the_newest_day_back() -> None:
    (one,) = slices(standing(unfilled=(unfilled(),)))
    assert one.days == DayRange(TODAY - timedelta(days=31), TODAY - timedelta(days=1))
    (last,) = slices(standing(unfilled=(unfilled(5),)))
    assert last.days == DayRange(TODAY - timedelta(days=5), TODAY - timedelta(days=1))


def test_history_without_end_is_read_to_the_first_day_there_is() -> None:
    (one,) = slices(standing(unfilled=(Unfilled(1, None, EARLIEST + timedelta(days=3), ()),)))
    assert one.days == DayRange(EARLIEST, EARLIEST + timedelta(days=2))


def test_one_slice_a_tenant_and_none_for_a_busy_or_waiting_one() -> None:
    rows = [standing("a", unfilled=(unfilled(), unfilled(7, channel=2))), standing("b", unfilled=(unfilled(),))]
    assert [one.tenant for one in slices(*rows, busy={"b"})] == ["a"]
    assert slices(standing(unfilled=(unfilled(),), waits_until=NOW + MINUTE)) == []
    assert len(slices(standing(unfilled=(unfilled(),), waits_until=NOW))) == 1


def test_a_slice_that_got_nowhere_is_tried_again_ever_less_often_but_never_given_up() -> None:
    row = standing(unfilled=(unfilled(),))
    version = slices(row)[0].version

    def after(count: int, ago: timedelta) -> int:
        return len(slices(row, attempts={f"acme:{version}": history.Attempts(count, NOW - ago)}))

    assert [after(1, MINUTE), after(3, 3 * MINUTE), after(3, 4 * MINUTE)] == [1, 0, 1]
    assert [after(40, 5 * HOUR), after(40, 6 * HOUR)] == [0, 1]


@given(st.integers(1, 400))
def test_slices_reach_every_day_of_the_depth_once(days: int) -> None:
    since, filled = TODAY - timedelta(days=days), TODAY
    covered: list[DayRange] = []
    while filled > since and (found := slices(standing(unfilled=(Unfilled(1, since, filled, ()),)))):
        covered += [found[0].days]
        filled = found[0].days.first
    assert filled == since
    assert all(
        later.first == earlier.last + timedelta(days=1) for earlier, later in zip(covered[1:], covered, strict=False)
    )


def files(*days: int, later: timedelta = -MINUTE) -> tuple[Files, ...]:
    return tuple(Files(TODAY - timedelta(days=day), 3, NOW + later) for day in days)


def test_files_that_wait_are_fetched_newest_days_first_and_a_month_at_once() -> None:
    (fetch,) = media.decide([standing(files=files(0, 5, 30, 31))], busy=set(), now=NOW)
    assert sorted(fetch.days) == [TODAY - timedelta(days=day) for day in (30, 5, 0)]


def test_files_are_left_alone_until_their_time_and_while_the_tenant_fetches() -> None:
    assert media.decide([standing(files=files(1, later=MINUTE))], busy=set(), now=NOW) == []
    assert media.decide([standing(files=files(1))], busy={"acme"}, now=NOW) == []


def begun(*standings: Standing, **given: Any) -> list[tuple[str, str]]:
    return [(job.kind, job.tenant) for job in jobs.decide(standings, **(IDLE | given), now=NOW)]


def test_what_somebody_waits_for_comes_first_then_what_is_due_then_history_and_files_beside() -> None:
    wish = ReadWish(id="w", tenant="acme", first=None, last=None)
    everything = {"unfilled": (unfilled(),), "files": files(1)}
    assert begun(standing(wishes=(wish,), **everything)) == [("wish", "acme"), ("files", "acme")]
    assert begun(standing(**everything)) == [("read", "acme"), ("files", "acme")]
    assert begun(standing(started_at=NOW, **everything)) == [("history", "acme"), ("files", "acme")]


def test_a_tenant_that_is_read_is_not_read_twice_and_holds_up_no_other() -> None:
    both = [standing("a", files=files(1)), standing("b")]
    assert begun(*both, reading_now={"a"}) == [("read", "b"), ("files", "a")]
    assert begun(*both, reading_now={"a", "b"}, fetching_now={"a"}) == []


def test_a_wish_for_days_fills_those_and_another_fills_what_every_reading_does() -> None:
    wish = ReadWish(id="w", tenant="acme", first=date(2026, 1, 1), last=date(2026, 1, 31))
    (job,) = jobs.decide([standing(wishes=(wish,))], **IDLE, now=NOW)
    assert job.days == DayRange(date(2026, 1, 1), date(2026, 1, 31))
    (job,) = jobs.decide([standing(wishes=(ReadWish(id="w", tenant="acme"),))], **IDLE, now=NOW)
    assert job.days == reading.reading_days(TODAY)
