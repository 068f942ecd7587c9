"""The pure decisions of the sensors: partitions, readings, history, orders, alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.orchestration.decide import alerts, history, media, orders, reading, tenants

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
names = st.sets(st.sampled_from(["a", "b", "c", "d"]))


def wish(tenant: str = "acme", **given: object) -> reading.Reading:
    return reading.Reading(tenant, **({"wanted": True, "every": HOUR} | given))  # type: ignore[arg-type]


def due(
    *wishes: reading.Reading, busy: frozenset[str] = frozenset(), failed: dict[str, int] | None = None
) -> list[str]:
    return [one.tenant for one in reading.decide(wishes, busy=set(busy), failed_attempts=failed or {}, now=NOW)]


@given(names, names, names)
def test_partitions_become_the_living_tenants_once_no_run_is_left(
    active: set[str], known: set[str], busy: set[str]
) -> None:
    changes = tenants.decide(active, known, busy)
    after = (known | set(changes.add)) - set(changes.remove)
    assert after == active | set(changes.waiting)
    assert not set(changes.remove) & busy


def test_a_tenant_without_account_or_wish_is_never_read() -> None:
    assert due(wish(wanted=False)) == []


def test_a_tenant_that_was_never_read_is_read_at_once() -> None:
    assert due(wish()) == ["acme"]


def test_the_cadence_of_the_plan_counts_from_the_last_start() -> None:
    assert due(wish(started_at=NOW - HOUR)) == ["acme"]
    assert due(wish(started_at=NOW - HOUR + MINUTE)) == []
    assert due(wish(started_at=NOW - 6 * MINUTE, every=5 * MINUTE)) == ["acme"]


def test_a_live_hint_makes_a_tenant_due_at_once_and_only_once() -> None:
    assert due(wish(started_at=NOW - MINUTE, asked_at=NOW)) == ["acme"]
    assert due(wish(started_at=NOW, asked_at=NOW - MINUTE)) == []


def test_a_channel_that_never_rests_does_not_have_its_tenant_read_without_a_pause() -> None:
    assert due(wish(started_at=NOW - timedelta(seconds=29), asked_at=NOW)) == []
    assert due(wish(started_at=NOW - timedelta(seconds=30), asked_at=NOW)) == ["acme"]


def test_a_flood_wait_is_waited_for_and_then_followed_at_once() -> None:
    long = wish(started_at=NOW - 5 * HOUR, asked_at=NOW, waits_until=NOW + MINUTE)
    assert due(long) == []
    over = wish(started_at=NOW - MINUTE, waits_until=NOW)
    assert due(over) == ["acme"]


def test_a_wait_that_ended_before_the_last_reading_says_nothing_any_more() -> None:
    assert due(wish(started_at=NOW - MINUTE, waits_until=NOW - HOUR)) == []


def test_a_busy_tenant_waits_its_turn_and_the_longest_overdue_goes_first() -> None:
    wishes = [wish(name, started_at=NOW - n * HOUR) for name, n in (("a", 1), ("b", 3), ("c", 2))]
    assert due(*wishes, busy=frozenset({"c"})) == ["b", "a"]


def test_a_run_that_never_began_is_tried_again_under_another_key_and_ever_less_often() -> None:
    late = wish(started_at=NOW - 3 * HOUR)
    version = (NOW - 3 * HOUR).isoformat()
    (first,) = reading.decide([late], busy=set(), failed_attempts={}, now=NOW)
    (second,) = reading.decide([late], busy=set(), failed_attempts={f"acme:{version}": 1}, now=NOW)
    assert first.run_key != second.run_key
    assert due(late, failed={f"acme:{version}": 5}) == []


def test_a_reading_run_covers_the_hours_that_are_observed_again() -> None:
    assert reading.reading_days(date(2026, 3, 15)) == DayRange(date(2026, 3, 13), date(2026, 3, 15))


def backlog(tenant: str = "acme", days: int = 100, filled: date = TODAY, **given: object) -> history.Backlog:
    since = filled - timedelta(days=days)
    return history.Backlog(tenant, **({"since": since, "filled_from": filled, "version": "v"} | given))  # type: ignore[arg-type]


def slices(*backlogs: history.Backlog, **given: object) -> list[history.Slice]:
    return history.decide(backlogs, **({"busy": set(), "attempts": {}, "now": NOW} | given))  # type: ignore[arg-type]


def test_history_is_read_in_slices_from_the_newest_day_back() -> None:
    (one,) = slices(backlog())
    assert one.days == DayRange(TODAY - timedelta(days=31), TODAY - timedelta(days=1))
    (last,) = slices(backlog(days=5))
    assert last.days == DayRange(TODAY - timedelta(days=5), TODAY - timedelta(days=1))


def test_history_that_is_filled_starts_nothing() -> None:
    assert slices(backlog(days=0)) == []


def test_one_slice_a_tenant_and_none_for_a_busy_or_waiting_one() -> None:
    assert [one.tenant for one in slices(backlog("a"), backlog("a", 7), backlog("b"), busy={"b"})] == ["a"]
    assert slices(backlog(waits_until=NOW + MINUTE)) == []
    assert len(slices(backlog(waits_until=NOW))) == 1


def test_a_slice_that_got_nowhere_is_tried_again_ever_less_often_but_never_given_up() -> None:
    version = slices(backlog())[0].version

    def after(count: int, ago: timedelta) -> int:
        return len(slices(backlog(), attempts={f"acme:{version}": history.Attempts(count, NOW - ago)}))

    assert [after(1, MINUTE), after(3, 3 * MINUTE), after(3, 4 * MINUTE)] == [1, 0, 1]
    assert [after(40, 5 * HOUR), after(40, 6 * HOUR)] == [0, 1]


@given(st.integers(1, 400))
def test_slices_reach_every_day_of_the_depth_once(days: int) -> None:
    since = TODAY - timedelta(days=days)
    filled, covered = TODAY, []
    while found := slices(history.Backlog("acme", since, filled, str(filled))):
        covered += [found[0].days]
        filled = found[0].days.first
    assert filled == since
    assert all(
        later.first == earlier.last + timedelta(days=1) for earlier, later in zip(covered[1:], covered, strict=False)
    )


def files(day: int, tenant: str = "acme", files: int = 3, later: timedelta = -MINUTE) -> media.Backlog:
    return media.Backlog(tenant, TODAY - timedelta(days=day), files, NOW + later)


def test_files_that_wait_are_fetched_newest_days_first_and_a_month_at_once() -> None:
    (fetch,) = media.decide([files(0), files(5), files(30), files(31)], busy=set(), now=NOW)
    assert fetch.days == DayRange(TODAY - timedelta(days=30), TODAY)


def test_files_are_left_alone_until_their_time_and_while_the_tenant_is_busy() -> None:
    assert media.decide([files(1, later=MINUTE)], busy=set(), now=NOW) == []
    assert media.decide([files(1), files(1, "b")], busy={"b"}, now=NOW)[0].tenant == "acme"


def test_a_backlog_that_was_tried_again_gets_another_run() -> None:
    (first,) = media.decide([files(1)], busy=set(), now=NOW)
    (second,) = media.decide([files(1, later=-2 * MINUTE)], busy=set(), now=NOW)
    assert first.run_key != second.run_key


def test_an_order_starts_once_and_again_when_it_is_queued_again() -> None:
    one = orders.Waiting("acme-1", "acme", NOW, ("editor_results",))
    (first,), (same,) = orders.decide([one], set()), orders.decide([one], {"acme-1"})
    assert (first.run_key, first.new_partition, same.new_partition) == (same.run_key, True, False)
    (again,) = orders.decide([replace(one, changed_at=NOW + MINUTE)], {"acme-1"})
    assert again.run_key != first.run_key
    assert first.assets == ("editor_results",)
    assert orders.decide([replace(one, missing=())], set()) == []


def told(count: int, apart: timedelta = MINUTE) -> list[int]:
    """Numbers of the alerts told of a series of failures."""
    times = [NOW + n * apart for n in range(count)]
    found = [
        alerts.decide(alerts.Failure("run", "refresh", "acme", "disk full", at), times[:n])
        for n, at in enumerate(times)
    ]
    return [alert.number for alert in found if alert is not None]


def test_a_series_of_failures_is_told_ever_less_often() -> None:
    assert told(20) == [1, 2, 4, 8, 16]


def test_a_failure_after_a_quiet_time_is_a_new_series() -> None:
    assert told(3, apart=7 * HOUR) == [1, 1, 1]


def test_an_alert_names_its_number_and_the_error_without_blanks() -> None:
    alert = alerts.decide(alerts.Failure("r1", "refresh", "acme", " disk full\n", NOW), [])
    assert alert == alerts.Alert(1, "disk full")
