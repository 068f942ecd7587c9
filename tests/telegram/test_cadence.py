"""When posts are observed again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.telegram.reading.cadence import Cadence, due

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SCHEMA = {
    "channel_id": pl.Int64,
    "msg_id": pl.Int64,
    "album": pl.List(pl.Int64),
    "date": pl.Datetime("us", "UTC"),
    "observed_at": pl.Datetime("us", "UTC"),
}
DEFAULT = Cadence.parse("1h:10m,6h:30m,24h:2h,48h:6h")
minutes = st.integers(0, 4 * 24 * 60)


def seen(msg_id: int, posted: int, observed: int, album: list[int] | None = None) -> tuple[object, ...]:
    """A post of `posted` minutes ago, last observed `observed` minutes ago."""
    return (1, msg_id, album or [], NOW - timedelta(minutes=posted), NOW - timedelta(minutes=observed))


def due_ids(*rows: tuple[object, ...], cadence: Cadence = DEFAULT) -> list[int]:
    return due(pl.DataFrame(list(rows), schema=SCHEMA, orient="row"), NOW, cadence)["msg_id"].to_list()


def test_a_young_post_is_due_soon_and_an_old_one_late() -> None:
    assert due_ids(seen(1, 50, 10), seen(2, 50, 9)) == [1]
    assert due_ids(seen(1, 5 * 60, 30), seen(2, 5 * 60, 29)) == [1]
    assert due_ids(seen(1, 47 * 60, 6 * 60), seen(2, 47 * 60, 5 * 60)) == [1]


def test_a_post_older_than_the_last_step_is_never_due() -> None:
    assert due_ids(seen(1, 48 * 60, 40 * 60), seen(2, 48 * 60 - 1, 40 * 60)) == [2]


def test_the_newest_observation_of_a_post_counts() -> None:
    assert due_ids(seen(1, 50, 30), seen(1, 50, 5)) == []
    assert due_ids(seen(1, 50, 5), seen(1, 50, 30)) == []


def test_posts_of_two_channels_with_one_id_are_two() -> None:
    frame = pl.DataFrame([seen(7, 50, 20), (2, *seen(7, 50, 20)[1:])], schema=SCHEMA, orient="row")
    assert due(frame, NOW, DEFAULT)["channel_id"].to_list() == [1, 2]


def test_an_album_keeps_its_members() -> None:
    frame = pl.DataFrame([seen(7, 50, 20, [7, 8, 9])], schema=SCHEMA, orient="row")
    assert due(frame, NOW, DEFAULT)["album"].to_list() == [[7, 8, 9]]


def test_nothing_is_due_of_nothing() -> None:
    assert due_ids() == []


@given(minutes, minutes, st.integers(0, 600))
def test_what_is_due_stays_due_until_it_is_observed_or_too_old(posted: int, observed: int, later: int) -> None:
    frame = pl.DataFrame([seen(1, posted, min(posted, observed))], schema=SCHEMA, orient="row")
    steps = DEFAULT.steps
    was = due(frame, NOW, DEFAULT).height
    then = NOW + timedelta(minutes=later)
    age = timedelta(minutes=posted + later)
    same_step = [step for step in steps if timedelta(minutes=posted) < step.age][:1] == [
        step for step in steps if age < step.age
    ][:1]
    if was and same_step:
        assert due(frame, then, DEFAULT).height == 1
    if age >= DEFAULT.horizon:
        assert due(frame, then, DEFAULT).is_empty()


def test_the_days_hold_every_post_that_may_be_due() -> None:
    assert DEFAULT.days(NOW) == [date(2026, 3, 8), date(2026, 3, 9), date(2026, 3, 10)]


def test_the_default_of_the_settings_is_a_cadence() -> None:
    default = TelegramSettings.model_fields["observe"].default
    assert Cadence.parse(default) == DEFAULT


@pytest.mark.parametrize("text", ["", "1h", "1d:2h", "2h:10m,1h:5m", "1h:0m", "1h:10m,"])
def test_what_is_no_cadence_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="TELEGRAM_OBSERVE"):
        Cadence.parse(text)
