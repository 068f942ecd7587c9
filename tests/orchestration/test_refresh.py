"""The pure decisions: which days, which tenants, which attempts."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.orchestration.decide.refresh import MAX_ATTEMPTS, Pending, decide, ranges
from tgstudio_dagster.topics.window import WINDOW_DAYS, window_days

DAY = date(2026, 3, 9)
some_days = st.sets(st.integers(0, 60).map(lambda n: DAY + timedelta(days=n)), max_size=12)


def pending(tenant: str = "acme", days: int = 1) -> Pending:
    return Pending(tenant, {DAY + timedelta(days=n): (f"batch{n}",) for n in range(days)}, ())


def test_nothing_waits_so_nothing_runs() -> None:
    assert ranges([], [DAY]) == []
    assert decide([Pending("acme", {}, (DAY,))], set(), {}) == []


def test_a_late_post_reaches_every_window_that_holds_its_day() -> None:
    newest = DAY + timedelta(days=20)
    assert ranges([DAY], [DAY, newest]) == [DayRange(DAY, DAY + timedelta(days=WINDOW_DAYS - 1))]


def test_a_range_never_passes_the_newest_day() -> None:
    assert ranges([DAY], [DAY]) == [DayRange(DAY, DAY)]


def test_idle_years_between_two_days_are_not_filled() -> None:
    later = DAY + timedelta(days=1000)
    assert ranges([DAY, later], []) == [
        DayRange(DAY, DAY + timedelta(days=WINDOW_DAYS - 1)),
        DayRange(later, later),
    ]


@given(pending=some_days, known=some_days)
def test_ranges_cover_every_window_that_changes_and_never_overlap(pending: set[date], known: set[date]) -> None:
    found = ranges(pending, known)
    covered = [one.first + timedelta(days=n) for one in found for n in range((one.last - one.first).days + 1)]
    assert len(covered) == len(set(covered))
    changed = {day for day in known | pending if set(window_days(day)) & pending}
    assert changed <= set(covered)


def test_a_busy_tenant_waits_and_the_others_go_on() -> None:
    started = decide([pending("acme"), pending("bravo")], {"acme"}, {})
    assert [one.tenant for one in started] == ["bravo"]


def test_new_content_gets_a_new_run_key_and_the_same_content_keeps_it() -> None:
    first, again, more = (decide([pending(days=n)], set(), {})[0] for n in (1, 1, 2))
    assert first.run_key == again.run_key
    assert first.run_key != more.run_key


def test_a_failing_refresh_is_tried_again_but_not_for_ever() -> None:
    first = decide([pending()], set(), {})[0]
    second = decide([pending()], set(), {first.version: 1})[0]
    assert second.run_key != first.run_key
    assert decide([pending()], set(), {first.version: MAX_ATTEMPTS}) == []
