"""The trailing window and the moment it speaks of."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import frame, messages
from tgstudio_dagster.lake.tables.posts import MESSAGE_STATS, MESSAGES
from tgstudio_dagster.topics.window import WINDOW_DAYS, as_of, window_days

DAY = date(2026, 3, 14)
END = datetime.combine(DAY, time.max, UTC)
moments = st.lists(st.datetimes(datetime(2026, 3, 1), datetime(2026, 4, 1), timezones=st.just(UTC)), max_size=6)


@given(st.dates(date(2020, 1, 8), date(2090, 1, 1)))
def test_a_window_is_seven_days_that_end_with_its_day(day: date) -> None:
    days = window_days(day)
    assert len(days) == WINDOW_DAYS
    assert days[-1] == day
    assert all(later - earlier == timedelta(days=1) for earlier, later in itertools.pairwise(days))


@given(posted=moments, observed=moments)
def test_as_of_is_the_newest_thing_seen_or_the_end_of_the_day(posted: list[datetime], observed: list[datetime]) -> None:
    posts = (
        messages(*({"msg_id": n, "date": moment} for n, moment in enumerate(posted, 1))) if posted else MESSAGES.empty()
    )
    stats = frame(
        MESSAGE_STATS, [{"channel_id": 1, "msg_id": n, "observed_at": moment} for n, moment in enumerate(observed)]
    )
    times = [*observed, *posts["date"], *posts["observed_at"]]
    assert as_of(DAY, posts, stats) == min(max(times, default=END), END)


def test_a_day_that_is_over_speaks_of_its_end() -> None:
    late = frame(MESSAGE_STATS, [{"channel_id": 1, "msg_id": 1, "observed_at": END + timedelta(days=3)}])
    assert as_of(DAY, MESSAGES.empty(), late) == END


def test_a_day_that_is_not_over_speaks_of_its_newest_observation() -> None:
    noon = END - timedelta(hours=12)
    stats = frame(MESSAGE_STATS, [{"channel_id": 1, "msg_id": 1, "observed_at": noon}])
    assert as_of(DAY, MESSAGES.empty(), stats) == noon
