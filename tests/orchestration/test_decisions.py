"""The pure decisions of the sensors: partitions, news of files, orders, alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.orchestration.decide import alerts, files, orders, tenants

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
names = st.sets(st.sampled_from(["a", "b", "c", "d"]))


@given(names, names, names)
def test_partitions_become_the_living_tenants_once_no_run_is_left(
    active: set[str], known: set[str], busy: set[str]
) -> None:
    changes = tenants.decide(active, known, busy)
    after = (known | set(changes.add)) - set(changes.remove)
    assert after == active | set(changes.waiting)
    assert not set(changes.remove) & busy


def test_news_of_files_become_one_run_of_their_days() -> None:
    news = files.News("acme", {TODAY - timedelta(days=n): (f"n{n}",) for n in (0, 5, 30, 31)})
    (run,) = files.decide([news, files.News("b", {})], busy=set())
    assert run.days == tuple(DayRange(day, day) for day in (TODAY - timedelta(days=n) for n in (30, 5, 0)))
    assert files.decide([news], busy={"acme"}) == []
    (later,) = files.decide([files.News("acme", {TODAY: ("other",)})], busy=set())
    assert later.run_key != run.run_key


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
